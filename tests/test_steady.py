"""The playback of plain streams says, plans and counts what the general one would: only the price is another."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import oagw_tornado.playback.playback
import oagw_tornado.playback.steady
from oagw_tornado.evidence.exchange import Exchange
from oagw_tornado.evidence.timing import Timing
from oagw_tornado.playback.gates import Gates
from oagw_tornado.playback.playback import Playback
from oagw_tornado.playback.steady import SteadyPlayback
from oagw_tornado.reply.schedule import Stream, streamed
from oagw_tornado.wire.connection import ReplyConnection


class Stage:
    """A pacer that jumps to the next instant, on a clock of its own, and all else that a playback needs."""

    def __init__(self) -> None:
        self.now = 100.0
        self.pacer = self
        self.timing = Timing()
        self.pace = self.at
        self.count_late = self.timing.recent.append
        self.gates = Gates()
        self.outcome = ""
        self._waiting: list[tuple[float, Any]] = []

    def at(self, when: float, paced: Any) -> None:
        self._waiting.append((when, paced))

    def cancel(self, paced: Any) -> None:
        self._waiting = [entry for entry in self._waiting if entry[1] is not paced]

    def ended(self, playback: Playback, outcome: str) -> None:
        assert not self.outcome
        self.outcome = outcome

    def outwaited(self, exchange: Exchange) -> Any:
        raise AssertionError("there is no gate")

    def run(self, late: Callable[[], float]) -> None:
        while self._waiting:
            when, paced = self._waiting.pop(0)
            self.now = max(self.now, when + late())
            paced.play()


class Connection(ReplyConnection):
    """A connection that keeps what is sent, and of which the kernel takes only so much before the client must read."""

    descriptor = 7  # what the steady playback writes to; see `write`

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


def played(
    make: Callable[[Stage, Exchange, Connection], Playback],
    monkeypatch: pytest.MonkeyPatch,
    lates: list[float],
    room: list[int],
    noted: bool,
    version: str,
) -> tuple[Any, ...]:
    stage = Stage()
    connection = Connection(stage, list(room))
    connection.version = version
    monkeypatch.setattr(oagw_tornado.playback.playback, "monotonic", lambda: stage.now)
    monkeypatch.setattr(oagw_tornado.playback.steady, "monotonic", lambda: stage.now)
    monkeypatch.setattr(oagw_tornado.playback.steady, "write", connection.write)
    monkeypatch.setattr("oagw_tornado.wire.connection.date_line", lambda: b"Date: now\r\n")
    exchange = Exchange("id", "POST", "/", "/", {})
    exchange.admitted = stage.now
    exchange.status = 200
    if noted:
        exchange.planned, exchange.actual = array("d"), array("d")
    playback = make(stage, exchange, connection)
    remaining = list(lates)
    late = lambda: remaining.pop(0) if remaining else 0.0  # noqa: E731
    playback.start()
    for _ in range(1000):
        stage.run(late)
        if not connection.queued:
            break
        stage.now += 0.5
        connection.client_reads()
    assert stage.outcome == "complete"
    assert connection.ended
    stage.timing.settle()
    playback.settle()
    timing = stage.timing
    return (
        [data for _, data in connection.writes if data],
        [round(at, 9) for at, data in connection.writes if data],
        [round(at, 9) for at in exchange.planned or ()],
        [round(at, 9) for at in exchange.actual or ()],
        (exchange.events, exchange.bytes_sent, exchange.blocked),
        (timing.events, timing.blocked_by_client, timing.late, timing.later),
        (round(timing.max, 9), round(timing.earliest, 9)),
    )


TEXTS = st.lists(st.binary(min_size=1, max_size=5), max_size=6)
# Multiples of a power of two: exact however they are added up.
TIMES = st.integers(0, 64).map(lambda number: number / 64)
GAPS = st.integers(1, 64).map(lambda number: number / 64)


@settings(max_examples=200, deadline=None)
@given(
    opening=TEXTS,
    contents=TEXTS,
    closing=TEXTS.filter(bool),
    around=st.tuples(st.binary(max_size=3), st.binary(max_size=3)),
    times=st.tuples(TIMES, TIMES, GAPS),
    lates=st.lists(TIMES | st.just(2.5), max_size=10),
    room=st.lists(st.integers(1, 8), unique=True, max_size=3).map(sorted),
    noted=st.booleans(),
    version=st.sampled_from(["HTTP/1.1", "HTTP/1.0"]),
)
def test_a_steady_stream_is_played_as_any_other(
    opening: list[bytes],
    contents: list[bytes],
    closing: list[bytes],
    around: tuple[bytes, bytes],
    times: tuple[float, float, float],
    lates: list[float],
    room: list[int],
    noted: bool,
    version: str,
) -> None:
    head_at, first_at, gap = times

    def stream() -> Stream:
        return Stream(tuple(opening), iter(contents), tuple(closing), *around)

    def general(stage: Stage, exchange: Exchange, connection: Connection) -> Playback:
        steps = streamed(stream(), head_at, first_at, iter(lambda: gap, None))
        return Playback(stage, exchange, connection, steps, b"HTTP/1.1 200 OK\r\n", None)  # type: ignore[arg-type]

    def steady(stage: Stage, exchange: Exchange, connection: Connection) -> Playback:
        fields = b"HTTP/1.1 200 OK\r\n"
        return SteadyPlayback(stage, exchange, connection, 7, stream(), times, fields)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        expected = played(general, patch, lates, room, noted, version)
        got = played(steady, patch, lates, room, noted, version)
    assert got == expected
