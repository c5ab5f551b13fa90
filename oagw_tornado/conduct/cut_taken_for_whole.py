"""A client took a truncated stream for a complete one.

A body may end properly although the stream in it is incomplete: no finish reason, no ``[DONE]``, no ``message_stop``
(HTML Standard, 9.2: a stream that ends is not a stream that is complete). A client that notices retries or closes the
connection. One that does neither, and uses the connection again, took what it got for the whole reply. If HTTP itself
shows the cut (a reset, a missing chunk), no client can be mistaken in this way.
"""

from __future__ import annotations

from collections import Counter

from oagw_tornado.conduct.entry import ConductEntry
from oagw_tornado.conduct.finding import Case, Finding, Findings, Line

RULE = "cut-taken-for-whole"

#: Seconds that a client has to try again or to close.
GRACE = 2.0


def findings(case: Case) -> Findings:
    later: dict[int, ConductEntry] = {}  # the next request on each connection
    tries: Counter[bytes] = Counter()  # of each request, those that came later
    found = []
    for entry in reversed(case.entries):
        if entry.outcome == "fault:truncate" and entry.is_stream and entry.status < 400 and not tries[entry.key]:
            finding = _finding(entry, later.get(entry.connection), case)
            if finding is not None:
                found.append(finding)
        later[entry.connection] = entry
        tries[entry.key] += 1
        yield None
    yield from reversed(found)


def _finding(entry: ConductEntry, next: ConductEntry | None, case: Case) -> Finding | None:
    ended = entry.ended if entry.ended is not None else entry.begun
    is_late = case.is_over or case.now > ended + GRACE
    if not entry.connection or not is_late:
        return None
    if next is not None:
        went_on = Line(
            next.begun, next.id, f"{next.asked} came on the same connection; the cut stream was not tried again"
        )
    elif entry.connection in case.open_connections:
        went_on = Line(ended, entry.id, "the connection stayed open, and the stream was not tried again")
    else:
        return None
    cut = Line(ended, entry.id, f"{entry.asked}: cut after {len(entry.sent)} events")
    return Finding(RULE, "error", "took a stream that was cut short for a whole one", (cut, went_on))
