"""Applies the knobs that change a reply as a whole, before it is planned: line endings, and faults."""

from __future__ import annotations

from dataclasses import replace

from oagw_tornado.knobs.vocabulary import Knobs
from oagw_tornado.reply.problem import ErrorWriter
from oagw_tornado.reply.reply import Reply
from oagw_tornado.reply.schedule import Frame, TimedStream
from oagw_tornado.reply.sse import LINE_ENDINGS, with_line_ending
from oagw_tornado.units.knob_errors import InapplicableKnob


def amend(reply: Reply, knobs: Knobs) -> tuple[Reply, Knobs]:
    """The service's reply as changed by `knobs`, and the knobs in effect for it.

    If the request itself asks for a fault that cannot apply to this reply,
    `oagw_tornado.units.knob_errors.InapplicableKnob` is raised. Faults of a rule or of the server are meant for replies
    of all kinds: those that cannot apply are left out, of the knobs too.
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
