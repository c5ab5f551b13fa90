"""A stage for playbacks: a pacer on a clock of its own, and a connection whose client reads when it is told to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from oagw_tornado.evidence.exchange import Exchange
from oagw_tornado.evidence.ledger import Ledger
from oagw_tornado.playback.delivery import Backlog, Delivery
from oagw_tornado.playback.gates import Gates
from oagw_tornado.wire.connection import ReplyConnection


class Stage:
    """A pacer that jumps to the next instant, on a clock of its own, and all else that a playback needs."""

    def __init__(self) -> None:
        self.now = 100.0
        self.pacer = self
        self.pace = self.at
        self.ledger = Ledger()
        self.timing = self.ledger.timing
        self.gates = Gates()
        self.backlog = Backlog(2**30)
        self.outcome = ""
        self._waiting: list[tuple[float, Any]] = []

    def at(self, when: float, paced: Any) -> None:
        self._waiting.append((when, paced))

    def cancel(self, paced: Any) -> None:
        self._waiting = [entry for entry in self._waiting if entry[1] is not paced]

    def ended(self, delivery: Delivery, outcome: str) -> None:
        assert not self.outcome
        self.outcome = outcome

    def gate_timeout_reply(self, exchange: Exchange) -> Any:
        return 504, b"HTTP/1.1 504 Gateway Timeout\r\n", b"nobody came"

    def run(self, late: Callable[[], float]) -> None:
        while self._waiting:
            when, paced = self._waiting.pop(0)
            self.now = max(self.now, when + late())
            paced.play()


class Connection(ReplyConnection):
    """A connection that keeps what is sent, and of which the kernel takes only so much before the client must read."""

    is_open = True
    descriptor = 7  # what the events of a run are written to; see `write`

    def __init__(self, stage: Stage, room: list[int]) -> None:
        super().__init__()
        self.stage = stage
        self.writes: list[tuple[float, bytes]] = []
        self.ended = False
        self._room = room
        self.queued = False

    def write(self, descriptor: int, data: bytes) -> int:  # type: ignore[override]
        assert descriptor == 7
        assert not self.queued
        if self._room and self._room[0] == len(self.writes):
            raise BlockingIOError
        self.writes.append((self.stage.now, data))
        return len(data)

    def send(self, data: bytes) -> bool:
        if not self.is_open:
            return False
        blocked = bool(self._room) and self._room[0] == len(self.writes)
        self.writes.append((self.stage.now, data))
        if blocked:
            self._room.pop(0)
            self.queued = True
        return not blocked

    def end_sent(self) -> None:
        self.ended = True

    def client_reads(self) -> None:
        self.queued = False
        drained, self.drained = self.drained, None
        if drained is not None:
            drained()
