"""What the knobs make of a reply before it is planned: its line endings, and what faults change in it as a whole."""

from __future__ import annotations

from dataclasses import replace

from oagw_tornado.knobs.vocabulary import Knobs
from oagw_tornado.reply.problem import ErrorWriter
from oagw_tornado.reply.reply import Reply
from oagw_tornado.reply.schedule import Frame, TimedStream
from oagw_tornado.reply.sse import LINE_ENDINGS, with_line_ending
from oagw_tornado.units.knob_errors import InapplicableKnob


def amend(reply: Reply, knobs: Knobs) -> tuple[Reply, Knobs]:
    """The reply that `knobs` make of what a service said, and the knobs that hold for it.

    A fault that the request asked for itself must have a meaning for such a reply, else
    `oagw_tornado.units.knob_errors.InapplicableKnob` is raised. Those of a rule or of the server stand for replies of
    all kinds: those without a meaning are left out, of the knobs too.
    """
    fitting = []
    for fault in knobs.fault or ():
        try:
            reply = fault.amend(reply, knobs.source or "upstream")
        except InapplicableKnob:
            if knobs.own_fault:
                raise
        else:
            fitting.append(fault)
    if knobs.fault and len(fitting) < len(knobs.fault):
        knobs = replace(knobs, fault=type(knobs.fault)(fitting))
    if knobs.line_ending != "lf" and reply.is_event_stream:
        ending = LINE_ENDINGS[knobs.line_ending]
        frames = reply.frames or ()
        reply = replace(
            reply,
            frames=frames.rewritten(lambda data: with_line_ending(data, ending))
            if isinstance(frames, TimedStream)
            else (Frame(with_line_ending(frame.data, ending), *frame[1:]) for frame in frames),
            sign_of_life=with_line_ending(reply.sign_of_life, ending) if reply.sign_of_life is not None else None,
            error_event=_ending(reply.error_event, ending),
            error_forms={name: _ending(write, ending) for name, write in (reply.error_forms or {}).items()},
        )
    return reply, knobs


def _ending(write: ErrorWriter, line_ending: str) -> ErrorWriter:
    return lambda problem, events: with_line_ending(write(problem, events), line_ending)
