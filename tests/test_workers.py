"""Several processes at one address: who serves, who dies, what is reloaded, and what none gets wrong together."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from redis_server import RedisServer

# Not by its name: that would have all of this run on each engine, and it is not about engines.
from oagw_tornado import testing

PROXY = "/api/oagw/v1/proxy"
TOKEN = "Authorization: Bearer test-integration-token"

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture(scope="module")
def four(redis: RedisServer) -> Iterator[testing.SimulatorProcess]:
    with testing.SimulatorProcess(workers=4, state=f"{redis.url}?prefix=four", start_timeout=60) as server:
        yield server


class Program:
    """The program itself, with two workers unless told otherwise."""

    def __init__(self, redis: RedisServer, *arguments: str, prefix: str = "program") -> None:
        state = f"--state={redis.url}?prefix={prefix}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "oagw_tornado", "--workers=2", state, *arguments],
            stderr=subprocess.PIPE,
            text=True,
            env={name: value for name, value in os.environ.items() if not name.startswith("OAGW_SIM_")},
        )
        self.lines: list[str] = []
        # Who waits for a line that never comes reads the end instead.
        self.watch = threading.Timer(30, self.process.kill)
        self.watch.start()

    def wait_for(self, pattern: str) -> re.Match[str]:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)
            if found := re.search(pattern, line):
                return found
        raise AssertionError("".join(self.lines))

    def ready(self) -> int:
        return int(self.wait_for(r"listening on http://127.0.0.1:(\d+)")[1])

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


@contextmanager
def program(redis: RedisServer, *arguments: str, prefix: str = "program") -> Iterator[Program]:
    running = Program(redis, *arguments, prefix=prefix)
    try:
        yield running
    finally:
        running.watch.cancel()
        running.process.kill()
        running.process.wait()
        assert running.process.stderr is not None
        running.process.stderr.close()


def children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def ask(
    port: int, method: str, path: str, document: Any = None, token: str = "test-integration-token"
) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    try:
        connection.request(method, path, None if document is None else json.dumps(document), headers)
        reply = connection.getresponse()
        text = reply.read()
        return reply.status, json.loads(text) if text[:1] in (b"{", b"[") else text.decode()
    finally:
        connection.close()


async def many(port: int, path: str, times: int, together: int = 250) -> Counter[str]:
    """So many requests, each on a connection of its own; gives their statuses."""
    gate = asyncio.Semaphore(together)
    seen: Counter[str] = Counter()

    async def one() -> None:
        async with gate:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n{TOKEN}\r\nConnection: close\r\n\r\n".encode())
            reply = await reader.read()
            seen[reply[9:12].decode()] += 1
            writer.close()

    await asyncio.gather(*(one() for _ in range(times)))
    return seen


def test_a_thousand_at_once_over_four_workers_meet_a_rule_exactly_as_often_as_it_says(
    four: testing.SimulatorProcess,
) -> None:
    rules = [{"name": "few", "match": {"alias": "weather"}, "when": {"first": 100}, "fault": "status;code=503"}]
    assert ask(four.port, "PUT", "/_sim/rules", rules)[0] == 200
    seen = asyncio.run(many(four.port, f"{PROXY}/weather/current", 1000, together=1000))
    assert seen == {"503": 100, "200": 900}
    rule = ask(four.port, "GET", "/_sim/rules/few")[1]
    assert (rule["fitted"], rule["applied"]) == (1000, 100)
    assert len(ask(four.port, "GET", "/_sim/requests?alias=weather")[1]["requests"]) == 1000
    members = ask(four.port, "GET", "/_sim/verdict?late-p99=10s")[1]["members"]
    assert len(members) == 4
    # Each of them served: connections are dealt out.
    metrics = ask(four.port, "GET", "/metrics")[1]
    assert re.search(r'oagw_requests_total\{alias="weather",source="upstream",status="200"\} 900\.0', metrics)
    assert ask(four.port, "POST", "/_sim/reset")[0] == 204


def test_a_limit_admits_exactly_its_burst(four: testing.SimulatorProcess) -> None:
    assert ask(four.port, "PATCH", "/_sim/config", {"rate-limit": "60/h"})[0] == 200
    assert asyncio.run(many(four.port, f"{PROXY}/weather/current", 300)) == {"200": 60, "429": 240}
    # What holds when a reset was answered holds for every request that begins then.
    for _ in range(5):
        assert ask(four.port, "POST", "/_sim/reset")[0] == 204
        assert asyncio.run(many(four.port, f"{PROXY}/weather/current", 40)) == {"200": 40}
        assert ask(four.port, "PATCH", "/_sim/config", {"rate-limit": "1/h"})[0] == 200
        assert asyncio.run(many(four.port, f"{PROXY}/weather/current", 40)) == {"200": 1, "429": 39}
    assert ask(four.port, "POST", "/_sim/reset")[0] == 204


def test_a_worker_that_dies_is_started_again_with_all_that_was_changed(redis: RedisServer) -> None:
    with program(redis, "--port=0", prefix="dies") as running:
        port = running.ready()
        rules = [{"name": "r", "match": {"alias": "weather"}, "fault": "status;code=502"}]
        assert ask(port, "PUT", "/_sim/rules", rules)[0] == 200
        asyncio.run(many(port, f"{PROXY}/stream-test/events?interval=0ms", 20))
        until(lambda: pushed_events(redis, "dies") == 80)  # what was measured goes to the store once a second
        victim = children(running.process.pid)[0]
        os.kill(victim, signal.SIGKILL)
        running.wait_for(r"worker 0 has ended \(SIGKILL\); it is started again")
        running.wait_for(r"worker 0 is ready again")
        assert len(children(running.process.pid)) == 2
        assert asyncio.run(many(port, f"{PROXY}/weather/current", 50)) == {"502": 50}
        verdict = ask(port, "GET", "/_sim/verdict?late-p99=10s")[1]
        assert (verdict["events"], ask(port, "GET", "/_sim/timing")[1]["events"]) == (80, 80)


def test_connections_that_come_while_a_worker_is_away_wait_for_the_next(redis: RedisServer) -> None:
    with program(redis, "--port=0", prefix="waits") as running:
        port = running.ready()
        for victim in children(running.process.pid):
            os.kill(victim, signal.SIGKILL)
        assert asyncio.run(many(port, f"{PROXY}/weather/current", 50)) == {"200": 50}


def test_a_configuration_read_again_is_taken_over_by_all(redis: RedisServer, tmp_path: Path) -> None:
    pytest.importorskip("aiohttp")
    file = tmp_path / "sim.yaml"
    file.write_text("latency: 1ms\n")
    with program(redis, "--port=0", f"--config={file}", prefix="reload") as running:
        port = running.ready()
        rule = "{name: r, match: {alias: weather}, fault: status;code=502}"
        file.write_text(f"latency: 2ms\nrules:\n  - {rule}\n")
        running.process.send_signal(signal.SIGHUP)
        running.wait_for(r"reload: latency 1ms -> 2ms, rules 0 -> 1")
        assert asyncio.run(many(port, f"{PROXY}/weather/current", 40)) == {"502": 40}
        # It is what a reset leads back to, and what a new worker begins with.
        assert ask(port, "PATCH", "/_sim/config", {"latency": "9ms"})[0] == 200
        assert ask(port, "POST", "/_sim/reset")[0] == 204
        os.kill(children(running.process.pid)[1], signal.SIGKILL)
        running.wait_for("worker 1 is ready again")
        assert {ask(port, "GET", "/_sim/config")[1]["latency"] for _ in range(20)} == {"2ms"}
        assert asyncio.run(many(port, f"{PROXY}/weather/current", 40)) == {"502": 40}
        # Tokens, upstreams and what a page may ask are for all of them too, and for a new worker.
        real = f"{{url: 'http://127.0.0.1:{port}{PROXY}', authorization: Bearer new, response-timeout: 20s}}"
        file.write_text(
            "token: [test-integration-token, new]\nadmin-token: a\n"
            f"upstreams: {{w2: {{service: weather, token: w}}, mine: {real}}}"
        )
        running.process.send_signal(signal.SIGHUP)
        running.wait_for(
            r"token changed \(1 -> 2\), admin-token changed, latency 2ms -> 0, upstreams \+w2 \+mine, rules 1 -> 0"
        )
        for _ in range(2):
            for path, token, status in (
                ("w2/x", "w", 404),
                ("w2/current", "new", 403),
                ("weather/current", "new", 200),
                ("mine/weather/current", "test-integration-token", 200),
            ):
                asked = [ask(port, "GET", f"{PROXY}/{path}", token=token)[0] for _ in range(10)]
                assert asked == [status] * 10, path
            assert {ask(port, "GET", "/_sim/rules")[0] for _ in range(10)} == {403}
            os.kill(children(running.process.pid)[0], signal.SIGKILL)
            running.wait_for("is ready again")
        file.write_text("latency: soon\n")
        running.process.send_signal(signal.SIGHUP)
        running.wait_for("reload: .*latency.*; nothing changed")
        assert running.end() == 0


def test_other_addresses_are_served_by_all_too(redis: RedisServer, tmp_path: Path) -> None:
    path = tmp_path / "sim.sock"
    any_port = "http://127.0.0.1:0"  # written alike, and not the same
    arguments = (
        f"--listen={any_port}",
        f"--listen={any_port}",
        f"--listen=unix:{path}",
        f"--control-listen={any_port}",
    )
    with program(redis, *arguments, prefix="addresses") as running:
        port = running.ready()
        ports = [int(each) for each in re.findall(r"http://127.0.0.1:(\d+)", running.lines[-1])]
        assert len(set(ports)) == 3
        assert [ask(each, "GET", "/_sim/config")[0] for each in ports] == [404, 404, 200]
        for _ in range(5):
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(path))
                client.sendall(b"GET /health HTTP/1.0\r\n\r\n")
                assert client.recv(4096).startswith(b"HTTP/1.1 200")
        assert ask(port, "GET", "/health")[0] == 200
        os.kill(children(running.process.pid)[0], signal.SIGKILL)
        running.wait_for("ready again")
        assert path.exists()
        assert running.end() == 0
        assert not path.exists()


def pushed_events(redis: RedisServer, prefix: str) -> int:
    """How many events the store knows of, second by second."""
    import msgspec
    from redis import Redis

    with Redis(port=redis.port) as client:
        rows = [row for key in client.keys(f"{{{prefix}}}:seconds:*") for row in client.lrange(key, 0, -1)]
    return sum(sum(msgspec.msgpack.decode(row, strict=False)[2].values()) for row in rows)


def run(*arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "oagw_tornado", *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stderr


def test_what_cannot_be_is_refused_in_one_line(redis: RedisServer) -> None:
    code, said = run("--port=0", "--workers=2")
    assert (code, said.count("\n")) == (2, 1)
    assert "--workers: 2 workers need a state" in said
    code, said = run("--port=0", "--workers=none")
    assert (code, "--workers" in said) == (2, True)
    code, said = run("--port=0", "--workers=2", f"--state={redis.url}?prefix=x", "--fault=nonsense")
    assert (code, "--fault" in said) == (2, True)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, said = run(f"--port={port}", "--workers=2", f"--state={redis.url}?prefix=x")
        assert (code, said) == (1, f"oagw-tornado: cannot listen on 127.0.0.1:{port}: the port is taken\n")


def test_a_port_that_other_workers_have_is_taken(redis: RedisServer, four: testing.SimulatorProcess) -> None:
    code, said = run(f"--port={four.port}", "--workers=2", f"--state={redis.url}?prefix=x")
    assert (code, "the port is taken" in said) == (1, True)
