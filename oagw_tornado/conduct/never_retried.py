"""A client never retried although a 429 or 503 had asked it to.

A 503 is temporary, and ``Retry-After`` says for how long (RFC 9110, section 15.6.4; 429: RFC 6585, section 4);
``X-Should-Retry: true`` asks for a retry outright. If the wait is longer than a minute, a client may give up: the
SDKs of OpenAI and Anthropic do.
"""

from __future__ import annotations

from collections import Counter

from oagw_tornado.conduct.entry import ConductEntry
from oagw_tornado.conduct.finding import Case, Finding, Findings, Line

RULE = "never-retried"

STATUSES = frozenset((429, 503, 529))
#: Seconds: a client need not wait longer than that.
WORTH_WAITING = 60.0
#: Seconds beside the wait itself that a client has to come back.
GRACE = 2.0


def findings(case: Case) -> Findings:
    number = Counter(entry.key for entry in case.entries)
    for call in case.calls:
        entry = call[0]
        if len(call) == 1 and not entry.attempt and number[entry.key] == 1 and _asks(entry) and _is_late(entry, case):
            yield Finding(
                RULE,
                "warning",
                f"never tried again, though a {entry.status} asked for it{entry.advice}",
                (Line(entry.begun, entry.id, f"{entry.asked}: {entry.answered}; nothing came after that"),),
            )
        yield None


def _asks(entry: ConductEntry) -> bool:
    advice = entry.advice
    if entry.status not in STATUSES or advice.should_retry is False or entry.ended is None:
        return False
    return (advice.wait is not None and advice.wait <= WORTH_WAITING) or (
        advice.wait is None and advice.should_retry is True
    )


def _is_late(entry: ConductEntry, case: Case) -> bool:
    wait = entry.advice.wait or 0.0
    return case.is_over or case.now > (entry.ended or entry.begun) + 2 * wait + GRACE
