"""Saturation: `max-num-seqs` run, `max-waiting-queue-length` wait in their order, and still more are turned away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from wire import CHAT, PROXY, WEATHER, Client, VisibleServer, chat, get, post, serving

from oagw_tornado.evidence.exchange import Exchange
from oagw_tornado.knobs.vocabulary import Knobs
from oagw_tornado.playback import waiting
from oagw_tornado.playback.waiting import QueueDecision, WaitingQueues, freed_at

GATED = ("X-Sim-Gate: door", "X-Sim-Itl: 0")


@pytest.fixture(scope="module")
def shared(wire: str) -> Iterator[VisibleServer]:
    with serving(wire) as server:
        yield server


@pytest.fixture
def server(shared: VisibleServer) -> Iterator[VisibleServer]:
    """As started, and with nothing under way when the test is over."""
    shared.control.reset()
    yield shared
    shared.control.reset()
    shared.wait_until(lambda simulator: simulator.responder.ledger.running == 0)
    shared.wait_until(lambda simulator: simulator.responder.queues.waiting == 0)
    assert shared.inside(lambda simulator: {*simulator.responder.queues.lengths().values()}) <= {(0, 0)}


def wait_for(server: VisibleServer, running: int, waits: int, alias: str = "openai") -> None:
    server.wait_until(lambda simulator: simulator.responder.queues.lengths().get(alias) == (running, waits))


def asked(
    stack: ExitStack, server: VisibleServer, name: str, *lines: str, path: str = CHAT, body: Any = None
) -> Client:
    client = stack.enter_context(Client(server.port))
    return client.send(post(path, chat() if body is None else body, f"X-Request-Id: {name}", *lines))


def test_more_than_run_wait_in_their_order(server: VisibleServer) -> None:
    server.control.configure(max_num_seqs=2)
    with ExitStack() as stack:
        asked(stack, server, "aside", "X-Sim-Gate: other", "X-Sim-Itl: 0")
        wait_for(server, 1, 0)
        clients = []
        for number in range(4):
            clients.append(asked(stack, server, f"r{number}", *GATED))
            wait_for(server, 2, number)
        for number, client in enumerate(clients):
            queued = [server.control.request(f"r{number}")["queued"] for number in range(4)]
            assert [wait is not None for wait in queued] == [number >= other for other in range(4)]
            server.control.release("door", 8)
            assert client.reply().status == 200
            wait_for(server, 2 if number < 3 else 1, max(0, 2 - number))


def test_the_wait_is_planned(server: VisibleServer) -> None:
    """The plan of a reply counts from its turn, and its turn is the planned end of the one before it."""
    server.control.configure(max_num_seqs=1, time_to_first_token="20ms", inter_token_latency="10ms")
    with ExitStack() as stack:
        first = asked(stack, server, "first")
        wait_for(server, 1, 0)
        second = asked(stack, server, "second")
        head = second.head()[2]
        second.rest_of_body()
        first.reply()
    one, two = server.control.request("first"), server.control.request("second")
    planned, actual = two["events"]["planned"], two["events"]["actual"]
    assert planned[0] == pytest.approx(two["queued"] + 0.020, abs=1e-9)
    assert planned[1] - planned[0] == pytest.approx(0.010, abs=1e-9)
    assert all(left >= due for left, due in zip(actual, planned, strict=True))
    assert head["server-timing"].endswith(f", queue;dur={two['queued'] * 1000:.3f}")
    # Both rows say their Unix time, which is read beside the monotonic one.
    turn = two["time"] + two["queued"] - one["time"]
    assert turn == pytest.approx(one["events"]["planned"][-1], abs=0.005)


@pytest.mark.parametrize("status", [429, 503])
def test_still_more_are_turned_away(server: VisibleServer, status: int) -> None:
    server.control.configure(max_num_seqs=1, max_waiting_queue_length=1, queue_full_status=status)
    with ExitStack() as stack:
        asked(stack, server, "runs", *GATED)
        wait_for(server, 1, 0)
        asked(stack, server, "waits")
        wait_for(server, 1, 1)
        reply = asked(stack, server, "turned-away").reply()
        assert reply.status == status
        assert reply.headers["x-oagw-error-source"] == "upstream"
        assert reply.headers["retry-after"] == "1"
        assert reply.json["error"]["message"] == "The waiting queue is full: 1 run, 1 wait"
        assert reply.json["error"]["code"] == "queue_full"
    assert server.control.request("turned-away")["queued"] is None


def test_no_queue_at_all(server: VisibleServer) -> None:
    server.control.configure(max_num_seqs=1, max_waiting_queue_length=0)
    with ExitStack() as stack:
        asked(stack, server, "runs", *GATED)
        wait_for(server, 1, 0)
        assert asked(stack, server, "turned-away").reply().status == 429


def test_who_leaves_the_queue_frees_its_place(server: VisibleServer) -> None:
    server.control.configure(max_num_seqs=1, max_waiting_queue_length=1)
    with ExitStack() as stack:
        asked(stack, server, "runs", *GATED)
        wait_for(server, 1, 0)
        asked(stack, server, "leaves").close()
        server.wait_until(lambda simulator: simulator.responder.ledger.journal.find("leaves") is not None)
        wait_for(server, 1, 0)
        last = asked(stack, server, "stays")
        wait_for(server, 1, 1)
        server.control.release("door")
        assert last.reply().status == 200
    row = server.control.request("leaves")
    assert (row["outcome"], row["queued"], row["status"], row["events_sent"]) == ("client-left", None, None, 0)


def test_who_leaves_while_it_runs_gives_its_place_to_the_next(server: VisibleServer) -> None:
    server.control.configure(max_num_seqs=1)
    with ExitStack() as stack:
        running = asked(stack, server, "runs", *GATED)
        wait_for(server, 1, 0)
        waits = asked(stack, server, "waits", "X-Sim-Itl: 0")
        wait_for(server, 1, 1)
        running.close()
        assert waits.reply().status == 200


def test_each_alias_has_its_own(server: VisibleServer) -> None:
    server.control.configure(max_num_seqs=1)
    with ExitStack() as stack:
        asked(stack, server, "runs", *GATED)
        wait_for(server, 1, 0)
        with Client(server.port) as client:
            assert client.send(get(WEATHER)).reply().status == 200
            # What only tells of the service does not wait.
            assert client.send(get(f"{PROXY}/openai/v1/models")).reply().status == 200
            assert client.send(get(f"{PROXY}/openai/nowhere")).reply().status == 404
        server.control.add_rule(match={"alias": "weather"}, max_num_seqs="none", latency="1ms")
        with Client(server.port) as client:
            assert client.send(get(WEATHER, "X-Request-Id: free")).reply().status == 200
    assert server.control.request("free")["queued"] is None


@pytest.mark.parametrize("latency", ["0", "1ms"])
def test_a_long_queue_of_small_replies(server: VisibleServer, latency: str) -> None:
    """Each turn ends at once and gives way to the next: as a loop, not as a recursion."""
    server.control.configure(max_num_seqs=1, latency=latency)
    whole = {"messages": [{"role": "user", "content": "hi"}]}
    with ExitStack() as stack:
        asked(stack, server, "runs", *GATED)
        wait_for(server, 1, 0)
        clients = [asked(stack, server, f"w{number}", body=whole) for number in range(200)]
        wait_for(server, 1, 200)
        server.control.release("door")
        for client in clients:
            assert client.reply().json["choices"][0]["finish_reason"] == "stop"
    waits = [row["queued"] for row in server.control.requests(alias="openai") if row["id"].startswith("w")]
    assert len(waits) == 200
    assert all(wait > 0 for wait in waits)


def test_what_waits_is_in_the_metrics(server: VisibleServer) -> None:
    server.control.configure(max_num_seqs=1)
    with ExitStack() as stack:
        asked(stack, server, "runs", *GATED)
        wait_for(server, 1, 0)
        last = asked(stack, server, "waits", "X-Sim-Itl: 0")
        wait_for(server, 1, 1)
        with Client(server.port) as client:
            metrics = client.send(get("/metrics")).reply().body.decode()
            assert '\noagw_requests_waiting{alias="openai"} 1.0\n' in metrics
            server.control.release("door")
            last.reply()
            metrics = client.send(get("/metrics")).reply().body.decode()
    assert '\noagw_requests_waiting{alias="openai"} 0.0\n' in metrics
    assert "\noagw_queue_wait_seconds_count 2.0\n" in metrics


def test_bodies_that_wait_are_bounded(server: VisibleServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "MOST_WAITING_BYTES", 2000)
    server.control.configure(max_num_seqs=1)
    with ExitStack() as stack:
        asked(stack, server, "runs", *GATED)
        wait_for(server, 1, 0)
        asked(stack, server, "waits", body=chat("x" * 1500))
        wait_for(server, 1, 1)
        assert asked(stack, server, "too much", body=chat("x" * 1500)).reply().status == 429
        asked(stack, server, "small")
        wait_for(server, 1, 2)


def test_the_end_of_the_server_ends_the_queue(wire: str) -> None:
    with ExitStack() as stack:
        with serving(wire, max_num_seqs=1, drain_timeout="50ms") as server:
            asked(stack, server, "runs", *GATED)
            wait_for(server, 1, 0)
            client = asked(stack, server, "waits")
            wait_for(server, 1, 1)
        assert client.rest() == b""


# As values.


class Noted:
    """A waiter that says when it was started."""

    def __init__(self, name: str, log: list[str]) -> None:
        self.name, self.log = name, log

    def start(self) -> None:
        self.log.append(self.name)

    def cut_off(self) -> None:
        self.log.append(f"{self.name} cut off")


def exchange(name: str, limit: int = 1) -> Exchange:
    made = Exchange(name, "POST", "/", "/", {})
    made.alias, made.admitted, made.knobs = "openai", 1.0, Knobs(max_num_seqs=limit)
    return made


@pytest.mark.parametrize(
    ("outcome", "planned_end", "free"),
    [("complete", 2.0, 3.0), ("complete", None, 9.0), ("client-left", 2.0, 9.0), ("complete", 20.0, 9.0)],
)
def test_when_a_place_is_free(outcome: str, planned_end: float | None, free: float) -> None:
    over = exchange("over")
    over.outcome, over.planned_end = outcome, planned_end
    assert freed_at(over, 9.0) == free


async def settled() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


def test_when_the_first_leaves_the_next_may_have_a_higher_limit() -> None:
    async def play() -> list[str]:
        log: list[str] = []
        queues = WaitingQueues()
        running, first, second = exchange("running"), exchange("first"), exchange("second", limit=2)
        assert queues.enter(running, Noted("running", log)) is QueueDecision.NOW
        assert queues.enter(first, Noted("first", log)) is QueueDecision.LATER
        assert queues.enter(second, Noted("second", log)) is QueueDecision.LATER
        await settled()
        assert log == []
        queues.leave(first)
        await settled()
        assert (queues.lengths(), queues.waiting) == ({"openai": (2, 0)}, 0)
        return log

    assert asyncio.run(play()) == ["second"]


def test_config_says_what_holds(server: VisibleServer) -> None:
    config = server.control.configure(max_num_seqs=3)
    assert config["max-num-seqs"] == 3
    assert config["max-waiting-queue-length"] == 1000
    assert server.control.configure(max_num_seqs=None)["max-num-seqs"] is None
    assert json.dumps(config)
