"""Faults in the contents of events."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from random import Random
from typing import Any, ClassVar

from oagw_tornado.faults.cuts import Cut
from oagw_tornado.faults.fault import POSITION, Fault, Stage, one_of
from oagw_tornado.faults.status import worded
from oagw_tornado.faults.values import read_text
from oagw_tornado.reply.errors import Errors
from oagw_tornado.reply.problem import ErrorWriter, Problem
from oagw_tornado.reply.reply import ErrorWording, Reply
from oagw_tornado.reply.schedule import Action, Run, Step, Steps
from oagw_tornado.reply.shaping import single_steps
from oagw_tornado.units.knob_errors import InapplicableKnob


class ErrorEvent(Cut):
    """An error inside a stream, in the stream's own form; then the body ends in order.

    `form` is another way for such streams to fail: ``failed`` or ``incomplete``, where the service has it.
    """

    type = "error-event"
    sees_runs = True
    needs_head = True
    streams_only = True
    parameters: ClassVar = {
        **POSITION,
        "error": ("error", read_text),
        "message": ("message", read_text),
        "type": ("kind", read_text),
        "param": ("param", read_text),
        "form": ("form", one_of("error", "failed", "incomplete")),
    }

    error: str | None = None
    message: str | None = None
    kind: str | None = None
    param: str | None = None
    form: str = "error"

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        if self.form == "incomplete" and any(each is not None for each in (self.message, self.kind, self.param)):
            raise ValueError("form=incomplete takes its reason from error only")

    @property
    def turn(self) -> Stage:
        return Stage.EVENTS  # never between the pieces of another event

    def amend(self, reply: Reply, blame: str) -> Reply:
        reply = super().amend(reply, blame)
        self._problem(reply)
        self._writer(reply)
        return reply

    def strike(self, schedule: Steps, reply: Reply, random: Random) -> Steps:
        approach = self.approach(schedule)
        events, last = 0, None
        while True:
            try:
                step = next(approach)
            except StopIteration as end:
                point = end.value
                break
            if isinstance(step, Run):
                before = step.taken
                yield step
                events += step.taken - before
                continue
            if step.data is not last:  # the same event sent twice is still one
                events += step.events
                last = step.data
            yield step
        if point is None:
            return
        data = self._writer(reply)(self._problem(reply), events)
        if not data:
            # A download has no form for an error: its body ends early, if there is more of it.
            rest = single_steps(point.rest)
            following = next(rest, None)
            if following is None or not following.data:
                yield from rest if following is None else chain((following,), rest)
                return
        yield self.last(Step(point.at, data, Action.END, 1))

    def _problem(self, reply: Reply) -> Problem | None:
        """Which error it is; None: the one that is usual in such a stream. Raises InapplicableKnob."""
        if self.error is None and self.message is None and self.kind is None and self.param is None:
            return None
        errors: ErrorWording = reply.errors or Errors()
        return worded(self, errors, errors.usual(500))

    def _writer(self, reply: Reply) -> ErrorWriter:
        if self.form == "error":
            return reply.error_event
        writer = (reply.error_forms or {}).get(self.form)
        if writer is None:
            forms = ", ".join(("error", *(reply.error_forms or ())))
            raise InapplicableKnob("fault", f"'error-event;form={self.form}': this stream has the form {forms}")
        return writer


class MalformedEvent(Fault):
    """The next event's data is no JSON: it stops in the middle."""

    type = "malformed-event"
    sees_runs = True
    streams_only = True

    def strike(self, schedule: Steps, reply: Reply, random: Random) -> Steps:
        return _next_event(self, schedule, lambda step: [self.struck(step._replace(data=spoiled(step.data)))])


class DuplicateEvent(Fault):
    """The next event is sent twice."""

    type = "duplicate-event"
    sees_runs = True
    streams_only = True

    def strike(self, schedule: Steps, reply: Reply, random: Random) -> Steps:
        return _next_event(
            self, schedule, lambda step: [step._replace(action=Action.WRITE, faults=()), self.struck(step)]
        )


def spoiled(event: bytes) -> bytes:
    """An event whose data is no JSON document any more, framing intact: an SSE event, or a line of NDJSON."""
    text = event.rstrip(b"\r\n")
    # From the end: a large event is not searched for what every event of one line has at its beginning.
    line = max(text.rfind(b"\ndata:"), text.rfind(b"\rdata:")) + 1
    start = line + len(b"data:") if text.startswith(b"data:", line) else 0
    start += text.startswith(b" ", start) if start else 0
    payload = text[start:]
    half = payload[: len(payload) // 2]
    return text[:start] + (half if half[:1] in (b"{", b"[") else b"{" + half) + event[len(text) :]


def _next_event(fault: Fault, schedule: Steps, change: Callable[[Step], list[Step]]) -> Steps:
    point = yield from fault.approach(schedule)
    if point is None:
        return
    for step in point.rest:
        following = step.take() if isinstance(step, Run) else step
        if following is not None and following.content:
            yield from change(following)
            if isinstance(step, Run):
                yield step
            break
        if following is not None:
            yield following
    yield from point.rest
