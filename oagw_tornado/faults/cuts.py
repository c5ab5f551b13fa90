"""Faults that end a reply, or hold it up."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import ClassVar

from oagw_tornado.faults.fault import POSITION, Fault, Stage, whole
from oagw_tornado.reply.reply import Reply
from oagw_tornado.reply.schedule import Action, Schedule, Step
from oagw_tornado.units.durations import parse_duration


class Cut(Fault):
    """Everything from the point on is replaced by other steps."""

    @property
    def ends(self) -> bool:
        return True

    @property
    def turn(self) -> Stage:
        return Stage.EVENTS if self.after is None else Stage.CLOCK

    def strike(self, schedule: Schedule, reply: Reply, random: Random) -> Schedule:
        point = yield from self.approach(schedule)
        if point is not None:
            yield from self.ending(point.at, random)

    def ending(self, at: float, random: Random) -> Schedule:
        """The last steps of the reply, from the instant `at`."""
        raise NotImplementedError


class Reset(Cut):
    """The connection is reset: TCP RST."""

    type = "reset"

    def ending(self, at: float, random: Random) -> Schedule:
        yield Step(at, b"", Action.RESET, note=self.note)


class Close(Cut):
    """The connection is closed, the body incomplete."""

    type = "close"

    def ending(self, at: float, random: Random) -> Schedule:
        yield Step(at, b"", Action.CLOSE, note=self.note)


class Empty(Fault):
    """The connection is closed without one byte, when the head was due or `after` a time."""

    type = "empty"
    parameters: ClassVar = {"after": POSITION["after"]}

    @property
    def ends(self) -> bool:
        return True

    def strike(self, schedule: Schedule, reply: Reply, random: Random) -> Schedule:
        at = next(schedule).at if self.after is None else self.after
        yield Step(at, b"", Action.CLOSE, note=self.note)


class Stall(Cut):
    """Open and silent: for a time, then on as planned but later; without a time, until the client leaves."""

    type = "stall"
    parameters: ClassVar = {**POSITION, "for": ("seconds", parse_duration)}

    seconds: float | None = None

    @property
    def ends(self) -> bool:
        return self.seconds is None

    def strike(self, schedule: Schedule, reply: Reply, random: Random) -> Schedule:
        point = yield from self.approach(schedule)
        if point is None:
            return
        if self.seconds is None:
            yield Step(point.at, b"", Action.STALL, note=self.note)
            return
        for step in point.rest:
            yield step._replace(at=step.at + self.seconds)


class Truncate(Cut):
    """The body ends in order, but early. Of a body that is sent whole, `size` bytes remain."""

    type = "truncate"
    needs_head = True
    parameters: ClassVar = {**POSITION, "bytes": ("size", whole(0))}

    size: int | None = None

    def amend(self, reply: Reply, blame: str) -> Reply:
        reply = super().amend(reply, blame)
        # The head of a whole body states its length: to end in order, it must state the shorter one.
        return reply if reply.frames is not None else replace(reply, body=reply.body[: self.size or 0])

    def strike(self, schedule: Schedule, reply: Reply, random: Random) -> Schedule:
        if reply.frames is None:
            return _noted(schedule, self.note)
        if self.size is not None:
            return self._after_bytes(schedule, self.size)
        return super().strike(schedule, reply, random)

    def ending(self, at: float, random: Random) -> Schedule:
        yield Step(at, b"", Action.END, note=self.note)

    def _after_bytes(self, schedule: Schedule, size: int) -> Schedule:
        for step in schedule:
            if len(step.data) > size:
                yield Step(step.at, step.data[:size], Action.END, note=self.note)
                return
            size -= len(step.data)
            yield step


class MalformedChunk(Cut):
    """A chunk whose size is no number (RFC 9112, 7.1), then the connection is closed."""

    type = "malformed-chunk"
    needs_head = True
    streams_only = True

    def ending(self, at: float, random: Random) -> Schedule:
        yield Step(at, b"malformed chunk\r\n\r\n", Action.RAW)
        yield Step(at, b"", Action.CLOSE, note=self.note)


class Garbage(Cut):
    """Random bytes without any framing, then the connection is closed."""

    type = "garbage"
    parameters: ClassVar = {**POSITION, "bytes": ("size", whole(1, 1_000_000))}

    size: int = 64

    def ending(self, at: float, random: Random) -> Schedule:
        # No ASCII at the front: it can be neither a chunk size nor a status line.
        yield Step(at, bytes((0x80 | random.getrandbits(7),)) + random.randbytes(self.size - 1), Action.RAW)
        yield Step(at, b"", Action.CLOSE, note=self.note)


def _noted(schedule: Schedule, note: str) -> Schedule:
    for step in schedule:
        yield step._replace(note=note) if step.action is Action.END else step
