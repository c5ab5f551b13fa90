"""Streams of a real upstream: what they say when they are broken off here, and what becomes of one nobody reads."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from other_servers import AiohttpServer, saying
from raw_http import dial, request, talk

from oagw_tornado.testing import SimulatorThread

REAL = "/api/oagw/v1/proxy/real"

MESSAGES = b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1"}}\n\n'
RESPONSE = b'event: response.created\ndata: {"type":"response.created","response":{"id":"resp_1","status":"x"}}\n\n'
CHUNK = b'data: {"object":"chat.completion.chunk","choices":[]}\n\n'
UNKNOWN = b'data: {"n":0}\n\n'
LINE = b'{"n":0}\n'

IN_CHAT = {"error": {"message": "gone", "type": "server_error", "param": None, "code": None}}
IN_NONE = {"error": {"message": "gone", "type": None, "param": None, "code": None}}
IN_RESPONSES = {"type": "error", "sequence_number": 1, "code": "server_error", "message": "gone", "param": None}
IN_MESSAGES = {"type": "error", "error": {"type": "api_error", "message": "gone"}}


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorThread]:
    with AiohttpServer() as upstream:
        file = tmp_path_factory.mktemp("passed") / "sim.json"
        file.write_text(json.dumps({"upstreams": {"real": {"url": f"http://127.0.0.1:{upstream.port}/base/said"}}}))
        with SimulatorThread(config=str(file), gate_timeout="50ms") as server:
            yield server


def last_event(simulator: SimulatorThread, path: str, first: bytes, **knobs: str) -> tuple[str, Any]:
    """The name and the document of the event that a stream ends with, which began with `first`."""
    query = "&".join(f"sim-{name}={value}" for name, value in knobs.items())
    kind = "&type=application/x-ndjson" if first == LINE else ""
    reply = talk(simulator.port, request(f"{REAL}/{path}?{query}{kind}", first * 3), 10)
    body = b"".join(reply.chunks)
    assert (reply.status, reply.end) == (200, "closed")
    lines = body.removesuffix(b"\n").removesuffix(b"\n").rpartition(b"\n\n")[2].split(b"\n")
    name = next((line[7:].decode() for line in lines if line.startswith(b"event: ")), "")
    return name, json.loads(lines[-1].removeprefix(b"data: "))


@pytest.mark.parametrize(
    ("path", "first", "name", "said"),
    [
        ("v1/chat/completions", CHUNK, "", IN_CHAT),
        ("v1/messages", MESSAGES, "error", IN_MESSAGES),
        ("v1/responses", RESPONSE, "error", IN_RESPONSES),
        # What it says counts for more than how it was asked for.
        ("elsewhere", MESSAGES, "error", IN_MESSAGES),
        ("v1/messages", CHUNK, "", IN_CHAT),
        # And the path, where it says nothing that is known.
        ("v1/messages", UNKNOWN, "error", IN_MESSAGES),
        ("elsewhere", UNKNOWN, "", IN_NONE),
        ("api/chat", LINE, "", {"error": "gone"}),
    ],
    ids=["chat", "messages", "responses", "messages-by-content", "chat-by-content", "by-path", "unknown", "lines"],
)
def test_an_error_event_has_the_form_of_the_stream(
    simulator: SimulatorThread, path: str, first: bytes, name: str, said: dict[str, Any]
) -> None:
    fault = "error-event;at-event=1;message=gone"
    got, document = last_event(simulator, path, first, fault=fault)
    assert got == name
    assert document == said


@pytest.mark.parametrize(("form", "why"), [("failed", "error"), ("incomplete", "incomplete_details")])
def test_a_response_fails_in_its_own_words(simulator: SimulatorThread, form: str, why: str) -> None:
    name, document = last_event(simulator, "v1/responses", RESPONSE, fault=f"error-event;at-event=1;form={form}")
    assert name == document["type"] == f"response.{form}"
    assert document["response"] | {why: ...} == {"object": "response", "id": "resp_1", "status": form, why: ...}
    # Other dialects have no such form, and say so before anything is asked.
    reply = talk(simulator.port, request(f"{REAL}/v1/messages?sim-fault=error-event;form={form}", MESSAGES), 10)
    assert (reply.status, b"this stream has the form error" in reply.body) == (400, True)


@pytest.mark.parametrize(
    ("path", "first", "name", "key"),
    [("a", CHUNK, "", "error"), ("a", MESSAGES, "error", "error"), ("a", RESPONSE, "error", "sequence_number")],
    ids=["chat", "messages", "responses"],
)
def test_a_gate_that_nobody_opens_ends_a_stream_in_its_form(
    simulator: SimulatorThread, path: str, first: bytes, name: str, key: str
) -> None:
    got, document = last_event(simulator, path, first, gate="shut")
    assert got == name
    assert key in document


def test_a_stream_without_a_reader_ends_upstream_within_milliseconds(tmp_path: Path) -> None:
    """The fastest of some: others that use the machine make any one of them late, and all of them only by chance."""
    ends: list[float] = []
    over = threading.Event()

    def say(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        assert connection.recv(1) == b""
        ends.append(time.monotonic())
        over.set()

    with saying(say) as port:
        file = tmp_path / "sim.json"
        file.write_text(json.dumps({"upstreams": {"real": {"url": f"http://127.0.0.1:{port}"}}}))
        with SimulatorThread(config=str(file)) as simulator:
            took = []
            for _ in range(20):
                over.clear()
                with dial(simulator.port, 10) as client:
                    client.sendall(request(f"{REAL}/stream"))
                    received = b""
                    while b"data: 1" not in received:
                        received += client.recv(65536)
                    left = time.monotonic()
                assert over.wait(10)
                took.append(ends[-1] - left)
    assert min(took) < 0.01
