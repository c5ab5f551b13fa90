"""What one turn of the loop does to those who come in it: events that are due leave first, and waits are counted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from wire import PROXY, Client, VisibleServer, get, serving

from oagw_tornado.services.handler import ServiceHandler
from oagw_tornado.services.upstream import Upstream
from oagw_tornado.wire.turn import ASLEEP, Turn

# What the clock says of a turn, as values.


class Loop:
    """The end of a turn is called when the test says so."""

    def __init__(self) -> None:
        self.ends: list[Any] = []

    def call_soon(self, end: Any) -> None:
        self.ends.append(end)

    def end_turn(self) -> None:
        (end,) = self.ends
        self.ends.clear()
        end()


class Clock:
    now = 100.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("oagw_tornado.wire.turn.monotonic", lambda: clock.now)
    return clock


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def turn(clock: Clock, loop: Loop) -> Turn:
    turn = Turn()
    turn._loop = loop  # type: ignore[assignment]
    return turn


def test_all_that_is_handled_in_a_turn_waited_since_its_begin(clock: Clock, turn: Turn, loop: Loop) -> None:
    for _ in range(3):
        turn.enter()
        assert turn.since == 100.0
        clock.now += 0.001
    loop.end_turn()
    clock.now += 1
    turn.enter()
    assert turn.since == clock.now


@pytest.mark.parametrize(("gap", "since"), [(ASLEEP / 2, 100.0), (ASLEEP * 2, 100.01 + ASLEEP * 2)])
def test_what_came_while_the_turn_before_was_under_way_waited_since_then(
    clock: Clock, turn: Turn, loop: Loop, gap: float, since: float
) -> None:
    """If the loop slept in between, it came just now."""
    turn.enter()
    clock.now += 0.01
    loop.end_turn()
    clock.now += gap
    turn.enter()
    assert turn.since == pytest.approx(since, abs=1e-9)


def test_so_it_is_if_events_were_played_before(clock: Clock, turn: Turn) -> None:
    turn.passed(99.99, 100.0)
    turn.enter()
    assert turn.since == 99.99


def test_a_first_request_waited_since_its_connection_was_accepted(clock: Clock, turn: Turn, loop: Loop) -> None:
    """Unless the loop has slept since: then it was not there yet."""
    turn.enter()
    accepted = (turn.since, 0.0)
    clock.now += 0.002
    loop.end_turn()
    turn.passed(clock.now, clock.now + 0.001)
    clock.now += 0.001
    turn.enter()
    assert turn.waited_since(accepted) == 100.0
    loop.end_turn()
    clock.now += 0.01
    turn.enter()
    assert turn.waited_since(accepted) == clock.now


def test_what_is_due_is_played_first(clock: Clock, turn: Turn) -> None:
    played: list[float] = []
    turn.play = lambda: played.append(clock.now)
    turn.due = 100.001
    turn.enter()
    assert not played
    clock.now = 100.001
    turn.enter()
    assert played == [100.001]


# A server.


class Slow(ServiceHandler):
    """Holds the loop for 5 ms."""

    def serve(self, *path_args: str) -> None:
        time.sleep(0.005)
        self.finish("done")


@pytest.fixture(scope="module")
def oagw(wire: str) -> Iterator[VisibleServer]:
    with serving(wire, upstreams={"slow": Upstream(exact={"slow": Slow}, otherwise=Slow)}) as server:
        yield server


BURST = 80


def test_events_leave_between_the_requests_of_a_burst_and_waits_are_told(oagw: VisibleServer) -> None:
    """Eighty requests at once, each of which takes 5 ms, beside a stream of an event every 10 ms."""
    oagw.control.reset()
    with ExitStack() as stack:
        clients = [stack.enter_context(Client(oagw.port)) for _ in range(BURST)]
        for client in clients:
            assert client.send(get(f"{PROXY}/weather/current")).reply().status == 200
        stream = stack.enter_context(Client(oagw.port))
        stream.send(get(f"{PROXY}/stream-test/events?count=inf&interval=10ms", "X-Request-Id: stream"))
        stream.head()
        for client in clients:
            client.send(get(f"{PROXY}/slow/slow"))
        for client in clients:
            assert client.reply().status == 200
        events = oagw.control.request("stream")
    burst = oagw.control.requests(alias="slow")
    assert len(burst) == BURST
    began, ended = (limit(one["time"] for one in burst) - events["time"] for limit in (min, max))
    assert ended - began > 0.3
    times = zip(events.planned, events.actual, strict=True)
    during = [(planned, actual) for planned, actual in times if began < planned < ended]
    assert len(during) > 10
    lates = sorted(actual - planned for planned, actual in during)
    # Behind the burst they would be 200 ms late in the median.
    assert lates[len(lates) // 2] < 0.05
    waited = sorted(one["waited"] for one in burst)
    assert waited[-1] > 0.1
    timing = oagw.control.timing()
    assert timing["requests"] == 2 * BURST + 1
    assert timing["admission_wait_ms"]["max"] >= waited[-1] * 1000 - 0.001 > 100
    with Client(oagw.port) as client:
        metrics = client.send(get("/metrics")).reply().body.decode()
    assert f"oagw_admission_wait_seconds_count {2 * BURST + 1}.0" in metrics


def test_what_waits_in_the_backlog_is_told(oagw: VisibleServer) -> None:
    """However many turns it takes to accept them all."""
    oagw.control.reset()
    with ExitStack() as stack:
        clients = [Client(oagw.port).send(get(f"{PROXY}/slow/slow")) for _ in range(BURST)]
        for client in clients:
            stack.callback(client.close)
        for client in clients:
            assert client.reply().status == 200
    burst = oagw.control.requests(alias="slow")
    began, ended = (limit(one["time"] for one in burst) for limit in (min, max))
    assert ended - began > 0.3
    last = max(burst, key=lambda one: float(one["time"]))
    # It came when the first ones were being answered.
    assert 0.5 * (ended - began) < last["waited"] < ended - began + 0.1


def test_what_waits_for_the_reply_before_it_is_not_held_against_us(oagw: VisibleServer) -> None:
    """Requests on one connection are answered in order (RFC 9112, section 9.3.2)."""
    oagw.control.reset()
    stream = get(f"{PROXY}/stream-test/events?count=5&interval=100ms")
    with Client(oagw.port) as client:
        client.send(stream + get(f"{PROXY}/weather/current"))
        assert client.reply().status == 200
        assert client.reply().status == 200
    (second,) = oagw.control.requests(alias="weather")
    assert second["waited"] < 0.2


def test_a_request_that_comes_alone_has_not_waited(oagw: VisibleServer) -> None:
    oagw.control.reset()
    with Client(oagw.port) as client:
        for _ in range(20):
            assert client.send(get(f"{PROXY}/weather/current")).reply().status == 200
            time.sleep(0.005)
    waits = sorted(one["waited"] for one in oagw.control.requests(alias="weather"))
    assert waits[0] >= 0
    assert waits[10] < 0.005


def test_events_leave_while_the_evidence_is_brought_up_to_date(oagw: VisibleServer) -> None:
    """As each request to control has it done, of however many streams."""
    settled: list[float] = []
    played: list[float] = []

    class Playing:
        """A stream that takes its time."""

        def settle(self) -> None:
            settled.append(time.monotonic())
            time.sleep(0.0001)

    class Event:
        slot = 0

        def play(self) -> None:
            played.append(time.monotonic())

        def fail(self) -> None:
            raise AssertionError

    def settle(simulator: Any) -> None:
        responder = simulator.responder
        streams = {Playing() for _ in range(2000)}
        responder.playing |= streams
        simulator.pacer.at(time.monotonic() + 0.01, Event())
        responder.settle()
        responder.playing -= streams

    oagw.inside(settle)
    assert settled[0] < played[0] < settled[-1]
