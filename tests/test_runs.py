"""The events of a run say, plan and count what single steps would: only the price is another."""

from __future__ import annotations

from array import array
from itertools import cycle, repeat
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stage import Connection, Stage

from oagw_tornado.evidence.exchange import Exchange, PlannedOffsets
from oagw_tornado.faults.events import DuplicateEvent
from oagw_tornado.playback.playback import Playback
from oagw_tornado.reply.reply import Reply
from oagw_tornado.reply.schedule import Steps, Stream
from oagw_tornado.reply.shaping import later, single_steps, streamed


def played(
    steps: Steps,
    monkeypatch: pytest.MonkeyPatch,
    lates: list[float],
    room: list[int],
    noted: bool,
    version: str,
) -> tuple[Any, ...]:
    stage = Stage()
    connection = Connection(stage, list(room))
    connection.version = version
    for module in ("delivery", "run_player", "playback"):
        monkeypatch.setattr(f"oagw_tornado.playback.{module}.monotonic", lambda: stage.now)
    monkeypatch.setattr("oagw_tornado.playback.run_player.write", connection.write)
    monkeypatch.setattr("oagw_tornado.wire.connection.date_line", lambda: b"Date: now\r\n")
    exchange = Exchange("id", "POST", "/", "/", {})
    exchange.admitted = stage.now
    exchange.status = 200
    if noted:
        exchange.planned, exchange.actual = PlannedOffsets(), array("d")
    playback = Playback(stage, exchange, connection, steps, b"HTTP/1.1 200 OK\r\n", None)  # type: ignore[arg-type]
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
        (round(timing.max, 9), round(timing.earliest, 9), round(timing.seconds, 9)),
        stage.ledger.counters.events,
    )


TEXTS = st.lists(st.binary(min_size=1, max_size=5), max_size=6)
# Multiples of a power of two: exact however they are added up.
TIMES = st.integers(0, 64).map(lambda number: number / 64)
GAPS = st.integers(1, 64).map(lambda number: number / 64)


@settings(max_examples=200, deadline=None)
@given(
    opening=TEXTS,
    contents=TEXTS,
    closing=TEXTS,
    around=st.tuples(st.binary(max_size=3), st.binary(max_size=3)),
    times=st.tuples(TIMES, TIMES),
    gaps=st.lists(GAPS, min_size=1, max_size=3),
    strikes=st.lists(st.integers(1, 4), max_size=2),
    shift=st.just(0.0) | TIMES,
    lates=st.lists(TIMES | st.just(2.5), max_size=10),
    room=st.lists(st.integers(1, 8), unique=True, max_size=3).map(sorted),
    noted=st.booleans(),
    version=st.sampled_from(["HTTP/1.1", "HTTP/1.0"]),
)
def test_a_run_is_played_as_its_steps_would_be(
    opening: list[bytes],
    contents: list[bytes],
    closing: list[bytes],
    around: tuple[bytes, bytes],
    times: tuple[float, float],
    gaps: list[float],
    strikes: list[int],
    shift: float,
    lates: list[float],
    room: list[int],
    noted: bool,
    version: str,
) -> None:
    def schedule() -> Steps:
        stream = Stream(tuple(opening), iter(contents), tuple(closing), *around)
        steps = streamed(stream, *times, repeat(gaps[0]) if len(gaps) == 1 else cycle(gaps))
        # Each of these cuts the run in two, and goes on with it.
        for number in strikes:
            fault = DuplicateEvent(at_event=number)
            steps = fault.strike(steps, Reply(), Random(0))
        return later(steps, shift)

    with pytest.MonkeyPatch.context() as patch:
        expected = played(single_steps(schedule()), patch, lates, room, noted, version)
        got = played(schedule(), patch, lates, room, noted, version)
    assert got == expected
