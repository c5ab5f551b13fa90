"""Faults in how the bytes leave."""

from __future__ import annotations

from random import Random
from typing import ClassVar

from oagw_tornado.faults.fault import POSITION, Fault, Stage, whole
from oagw_tornado.reply.reply import Reply
from oagw_tornado.reply.schedule import Action, Step, Steps
from oagw_tornado.reply.shaping import pieces, single_steps

#: Pieces that one write is cut into at most: a body of many megabytes must not hold up the others byte by byte.
_MOST_PIECES = 65_536

_BODY = (Action.WRITE, Action.END)


class Split(Fault):
    """Each write is cut into writes of a few bytes, inside UTF-8 sequences too."""

    type = "split"
    sees_runs = True
    parameters: ClassVar = {**POSITION, "bytes": ("size", whole(1))}
    stage = Stage.WRITES

    size: int = 1

    def strike(self, schedule: Steps, reply: Reply, random: Random) -> Steps:
        point = yield from self.approach(schedule)
        if point is None:
            return
        struck = False
        for step in single_steps(point.rest):
            if step.action not in _BODY:
                yield step
                continue
            size = max(self.size, -(-len(step.data) // _MOST_PIECES))
            if not struck and len(step.data) > size:
                struck = True
                yield self.struck(Step(step.at, b"", Action.STRIKE))
            yield from pieces(step, size)


class SlowBody(Fault):
    """No more than so many body bytes a second."""

    type = "slow-body"
    sees_runs = True
    parameters: ClassVar = {**POSITION, "bytes-per-second": ("rate", whole(1))}
    stage = Stage.WRITES

    rate: int

    def strike(self, schedule: Steps, reply: Reply, random: Random) -> Steps:
        point = yield from self.approach(schedule)
        if point is None:
            return
        size = max(1, self.rate // 20)  # twenty writes a second look even enough
        free = point.at  # the instant from which the next byte may leave
        struck = False
        for step in single_steps(point.rest):
            if step.action not in _BODY:
                yield step._replace(at=max(step.at, free))
                continue
            free = max(free, step.at)
            if not struck and step.data:
                struck = True
                yield self.struck(Step(free, b"", Action.STRIKE))
            for piece in pieces(step, size):
                free += len(piece.data) / self.rate
                yield piece._replace(at=free)
