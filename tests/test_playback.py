"""One schedule on one connection: what is sent when, what is counted, and what is left when it ends early."""

from __future__ import annotations

import asyncio
import inspect
from array import array
from itertools import repeat
from typing import Any

import pytest
from stage import Connection, Stage

from oagw_tornado.evidence.exchange import Exchange, PlannedOffsets
from oagw_tornado.evidence.ledger import NOTED_EVENTS
from oagw_tornado.playback.playback import Playback
from oagw_tornado.playback.run_player import BURST
from oagw_tornado.reply.schedule import LARGEST_WRITE, Action, Run, Step


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    stage = Stage()
    for module in ("delivery", "run_player", "playback"):
        monkeypatch.setattr(f"oagw_tornado.playback.{module}.monotonic", lambda: stage.now)
    monkeypatch.setattr("oagw_tornado.wire.connection.date_line", lambda: b"")
    return stage


def play(
    stage: Stage, steps: list[Any], room: list[int] | None = None, gate: str | None = None
) -> tuple[Connection, Exchange, Playback]:
    connection = Connection(stage, room or [])
    exchange = Exchange("id", "GET", "/", "/", {})
    exchange.admitted = stage.now
    exchange.planned, exchange.actual = PlannedOffsets(), array("d")
    exchange.gate = gate
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
    stage.timing.settle()
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
    stage.timing.settle()
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
    steps = iter([HEAD, event(0.0), Step(0.0, b"", action, outcome="fault:cut"), event(0.0)])
    Playback(stage, exchange, connection, steps, b"HTTP/1.1 200 OK\r\n", None).start()  # type: ignore[arg-type]
    assert calls == [call]
    assert stage.outcome == "fault:cut"
    assert len(connection.writes) == 1
    assert connection.close_callback is None


def test_a_reply_whose_head_is_not_taken_enters_its_gate_once(stage: Stage) -> None:
    async def run() -> None:
        steps = [HEAD, Step(0.0, b"", Action.GATE), event(0.0), Step(0.0, b"", Action.GATE), event(0.0)]
        connection, exchange, _ = play(stage, steps, room=[0], gate="door")
        assert connection.queued
        # Nobody waits at two things at once: not before the client has taken the head does it come to the gate.
        assert stage.gates.as_json() == {}
        connection.client_reads()
        assert stage.gates.as_json()["door"]["waiting"] == 1
        assert stage.gates.release("door", 1)["waiting"] == 1
        assert exchange.events == 1
        assert stage.gates.release("door", 1)["waiting"] == 0
        assert stage.outcome == "complete"
        assert len(asyncio.get_running_loop()._scheduled) == sum(  # type: ignore[attr-defined]
            timer.cancelled()
            for timer in asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]
        )

    asyncio.run(run())


def test_a_reply_that_passes_its_gate_at_once_sends_its_head_with_the_event(stage: Stage) -> None:
    async def run() -> None:
        stage.gates.release("door", None)
        connection, _, _ = play(stage, [HEAD, Step(0.0, b"", Action.GATE), event(0.0)], gate="door")
        assert connection.writes[0][1].endswith(b"\r\n\r\n1\r\nx\r\n")

    asyncio.run(run())


def test_a_write_that_fails_is_neither_sent_nor_blocked(stage: Stage) -> None:
    connection, exchange, _ = play(stage, [HEAD, event(0.0), Step(0.5, b"y", Action.WRITE, 1, 1, faults=("split",))])
    connection.is_open = False
    stage.run(no_delay)
    assert (stage.outcome, exchange.events, exchange.blocked, exchange.bytes_sent) == ("client-left", 1, 0, 1)
    assert exchange.faults == ()


def test_what_is_queued_has_left_when_the_client_has_read_it(stage: Stage) -> None:
    connection, exchange, _ = play(stage, [HEAD, event(0.0), event(0.25), Step(0.5, b"z", Action.END, 1)], room=[1, 2])
    stage.run(no_delay)
    assert (exchange.events, exchange.blocked, exchange.bytes_sent) == (1, 1, 1)
    connection.client_reads()
    stage.run(no_delay)
    # The end of the body is queued, too: not before it has left is the reply complete.
    assert (exchange.events, exchange.blocked, stage.outcome, connection.ended) == (2, 2, "", False)
    connection.client_reads()
    assert (exchange.events, exchange.blocked, stage.outcome, connection.ended) == (3, 2, "complete", True)


def test_a_client_that_goes_while_the_end_waits_for_it_has_left(stage: Stage) -> None:
    connection, exchange, _ = play(stage, [HEAD, event(0.0), Step(0.5, b"z", Action.END, 1)], room=[1])
    stage.run(no_delay)
    assert connection.close_callback is not None
    connection.close_callback()
    connection.client_reads()  # the wire tells both
    assert (stage.outcome, exchange.events, connection.ended) == ("client-left", 1, False)


@pytest.mark.parametrize("size", [LARGEST_WRITE, LARGEST_WRITE + 1, 3 * LARGEST_WRITE + 7])
@pytest.mark.parametrize("in_run", [False, True])
def test_no_write_is_larger_than_the_largest(stage: Stage, size: int, in_run: bool) -> None:
    texts = [b"a", bytes(size), b"b"]
    steps: Any = (
        [Run(0.0, iter(texts), repeat(0.5))] if in_run else [event(0.5 * n, text) for n, text in enumerate(texts)]
    )
    connection, exchange, _ = play(stage, [HEAD, *steps, Step(2.0, bytes(size), Action.END, 1)])
    stage.run(no_delay)
    assert max(len(data) for _, data in connection.writes) < LARGEST_WRITE + 100
    assert (exchange.events, exchange.bytes_sent) == (4, 2 + 2 * size)
    assert len(exchange.actual or ()) == 4
    assert stage.outcome == "complete"


def depth() -> int:
    frame, count = inspect.currentframe(), 0
    while frame is not None:
        frame, count = frame.f_back, count + 1
    return count


def test_a_run_of_events_that_are_larger_than_a_write_does_not_go_ever_deeper(stage: Stage) -> None:
    event = bytes(LARGEST_WRITE + 1)
    depths = []

    def texts() -> Any:
        for _ in range(100):
            depths.append(depth())
            yield event

    _, exchange, _ = play(stage, [HEAD, Run(0.0, texts(), repeat(0.0)), Step(0.0, b"", Action.END)])
    stage.run(no_delay)
    assert (exchange.events, stage.outcome) == (100, "complete")
    assert max(depths) < min(depths) + 20


def test_what_fails_ends_its_reply_and_no_other(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    class Closing(Connection):
        is_closed = False

        def close(self) -> None:
            self.is_closed = True

    def failing() -> Any:
        yield HEAD
        yield event(0.0)
        raise RuntimeError("on purpose")

    connection: Any = Closing(stage, [])
    exchange = Exchange("id", "GET", "/", "/", {})
    exchange.admitted = stage.now
    Playback(stage, exchange, connection, failing(), b"HTTP/1.1 200 OK\r\n", None).start()  # type: ignore[arg-type]
    assert (stage.outcome, connection.is_closed) == ("closed", True)
    assert "on purpose" in caplog.text


def test_what_clients_leave_unread_is_bounded_for_all_of_them(stage: Stage) -> None:
    class Resetting(Connection):
        is_reset = False

        def reset(self) -> None:
            self.is_reset = True

    stage.backlog.limit = 250
    large = Step(0.5, bytes(100), Action.WRITE, 1, 1)
    connections: list[Any] = []
    for _ in range(3):
        connection: Any = Resetting(stage, [1])
        exchange = Exchange("id", "GET", "/", "/", {})
        exchange.admitted = stage.now
        steps = iter([HEAD, event(0.0), large, event(1.0)])
        Playback(stage, exchange, connection, steps, b"HTTP/1.1 200 OK\r\n", None).start()  # type: ignore[arg-type]
        connections.append(connection)
    stage.run(no_delay)
    assert [connection.is_reset for connection in connections] == [False, False, True]
    assert (stage.outcome, stage.backlog.held) == ("backlog-full", 200)
    stage.outcome = ""
    # Who reads again, and who goes, makes room.
    connections[0].client_reads()
    assert stage.backlog.held == 100
    connections[1].close_callback()
    assert stage.backlog.held == 0
