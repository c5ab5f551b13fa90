"""A gateway did not cancel its upstream request when its own client had left.

An upstream cannot see when that client leaves, so a test reports it (``POST /_sim/marks/{name}``). With HTTP/1.1 the
only way to cancel is to close the connection (RFC 9112, section 9.6); until then the model's tokens cost money.
"""

from __future__ import annotations

from oagw_tornado.conduct.entry import ConductEntry
from oagw_tornado.conduct.finding import Case, Finding, Findings, Line
from oagw_tornado.conduct.marks import Mark

RULE = "late-cancel"


def findings(case: Case) -> Findings:
    known = {entry.id for entry in case.entries}
    for mark in case.marks:
        if mark.received:
            continue
        for entry in case.entries:
            if mark.name in known and entry.id != mark.name:
                continue
            if entry.begun <= mark.time and (entry.ended is None or entry.ended > mark.time):
                went_on = (case.now if entry.ended is None else entry.ended) - mark.time
                if went_on > case.cancel_within:
                    yield _finding(mark, entry, went_on, case.cancel_within)
        yield None


def _finding(mark: Mark, entry: ConductEntry, went_on: float, allowed: float) -> Finding:
    if entry.ended is None:
        end = f"still reads, {went_on:.3f} s later"
    elif entry.outcome == "client-left":
        end = f"left {went_on:.3f} s later"
    else:
        end = f"read on for {went_on:.3f} s: {entry.outcome}"
    left = sum(entry.begun + at <= mark.time for at in entry.sent)
    return Finding(
        RULE,
        "error",
        f"went on for {went_on:.3f} s after its own client had left; allowed are {allowed:.3g} s",
        (
            Line(entry.begun, entry.id, f"{entry.asked}: under way, {left} events by then"),
            Line(mark.time, entry.id, f"mark {mark.name!r}: its client left"),
            Line(mark.time + went_on, entry.id, f"it {end}, after {len(entry.sent)} events"),
        ),
    )
