"""A client came back before ``Retry-After`` was over.

RFC 9110, section 10.2.3: how long the client ought to wait before its next request. The SDKs of OpenAI and Anthropic
wait that long (``retry-after-ms``, then ``retry-after``; up to 60 s).
"""

from __future__ import annotations

from oagw_tornado.conduct.finding import Case, Finding, Findings, Line
from oagw_tornado.conduct.retries import Retry, retries

RULE = "early-retry"


def findings(case: Case) -> Findings:
    for call in case.calls:
        for retry in retries(call):
            wait = retry.first.advice.wait
            if wait is not None and retry.first.status >= 400 and retry.wait < wait - _slack(retry):
                yield _finding(retry, wait)
        yield None


def _slack(retry: Retry) -> float:
    """Clocks differ by some milliseconds; a date has whole seconds."""
    wait = retry.first.advice.wait or 0.0
    return 1.0 if retry.first.advice.is_date else max(0.005, 0.02 * wait)


def _finding(retry: Retry, wait: float) -> Finding:
    first, then = retry
    return Finding(
        RULE,
        "error",
        f"came back after {retry.wait:.3f} s where a {first.status} had asked for {wait:.3g} s",
        (
            Line(first.begun, first.id, f"{first.asked}: {first.answered}"),
            Line(then.begun, then.id, f"the same again, {retry.wait:.3f} s after that reply"),
        ),
    )
