"""Gates and resets over HTTP."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from raw_http import CHAT, RawReply, chat, request, talk
from test_control import WEATHER, ask, until

from oagw_tornado.testing import SimulatorThread


@pytest.fixture(scope="module")
def server(wire: str) -> Iterator[SimulatorThread]:
    engine, loop = wire.split("-")
    rules = [{"name": "from-the-start", "match": {"alias": "github"}, "latency": "1s"}]
    with SimulatorThread(http_server=engine, loop=loop, inter_token_latency="1ms", rules=rules) as running:
        yield running


@pytest.fixture
def oagw(server: SimulatorThread) -> SimulatorThread:
    server.control.reset()
    return server


# Gates.


class Held:
    """A gated stream in a thread."""

    def __init__(self, oagw: SimulatorThread, gate: str, target: str = CHAT, body: Any = None, **headers: str) -> None:
        self.reply: RawReply | None = None
        data = request(target, body, {"X-Sim-Gate": gate, "X-Request-Id": gate, **headers})
        self.thread = threading.Thread(target=self._run, args=(oagw.port, data))
        self.thread.start()
        until(lambda: ask(oagw, "GET", "/_sim/gates")[1]["gates"].get(gate, {}).get("waiting"))

    def _run(self, port: int, data: bytes) -> None:
        self.reply = talk(port, data, patience=30)

    def result(self) -> RawReply:
        self.thread.join(60)
        assert self.reply is not None
        return self.reply


def test_a_gate_releases_event_by_event(oagw: SimulatorThread) -> None:
    held = Held(oagw, "door", CHAT, chat("a b"))
    assert oagw.control.request("door")["events_sent"] == 0
    for sent in (1, 2, 3):
        document = ask(oagw, "POST", "/_sim/gates/door/release")[1]
        assert document == {"gate": "door", "open": False, "permits": 0, "waiting": 1}
        assert oagw.control.request("door")["events_sent"] == sent
    assert oagw.control.release("door", 2)["waiting"] == 1
    assert oagw.control.request("door")["events_sent"] == 5
    oagw.control.release("door", "all")
    assert held.result().body.endswith(b"0\r\n\r\n")
    timing = oagw.control.timing()
    assert timing["late_ms"]["max"] < 1000, "waiting at a gate is not lateness"


def test_a_whole_reply_waits_too(oagw: SimulatorThread) -> None:
    held = Held(oagw, "whole", WEATHER)
    oagw.control.release("whole", 1)
    assert held.result().status == 200


def test_a_gate_whose_client_leaves_is_forgotten(oagw: SimulatorThread) -> None:
    with socket.create_connection(("127.0.0.1", oagw.port)) as connection:
        connection.sendall(request(CHAT, chat(), {"X-Sim-Gate": "left", "X-Request-Id": "left"}))
        until(lambda: ask(oagw, "GET", "/_sim/gates")[1]["gates"])
    until(lambda: not ask(oagw, "GET", "/_sim/gates")[1]["gates"])
    assert oagw.control.request("left")["outcome"] == "client-left"


def test_a_gate_that_nobody_releases_ends_in_an_error(oagw: SimulatorThread) -> None:
    oagw.control.configure(gate_timeout="60ms")
    streamed = talk(oagw.port, request(CHAT, chat(), {"X-Sim-Gate": "shut"}))
    assert streamed.status == 200
    error, end = streamed.chunks
    assert "error" in json.loads(error.removeprefix(b"data: "))
    assert end == b""
    assert oagw.control.requests(limit=1)[0]["outcome"] == "gate-timeout"
    whole = talk(oagw.port, request(WEATHER, headers={"X-Sim-Gate": "shut"}))
    assert (whole.status, whole.header("X-OAGW-Error-Source")) == (504, "gateway")
    assert oagw.control.requests(limit=1)[0]["outcome"] == "gate-timeout"
    assert oagw.control.requests(limit=1)[0]["status"] == 504


@pytest.mark.parametrize("events", ["0", "-1", "x", "1&events=2"])
def test_a_bad_release_is_refused(oagw: SimulatorThread, events: str) -> None:
    status, document, _ = ask(oagw, "POST", f"/_sim/gates/door/release?events={events}")
    assert status == 400
    assert document["error"].startswith("events: ")


@pytest.mark.parametrize("name", ["a%20b", "none", "x" * 129])
def test_a_gate_that_no_request_can_name_is_not_released(oagw: SimulatorThread, name: str) -> None:
    status, document, _ = ask(oagw, "POST", f"/_sim/gates/{name}/release")
    assert status == 400
    assert document["error"].startswith("gate: ")


# Reset.


def counted(oagw: SimulatorThread) -> list[bytes]:
    """The metrics, without those of the process, which no reset changes."""
    return [line for line in talk(oagw.port, request("/metrics")).body.splitlines() if b"process_" not in line]


def test_reset_is_the_state_at_start(oagw: SimulatorThread) -> None:
    at_start = {
        path: ask(oagw, "GET", path)[1] for path in ("/_sim/config", "/_sim/rules", "/_sim/timing", "/_sim/gates")
    }
    metrics = counted(oagw)
    oagw.control.configure(latency="1ms", rate_limit="1/h", gate_timeout="1s")
    ask(oagw, "PUT", "/_sim/rules", [{"match": {"alias": "github"}, "fault": "reset"}])
    held = Held(oagw, "door", CHAT, chat())
    talk(oagw.port, request(WEATHER))
    oagw.control.reset()
    assert held.result().body.endswith(b"0\r\n\r\n"), "who waited at a gate goes on"
    oagw.control.reset()
    for path, document in at_start.items():
        assert ask(oagw, "GET", path)[1] == document
    assert counted(oagw) == metrics
    assert oagw.control.requests() == []
    oagw.control.configure(rate_limit="1/h")
    assert talk(oagw.port, request(WEATHER)).status == 200, "the buckets are full again"


def test_a_reset_lets_a_stream_go_on_to_its_end(oagw: SimulatorThread) -> None:
    """It takes more than one turn of the loop, and must not meet its gate again in the next."""
    oagw.control.configure(gate_timeout="10s")
    held = Held(oagw, "door", CHAT, chat("word " * 3000))
    oagw.control.reset()
    assert held.result().body.count(b"data: ") > 3000
    assert held.result().body.endswith(b"0\r\n\r\n")
