"""Faults in how the bytes leave."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import ClassVar

from oagw_tornado.faults.fault import POSITION, Fault, Stage, whole
from oagw_tornado.reply.reply import Reply
from oagw_tornado.reply.schedule import Action, Schedule, Step

#: Pieces that one write is cut into at most: a body of many megabytes must not hold up the others byte by byte.
_MOST_PIECES = 65_536

_BODY = (Action.WRITE, Action.END)


class Split(Fault):
    """Each write is cut into writes of a few bytes, inside UTF-8 sequences too."""

    type = "split"
    parameters: ClassVar = {**POSITION, "bytes": ("size", whole(1))}
    stage = Stage.WRITES

    size: int = 1

    def strike(self, schedule: Schedule, reply: Reply, random: Random) -> Schedule:
        point = yield from self.approach(schedule)
        if point is None:
            return
        for step in point.rest:
            if step.action in _BODY:
                yield from pieces(step, max(self.size, -(-len(step.data) // _MOST_PIECES)))
            else:
                yield step


class SlowBody(Fault):
    """No more than so many body bytes a second."""

    type = "slow-body"
    parameters: ClassVar = {**POSITION, "bytes-per-second": ("rate", whole(1))}
    stage = Stage.WRITES

    rate: int

    def strike(self, schedule: Schedule, reply: Reply, random: Random) -> Schedule:
        point = yield from self.approach(schedule)
        if point is None:
            return
        size = max(1, self.rate // 20)  # twenty writes a second look even enough
        free = point.at  # the instant from which the next byte may leave
        for step in point.rest:
            if step.action not in _BODY:
                yield step._replace(at=max(step.at, free))
                continue
            free = max(free, step.at)
            for piece in pieces(step, size):
                free += len(piece.data) / self.rate
                yield piece._replace(at=free)


def pieces(step: Step, size: int) -> Iterator[Step]:
    """`step` in writes of `size` bytes; its events end with the last one, and so does the body if it was to."""
    data = step.data
    last = max(0, (len(data) - 1) // size * size)
    for start in range(0, last, size):
        yield Step(step.at, data[start : start + size])
    yield step._replace(data=data[last:])
