"""Faults in what the events say."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

from oagw_tornado.faults.cuts import Cut
from oagw_tornado.faults.fault import Fault, Stage
from oagw_tornado.reply.reply import Reply
from oagw_tornado.reply.schedule import Action, Schedule, Step

_DATA = re.compile(rb"(?:\A|[\r\n])data: ?")


class ErrorEvent(Cut):
    """An error object inside a stream, in the stream's own form; then the body ends in order."""

    type = "error-event"
    needs_head = True
    streams_only = True

    @property
    def turn(self) -> Stage:
        return Stage.EVENTS  # never between the pieces of another event

    def strike(self, schedule: Schedule, reply: Reply, random: Random) -> Schedule:
        point = yield from self.approach(schedule)
        if point is not None:
            yield Step(point.at, reply.error_event, Action.END, 1, 0, self.note)


class MalformedEvent(Fault):
    """The next event's data is no JSON: it stops in the middle."""

    type = "malformed-event"
    streams_only = True

    def strike(self, schedule: Schedule, reply: Reply, random: Random) -> Schedule:
        return _next_event(self, schedule, lambda step: [step._replace(data=spoiled(step.data))])


class DuplicateEvent(Fault):
    """The next event is sent twice."""

    type = "duplicate-event"
    streams_only = True

    def strike(self, schedule: Schedule, reply: Reply, random: Random) -> Schedule:
        return _next_event(self, schedule, lambda step: [step._replace(action=Action.WRITE), step])


def spoiled(event: bytes) -> bytes:
    """An event whose data is no JSON document any more, framing intact: an SSE event, or a line of NDJSON."""
    text = event.rstrip(b"\r\n")
    start = max((found.end() for found in _DATA.finditer(text)), default=0)
    payload = text[start:]
    half = payload[: len(payload) // 2]
    return text[:start] + (half if half[:1] in (b"{", b"[") else b"{" + half) + event[len(text) :]


def _next_event(fault: Fault, schedule: Schedule, change: Callable[[Step], list[Step]]) -> Schedule:
    point = yield from fault.approach(schedule)
    if point is None:
        return
    for step in point.rest:
        if step.content:
            yield from change(step)
            break
        yield step
    yield from point.rest
