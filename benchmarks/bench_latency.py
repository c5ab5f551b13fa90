"""How long a single client waits, with nothing else going on: start-up, health check, each service, a first event.

Each figure stands beside its target and beside a yardstick, one round of which runs before each round of ours: the
machine's mood is the same for both. A benchmark fails if a reply is wrong, never because of its time.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from time import perf_counter, sleep

import pytest

from benchmarks import servers
from benchmarks.conftest import Measure
from benchmarks.exchange import Exchange
from benchmarks.servers import SIMULATOR, STOCK, Streams, chat, get, post, proxied

WEATHER = STOCK.weather
HANDLER = "a bare Tornado handler"

SERVICES = {
    "openai": (chat("hello", stream=False), b"How can I assist you today?"),
    "github": (get(proxied("github/users/octocat")), b"The Octocat"),
    "weather": (SIMULATOR.weather, b"Paris"),
    "calculator": (post(proxied("calculator/calculate"), {"operation": "add", "a": 15, "b": 27}), b"42"),
    # Without its pauses: what is asked is what the reply costs, not what it is told to wait.
    "stream-test": (get(proxied("stream-test/events?sim-event-interval=0")), b"Final event"),
}


pytestmark = pytest.mark.benchmark(group="one client")


@pytest.fixture
def ours(simulator: int, apart: None) -> Iterator[Exchange]:
    with Exchange(simulator) as exchange:
        yield exchange


@pytest.fixture
def theirs(stock: int, apart: None) -> Iterator[Exchange]:
    with Exchange(stock) as exchange:
        yield exchange


def test_start_up(compare: Measure) -> None:
    """A round: from the spawn of the server's process to its first healthy reply.

    The yardstick is the whole life of a Python process that imports Tornado and does nothing.
    """
    _time_start(compare, servers.wait_until_healthy)


def test_start_up_to_listening(compare: Measure) -> None:
    """A round: from the spawn of the server's process to the first connection that is accepted."""
    _time_start(compare, _wait_until_accepted)


def _wait_until_accepted(process: subprocess.Popen[bytes], port: int) -> None:
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            sleep(0.0005)
        else:
            return
    raise AssertionError("the server has ended")


def _time_start(compare: Measure, wait: Callable[[subprocess.Popen[bytes], int], object]) -> None:
    started: list[subprocess.Popen[bytes]] = []

    def spawn() -> None:
        port = servers.free_port()
        started.append(servers.spawn(SIMULATOR.command(port)))
        wait(started[-1], port)

    def import_tornado() -> float:
        while started:
            process = started.pop()
            process.kill()
            process.wait()
        start = perf_counter()
        subprocess.run([sys.executable, "-c", "import tornado.web"], check=True)
        return perf_counter() - start

    compare(spawn, import_tornado, yardstick='python -c "import tornado.web"', target_ms="500", rounds=15)
    import_tornado()


def test_health_check(compare: Measure, ours: Exchange, theirs: Exchange) -> None:
    """A round: one GET /health on a kept connection, to the last byte of the reply."""

    def check() -> None:
        assert json.loads(ours.whole(get("/health")))["status"] == "healthy"

    compare(check, lambda: theirs.seconds(WEATHER), yardstick=HANDLER, target_ms="50", rounds=1000)


@pytest.mark.parametrize("service", SERVICES)
def test_request(service: str, compare: Measure, ours: Exchange, theirs: Exchange) -> None:
    """A round: one request through gateway and authorization on a kept connection, to the last byte of the reply."""
    request, expected = SERVICES[service]

    def ask() -> None:
        assert expected in ours.whole(request)

    compare(ask, lambda: theirs.seconds(WEATHER), yardstick=HANDLER, target_ms="5-50", rounds=1000)


def test_first_event(compare: Measure, ours: Exchange, theirs: Exchange) -> None:
    """A round: one chat request that streams, to the last byte of its first event. The rest is read between rounds."""
    request = chat("one two three", stream=True, query="?sim-itl=1ms")
    peers_request = STOCK.stream(Streams(6, 0.001))
    last: list[bytes] = []

    def ask() -> None:
        last.append(ours.first_event(request))
        assert b"Streaming" in last[-1]

    def yardstick() -> float:
        while last:
            assert b"[DONE]" in ours.rest(last.pop())
        start = perf_counter()
        event = theirs.first_event(peers_request)
        seconds = perf_counter() - start
        theirs.rest(event)
        return seconds

    compare(ask, yardstick, yardstick="a bare Tornado handler, write + flush", target_ms="5-50", rounds=300)
