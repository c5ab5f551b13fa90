"""A client retried a request that was certain to fail again.

``X-Should-Retry: false`` says so, and without it a 4xx other than 408, 409, 425 and 429 that does not say when to come
back: the request itself is at fault (RFC 9110, section 15.5). The SDKs of OpenAI and Anthropic retry neither.
"""

from __future__ import annotations

from oagw_tornado.conduct.advice import TRANSIENT
from oagw_tornado.conduct.entry import ConductEntry
from oagw_tornado.conduct.finding import Case, Finding, Findings, Line
from oagw_tornado.conduct.retries import retries

RULE = "futile-retry"


def findings(case: Case) -> Findings:
    for call in case.calls:
        for first, then in retries(call):
            if is_futile(first) and not _is_poll(first, then):
                yield Finding(
                    RULE,
                    "error",
                    f"tried again what was answered {first.answered}",
                    (
                        Line(first.begun, first.id, f"{first.asked}: {first.answered}"),
                        Line(then.begun, then.id, f"the same again: {then.answered}"),
                    ),
                )
        yield None


def is_futile(entry: ConductEntry) -> bool:
    """Whether the reply says that the same request would fail again."""
    if entry.advice.should_retry is not None:
        return not entry.advice.should_retry
    is_plain = 400 <= entry.status < 500 and entry.status not in TRANSIENT
    return is_plain and entry.advice.wait is None


def _is_poll(first: ConductEntry, then: ConductEntry) -> bool:
    """Who asks again for what is not there yet waits for it."""
    return first.status == 404 and first.method in ("GET", "HEAD") and then.attempt is None
