"""A request contains a tool result without the call that it answers.

OpenAI's and Anthropic's APIs refuse it: each ``tool_call_id`` (``call_id``, ``tool_use_id``) must name an earlier
call. It happens when a history is cut in the wrong place, or ids are regenerated on the way.
"""

from __future__ import annotations

from oagw_tornado.conduct.finding import Case, Finding, Findings, Line

RULE = "orphan-tool-result"


def findings(case: Case) -> Findings:
    for entry in case.entries:
        if entry.unknown_results:
            names = ", ".join(repr(id[:80]) if id else "one without an id" for id in entry.unknown_results)
            yield Finding(
                RULE,
                "error",
                f"sent the result of a tool without its call: {names}",
                (Line(entry.begun, entry.id, f"{entry.asked}: no call before it has the id of {names}"),),
            )
        yield None
