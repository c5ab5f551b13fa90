"""One schedule on one connection: what is sent when, what is counted, and what is left when it ends early."""

from __future__ import annotations

from array import array
from typing import Any

import pytest
from test_steady import Connection, Stage

import oagw_tornado.playback.playback
from oagw_tornado.evidence.exchange import Exchange
from oagw_tornado.playback.playback import BURST, NOTED_EVENTS, Playback
from oagw_tornado.reply.schedule import Action, Step


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    stage = Stage()
    monkeypatch.setattr(oagw_tornado.playback.playback, "monotonic", lambda: stage.now)
    monkeypatch.setattr("oagw_tornado.wire.connection.date_line", lambda: b"")
    return stage


def play(stage: Stage, steps: list[Step], room: list[int] | None = None) -> tuple[Connection, Exchange, Playback]:
    connection = Connection(stage, room or [])
    exchange = Exchange("id", "GET", "/", "/", {})
    exchange.admitted = stage.now
    exchange.planned, exchange.actual = array("d"), array("d")
    playback = Playback(stage, exchange, connection, iter(steps), b"HTTP/1.1 200 OK\r\n", None)  # type: ignore[arg-type]
    playback.start()
    return connection, exchange, playback


def event(at: float, data: bytes = b"x") -> Step:
    return Step(at, data, Action.WRITE, 1, 1)


HEAD = Step(0.0, b"", Action.HEAD)


def no_delay() -> float:
    return 0.0


def test_each_step_leaves_at_its_instant_and_what_is_due_with_the_head_leaves_with_it(stage: Stage) -> None:
    connection, exchange, _ = play(stage, [HEAD, event(0.0), event(0.5), event(0.5), Step(1.0, b"end", Action.END, 1)])
    stage.run(no_delay)
    assert [at - 100 for at, _ in connection.writes] == [0.0, 0.5, 0.5, 1.0]
    assert connection.writes[0][1].endswith(b"\r\n\r\n1\r\nx\r\n")
    assert connection.writes[-1][1] == b"3\r\nend\r\n0\r\n\r\n"
    assert (exchange.events, exchange.bytes_sent) == (4, 6)
    assert stage.outcome == "complete"
    assert connection.ended


def test_a_schedule_without_an_end_ends_in_order(stage: Stage) -> None:
    connection, _, _ = play(stage, [HEAD, event(0.0)])
    stage.run(no_delay)
    assert connection.writes[-1][1] == b"0\r\n\r\n"
    assert (stage.outcome, connection.ended) == ("complete", True)


def test_behind_its_plan_it_sends_at_once_and_keeps_the_plan(stage: Stage) -> None:
    connection, exchange, _ = play(stage, [HEAD, *[event(number / 8) for number in range(1, 6)]])
    lates = iter([0.3, 0.0, 0.0, 0.0])
    stage.run(lambda: next(lates, 0.0))
    # The first one 0.3 late, the two that fell due meanwhile with it, the others when they are due.
    assert [round(at - 100, 3) for at, _ in connection.writes[1:6]] == [0.425, 0.425, 0.425, 0.5, 0.625]
    assert [round(at, 3) for at in exchange.planned or ()] == [0.125, 0.25, 0.375, 0.5, 0.625]
    assert round(stage.timing.max, 3) == 0.3


def test_a_long_run_of_due_steps_gives_way_to_others(stage: Stage) -> None:
    connection, exchange, _ = play(stage, [HEAD, *[event(0.0) for _ in range(3 * BURST)]])
    assert BURST - 1 <= len(connection.writes) <= BURST + 1
    stage.run(no_delay)
    assert exchange.events == 3 * BURST
    assert stage.outcome == "complete"


def test_the_times_of_an_endless_stream_are_noted_so_far(stage: Stage) -> None:
    _, exchange, _ = play(stage, [HEAD, *[event(0.0) for _ in range(NOTED_EVENTS + 50)]])
    stage.run(no_delay)
    assert exchange.events == NOTED_EVENTS + 50
    assert len(exchange.planned or ()) == len(exchange.actual or ()) == NOTED_EVENTS


def test_who_leaves_leaves_nothing(stage: Stage) -> None:
    connection, _, playback = play(stage, [HEAD, event(0.0), event(5.0)])
    assert connection.close_callback is not None
    connection.close_callback()
    stage.run(no_delay)
    assert stage.outcome == "client-left"
    assert len(connection.writes) == 1
    playback.play()  # a pacer in the middle of its turn may still come to it
    assert len(connection.writes) == 1


def test_who_does_not_read_is_blocked_and_not_late(stage: Stage) -> None:
    connection, exchange, _ = play(stage, [HEAD, event(0.0), event(0.25), event(0.5), event(2.0)], room=[1])
    stage.run(no_delay)
    assert connection.queued
    stage.now += 1.0
    connection.client_reads()
    stage.run(no_delay)
    assert stage.outcome == "complete"
    # The one that filled the buffer, and the one that fell due before the client read.
    assert (stage.timing.blocked_by_client, exchange.blocked) == (2, 2)
    assert stage.timing.max == 0.0
    assert exchange.events == 4


@pytest.mark.parametrize(("action", "call"), [(Action.CLOSE, "close"), (Action.RESET, "reset")])
def test_a_cut_is_noted_and_nothing_follows(stage: Stage, action: Action, call: str) -> None:
    calls: list[str] = []

    class Cut(Connection):
        def close(self) -> None:
            calls.append("close")

        def reset(self) -> None:
            calls.append("reset")

    connection: Any = Cut(stage, [])
    exchange = Exchange("id", "GET", "/", "/", {})
    exchange.admitted = stage.now
    steps = iter([HEAD, event(0.0), Step(0.0, b"", action, note="fault:cut"), event(0.0)])
    Playback(stage, exchange, connection, steps, b"HTTP/1.1 200 OK\r\n", None).start()  # type: ignore[arg-type]
    assert calls == [call]
    assert stage.outcome == "fault:cut"
    assert len(connection.writes) == 1
    assert connection.close_callback is None
