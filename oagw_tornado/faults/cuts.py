"""Faults that end a reply, or stall it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import ClassVar

from oagw_tornado.faults.fault import POSITION, Fault, Stage, whole
from oagw_tornado.reply.reply import Reply
from oagw_tornado.reply.schedule import Action, Run, Step, Steps
from oagw_tornado.reply.shaping import later, single_steps
from oagw_tornado.units.durations import parse_duration


class Cut(Fault):
    """Everything from the point on is replaced by other steps."""

    sees_runs = True

    @property
    def turn(self) -> Stage:
        return Stage.EVENTS if self.after is None else Stage.CLOCK

    def strike(self, schedule: Steps, reply: Reply, random: Random) -> Steps:
        point = yield from self.approach(schedule)
        if point is not None:
            yield from self.ending(point.at, random)

    def ending(self, at: float, random: Random) -> Steps:
        """The last steps of the reply, from the instant `at`."""
        raise NotImplementedError


class Reset(Cut):
    """The connection is reset: TCP RST."""

    type = "reset"

    def ending(self, at: float, random: Random) -> Steps:
        yield self.last(Step(at, b"", Action.RESET))


class Close(Cut):
    """The connection is closed, the body incomplete."""

    type = "close"

    def ending(self, at: float, random: Random) -> Steps:
        yield self.last(Step(at, b"", Action.CLOSE))


class Empty(Fault):
    """The connection is closed without one byte, when the head was due or `after` a time."""

    type = "empty"
    sees_runs = True
    parameters: ClassVar = {"after": POSITION["after"]}

    def strike(self, schedule: Steps, reply: Reply, random: Random) -> Steps:
        at = self.after
        if at is None:
            for step in single_steps(schedule):
                at = step.at
                if step.action is not Action.STRIKE:
                    break
                yield step
        yield self.last(Step(at or 0.0, b"", Action.CLOSE))


class Stall(Cut):
    """Open and silent: for a time, then on as planned but later; without a time, until the client leaves."""

    type = "stall"
    sees_runs = True
    parameters: ClassVar = {**POSITION, "for": ("seconds", parse_duration)}

    seconds: float | None = None

    def strike(self, schedule: Steps, reply: Reply, random: Random) -> Steps:
        point = yield from self.approach(schedule)
        if point is None:
            return
        if self.seconds is None:
            yield self.struck(Step(point.at, b"", Action.STALL))
            return
        yield self.struck(Step(point.at, b"", Action.STRIKE))
        yield from later(point.rest, self.seconds)


class HoldOpen(Fault):
    """All of it is said, the end of the body is not: for a time, or until the client leaves."""

    type = "hold-open"
    stage = Stage.CLOCK
    sees_runs = True
    streams_only = True
    parameters: ClassVar = {"for": ("seconds", parse_duration)}

    seconds: float | None = None

    def strike(self, schedule: Steps, reply: Reply, random: Random) -> Steps:
        at = 0.0
        for step in schedule:
            if isinstance(step, Run):
                yield step
                at = step.at
                continue
            at = step.at
            if step.action is Action.END:
                faults = step.faults
                if step.data:
                    yield step._replace(action=Action.WRITE, outcome="")
                    faults = ()
                yield from self._held(Step(at, b"", Action.END, outcome=step.outcome, faults=faults))
                return
            yield step
            if step.action in (Action.CLOSE, Action.RESET, Action.STALL):
                return
        yield from self._held(Step(at, b"", Action.END))

    def _held(self, end: Step) -> Steps:
        if self.seconds is None:
            yield self.struck(end._replace(action=Action.STALL, outcome=""))
        else:
            yield self.struck(end._replace(action=Action.STRIKE, outcome=""))
            yield end._replace(at=end.at + self.seconds, faults=())


class Truncate(Cut):
    """The body ends in order, but early. Of a body that is sent whole, `size` bytes remain."""

    type = "truncate"
    sees_runs = True
    needs_head = True
    parameters: ClassVar = {**POSITION, "bytes": ("size", whole(0))}

    size: int | None = None

    def amend(self, reply: Reply, blame: str) -> Reply:
        reply = super().amend(reply, blame)
        if reply.frames is not None or reply.pieces is not None or len(reply.body) <= (self.size or 0):
            return reply
        # The head of a whole body states its length: to end in order, it must state the shorter one.
        return replace(reply, body=reply.body[: self.size or 0], faults=(*reply.faults, self.type))

    def strike(self, schedule: Steps, reply: Reply, random: Random) -> Steps:
        if reply.frames is None and reply.pieces is None:
            return schedule
        if self.size is not None or reply.pieces is not None:
            return self._after_bytes(single_steps(schedule), self.size or 0)
        return super().strike(schedule, reply, random)

    def ending(self, at: float, random: Random) -> Steps:
        yield self.last(Step(at, b"", Action.END))

    def _after_bytes(self, schedule: Iterator[Step], size: int) -> Steps:
        for step in schedule:
            if len(step.data) > size:
                yield self.last(Step(step.at, step.data[:size], Action.END, faults=step.faults))
                return
            size -= len(step.data)
            yield step


class MalformedChunk(Cut):
    """A chunk whose size is no number (RFC 9112, 7.1), then the connection is closed."""

    type = "malformed-chunk"
    needs_head = True
    streams_only = True

    def ending(self, at: float, random: Random) -> Steps:
        yield self.struck(Step(at, b"malformed chunk\r\n\r\n", Action.RAW))
        yield Step(at, b"", Action.CLOSE, outcome=f"fault:{self.type}")


class Garbage(Cut):
    """Random bytes without any framing, then the connection is closed."""

    type = "garbage"
    parameters: ClassVar = {**POSITION, "bytes": ("size", whole(1, 1_000_000))}

    size: int = 64

    def ending(self, at: float, random: Random) -> Steps:
        # No ASCII at the front: it can be neither a chunk size nor a status line.
        data = bytes((0x80 | random.getrandbits(7),)) + random.randbytes(self.size - 1)
        yield self.struck(Step(at, data, Action.RAW))
        yield Step(at, b"", Action.CLOSE, outcome=f"fault:{self.type}")
