"""How several processes at one address end: all together, with the time that each has, and nobody left over."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis_server import RedisServer
from test_workers import PROXY, TOKEN, ask, children, program, until

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_nobody_outlives_the_supervisor(redis: RedisServer) -> None:
    with program(redis, "--port=0", prefix="killed") as running:
        port = running.ready()
        workers = children(running.process.pid)
        os.kill(workers[0], signal.SIGSTOP)
        running.process.kill()
        until(lambda: not any(is_alive(pid) for pid in workers))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", port))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_all_drain_when_the_supervisor_is_told_to_end(redis: RedisServer, number: int) -> None:
    with program(redis, "--port=0", prefix=f"drains-{number}") as running:
        port = running.ready()

        async def streams() -> list[bytes]:
            async def one(started: asyncio.Event) -> bytes:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                head = f"GET {PROXY}/stream-test/events?interval=200ms HTTP/1.0\r\nHost: x\r\n{TOKEN}\r\n\r\n"
                writer.write(head.encode())
                first = await reader.readuntil(b"\n\n")
                started.set()
                rest = await reader.read()
                writer.close()
                return first + rest

            begun = [asyncio.Event() for _ in range(8)]
            reading = [asyncio.ensure_future(one(event)) for event in begun]
            await asyncio.gather(*(event.wait() for event in begun))
            running.process.send_signal(number)
            return list(await asyncio.gather(*reading))

        replies = asyncio.run(asyncio.wait_for(streams(), 60))
        assert [reply.count(b"id: ") for reply in replies] == [4] * 8
        assert running.process.wait(30) == 0


def test_a_second_signal_ends_all_at_once(redis: RedisServer) -> None:
    with program(redis, "--port=0", "--drain-timeout=60s", prefix="twice") as running:
        port = running.ready()
        with socket.create_connection(("127.0.0.1", port)) as stream:
            head = f"GET {PROXY}/stream-test/events?interval=60s HTTP/1.1\r\nHost: x\r\n{TOKEN}\r\n\r\n"
            stream.sendall(head.encode())
            until(lambda: "oagw_streams_open 1.0" in ask(port, "GET", "/metrics")[1])
            running.process.send_signal(signal.SIGTERM)
            running.wait_for("draining")
            assert running.end(signal.SIGTERM) == 128 + signal.SIGTERM


SLOW_TO_END = """
import signal, sys, time
from oagw_tornado.process import supervisor

supervisor.LONGER = 0.2

def work(place):
    told = []
    signal.signal(signal.SIGTERM, lambda number, frame: told.append(number))
    place.ready("x")
    while not told:
        time.sleep(0.01)
    place.drains(20)
    time.sleep(1.2)
    return 0

def ready():
    print("ready", flush=True)

sys.exit(supervisor.Supervisor(1, work, ready, lambda: None, print, 0.2, False).run())
"""


def test_a_worker_has_the_time_to_end_that_holds_by_then() -> None:
    """It may be another than at the start: ``--drain-timeout`` is read again, and changed over HTTP."""
    started = subprocess.Popen([sys.executable, "-c", SLOW_TO_END], stdout=subprocess.PIPE, text=True)
    with started:
        assert started.stdout is not None
        assert started.stdout.readline() == "ready\n"
        started.send_signal(signal.SIGTERM)
        assert started.wait(30) == 0
