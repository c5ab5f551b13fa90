"""A client went on reading after the last event of the stream.

``data: [DONE]`` ends an OpenAI stream and ``message_stop`` an Anthropic one, whether or not the body has ended.
Behind a gateway the end of the body may come late or never, and a client that waits for it hangs. The fault
``hold-open`` brings this out, because it holds the end of the body back. OpenAI's API reference: streams are terminated
by ``data: [DONE]``.
"""

from __future__ import annotations

from oagw_tornado.conduct.entry import ConductEntry
from oagw_tornado.conduct.finding import Case, Finding, Findings, Line

RULE = "reads-past-done"

#: Seconds that a client has to leave when all has been said.
GRACE = 1.0


def findings(case: Case) -> Findings:
    for entry in case.entries:
        if "hold-open" in entry.faults and entry.sent:
            stayed = (entry.ended if entry.ended is not None else case.now) - (entry.begun + entry.sent[-1])
            if stayed > GRACE:
                yield _finding(entry, stayed)
        yield None


def _finding(entry: ConductEntry, stayed: float) -> Finding:
    done = entry.begun + entry.sent[-1]
    end = "is still there" if entry.ended is None else f"was there for {stayed:.3f} s more: {entry.outcome}"
    return Finding(
        RULE,
        "warning",
        f"went on reading for {stayed:.3f} s after the stream had said that it is done",
        (
            Line(done, entry.id, f"{entry.asked}: the last of {len(entry.sent)} events left"),
            Line(done + stayed, entry.id, f"the client {end}"),
        ),
    )
