"""How the program ends: what a signal lets finish, what it cuts, and what is free again afterwards."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import time

import pytest
from program import CHAT, DEADLINE, HEADERS, serving

DRAINING = "oagw-tornado: draining, again to stop now"


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("engine", ["tornado", "fast"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_running_replies_finish(loop: str, engine: str, number: int) -> None:
    with serving("--port=0", f"--loop={loop}", f"--http-server={engine}", "--itl=50ms") as server:
        response = server.stream(words=10)
        server.process.send_signal(number)
        assert response.read().endswith(b"data: [DONE]\n\n"), "the whole stream arrives after the signal"
        assert server.process.wait(DEADLINE) == 0
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((server.host, server.port), timeout=1)


@pytest.mark.parametrize("engine", ["tornado", "fast"])
def test_an_idle_connection_does_not_hold_the_drain_up(engine: str) -> None:
    with serving("--port=0", f"--http-server={engine}", "--drain-timeout=60s") as server:
        connection = server.connect()
        connection.request("GET", "/health")
        connection.getresponse().read()
        assert server.end() == (0, "")
        connection.close()


@pytest.mark.parametrize("engine", ["tornado", "fast"])
def test_a_reply_that_its_client_still_reads_is_sent_to_its_end(engine: str) -> None:
    with serving("--port=0", f"--http-server={engine}", "--drain-timeout=30s", "--output-tokens=1000000") as server:
        connection = server.connect()
        body = json.dumps({"messages": [{"role": "user", "content": "words without end"}]})
        connection.request("POST", CHAT, body, HEADERS)
        response = connection.getresponse()  # the head is here, the body more than the buffers between us hold
        server.process.send_signal(signal.SIGTERM)
        server.wait_until_nothing_listens()  # and nothing is read until then
        assert len(json.loads(response.read())["choices"][0]["message"]["content"].split()) == 1_000_000
        connection.close()
        assert server.process.wait(DEADLINE) == 0


@pytest.mark.parametrize("engine", ["tornado", "fast"])
def test_a_reply_that_outlasts_the_drain_timeout_is_cut(engine: str) -> None:
    with serving("--port=0", f"--http-server={engine}", "--itl=30s", "--drain-timeout=200ms") as server:
        response = server.stream(words=10)
        begun = time.monotonic()
        code, rest = server.end()
        assert (code, rest) == (0, f"{DRAINING} (1 reply under way, at most 200ms)\n")
        assert 0.2 <= time.monotonic() - begun < 10
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            response.read()


@pytest.mark.parametrize(("first", "second"), [(signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGINT)])
def test_a_second_signal_ends_the_process_at_once(first: int, second: int) -> None:
    with serving("--port=0", "--itl=30s", "--drain-timeout=60s") as server:
        server.stream(words=10)
        server.process.send_signal(first)
        server.wait_until_nothing_listens()
        code, rest = server.end(second)
        assert (code, rest) == (128 + second, f"{DRAINING} (1 reply under way, at most 60s)\n")


def test_a_port_is_free_again_at_once() -> None:
    with serving("--port=0") as server:
        server.get("/health")
        port = server.port
        server.end()
    with serving(str(port)) as server:
        assert server.get("/health")[0] == 200
