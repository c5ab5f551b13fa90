"""What workers have seen outlives them: killed one after the other, they leave their journal, and all shows it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from redis_server import RedisServer
from test_live import watching
from test_workers import PROXY, TOKEN, ask, children, many, program, until

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


def left(redis: RedisServer, prefix: str) -> int:
    """How many entries members have left with the store."""
    from redis import Redis

    with Redis(port=redis.port) as client:
        return sum(int(client.hget(key, "entries") or 0) for key in client.keys(f"{{{prefix}}}:journal:*"))


def outcomes(port: int, query: str = "") -> Counter[str]:
    return Counter(entry["outcome"] for entry in ask(port, "GET", f"/_sim/requests?{query}")[1]["requests"])


def test_the_journal_of_a_killed_worker_is_shown_until_reset(redis: RedisServer) -> None:
    with program(redis, "--port=0", prefix="left") as running:
        port = running.ready()
        asyncio.run(many(port, f"{PROXY}/weather/current", 200))
        asyncio.run(many(port, f"{PROXY}/stream-test/events?interval=0ms", 20))
        with socket.create_connection(("127.0.0.1", port)) as stream:
            path = f"{PROXY}/stream-test/events?count=inf&interval=20ms"
            stream.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nX-Request-Id: cut\r\n{TOKEN}\r\n\r\n".encode())
            until(lambda: ask(port, "GET", "/_sim/requests/cut")[1]["events_sent"] > 10)
            before = ask(port, "GET", "/_sim/requests/cut")[1]
            until(lambda: left(redis, "left") >= 221)
            until(lambda: known_to_run(redis, "left"))
            time.sleep(1.2)  # how far it has come is told of once a second
            for number, victim in enumerate(children(running.process.pid)):
                os.kill(victim, signal.SIGKILL)
                running.wait_for(f"worker {number} is ready again")
        assert outcomes(port) == {"complete": 220, "killed": 1}
        cut = ask(port, "GET", "/_sim/requests/cut")[1]
        assert (cut["outcome"], cut["status"], cut["target"]) == ("killed", 200, path)
        assert cut["events_sent"] > before["events_sent"]
        assert cut["ended"] > 0.2
        entries = ask(port, "GET", "/_sim/requests?alias=stream-test&outcome=complete&events=1")[1]["requests"]
        assert [len(entry["events"]["actual"]) for entry in entries] == [4] * 20
        # Microseconds: in one and the same they may stand in any order.
        shown = [int(entry["time"] * 1e6) for entry in ask(port, "GET", "/_sim/requests?limit=50")[1]["requests"]]
        every = [int(entry["time"] * 1e6) for entry in ask(port, "GET", "/_sim/requests")[1]["requests"]]
        assert every == sorted(every, reverse=True)
        assert shown == every[:50]
        assert len(ask(port, "GET", "/_sim/requests?format=har")[1]["log"]["entries"]) == 221
        report: dict[str, Any] = ask(port, "GET", "/_sim/report?format=json")[1]
        assert report["counts"]["outcomes"] == {"complete": 220, "killed": 1}
        assert ask(port, "GET", "/_sim/conduct?final=1")[0] == 200
        assert ask(port, "DELETE", "/_sim/requests")[0] == 204
        assert outcomes(port) == {}
        asyncio.run(many(port, f"{PROXY}/weather/current", 10))
        until(lambda: left(redis, "left") == 10)
        os.kill(children(running.process.pid)[0], signal.SIGKILL)
        running.wait_for("worker 0 is ready again")
        assert outcomes(port) == {"complete": 10}
        assert ask(port, "POST", "/_sim/reset")[0] == 204
        assert (outcomes(port), left(redis, "left")) == ({}, 0)


def test_the_page_shows_what_a_killed_worker_has_left(redis: RedisServer) -> None:
    with program(redis, "--port=0", prefix="page") as running:
        port = running.ready()
        workers = children(running.process.pid)
        asyncio.run(many(port, f"{PROXY}/weather/current", 30))
        chat = {"model": "gpt-4", "messages": [{"role": "user", "content": "one two"}]}
        assert [ask(port, "POST", f"{PROXY}/openai/v1/chat/completions", chat)[0] for _ in range(5)] == [200] * 5
        with socket.create_connection(("127.0.0.1", port)) as stream:
            path = f"{PROXY}/stream-test/events?count=inf&interval=20ms"
            stream.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nX-Request-Id: cut\r\n{TOKEN}\r\n\r\n".encode())
            until(lambda: left(redis, "page") >= 36)
            until(lambda: known_to_run(redis, "page"))
            time.sleep(1.2)  # what is counted is told of once a second
            for number, victim in enumerate(workers):
                os.kill(victim, signal.SIGKILL)
                running.wait_for(f"worker {number} is ready again")
        server: Any = SimpleNamespace(port=port)
        with watching(server, "/_sim/live?show=requests") as page:
            page.until(lambda page: len(page.rows) == 36)
            killed = [row for row in page.rows.values() if row["outcome"] == "killed"]
            assert [(row["id"], row["status"], row["ended"] > 0) for row in killed] == [("cut", 200, True)]
            page.until(lambda page: page.now.get("now", {}).get("answered") == {"weather": 30, "openai": 5})
            assert page.now["now"]["journal"] == 36
            metrics = ask(port, "GET", f"{PROXY}/openai/metrics")[1]
            assert 'vllm:request_success_total{engine="0",finished_reason="stop",model_name="gpt-4"} 5.0' in metrics
            page.until(lambda page: len(page.now["verdict"]["members"]) == 4)
            asyncio.run(many(port, f"{PROXY}/weather/current", 20))
            until(lambda: left(redis, "page") >= 57)
            time.sleep(1.2)  # what is counted is told of once a second
        os.kill(children(running.process.pid)[0], signal.SIGKILL)
        with watching(server, "/_sim/live?show=requests") as page:
            page.until(lambda page: page.now.get("now", {}).get("answered") == {"weather": 50, "openai": 6})
            page.until(lambda page: len(page.rows) == 57)


def known_to_run(redis: RedisServer, prefix: str) -> bool:
    """Whether the store knows of a request that runs how far it has come."""
    from redis import Redis

    with Redis(port=redis.port) as client:
        return any(len(client.hget(key, "runs") or b"") > 10 for key in client.keys(f"{{{prefix}}}:journal:*"))
