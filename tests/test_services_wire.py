"""The services through the gateway, as a client sees them."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time

import httpx
import pytest

from oagw_tornado.reply.sse import EventDecoder
from oagw_tornado.testing import SimulatorThread

CHAT = {"messages": [{"role": "user", "content": "tell me a joke"}]}


@pytest.fixture(scope="module")
def simulator():
    with SimulatorThread(inter_token_latency="5ms", event_interval="5ms") as server:
        yield server


@pytest.fixture(scope="module")
def client(simulator):
    with httpx.Client(
        base_url=f"{simulator.base_url}/api/oagw/v1/proxy",
        headers={"Authorization": f"Bearer {simulator.token}"},
        timeout=10,
    ) as client:
        yield client


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize(
    ("path", "body", "status", "expected"),
    [
        ("/openai/v1/models", None, 200, {"object": "list"}),
        ("/openai/v1/chat/completions", CHAT, 200, {"object": "chat.completion", "model": "gpt-4"}),
        ("/openai/v1/nothing", None, 404, {}),
        ("/github/users/octocat", None, 200, {"login": "octocat", "id": 1, "type": "User", "company": "GitHub"}),
        ("/github/users/nobody", None, 404, {"message": "Not Found"}),
        ("/github/repos/a/b%20c", None, 200, {"name": "a/b c", "html_url": "https://github.com/a/b c"}),
        ("/weather/v1/current.json?city=S%C3%A3o+Paulo&city=x", None, 200, {"location": "São Paulo"}),
        ("/weather/current", None, 200, {"location": "Unknown", "temperature": 72}),
        ("/weather/forecast", None, 404, {"error": "Invalid endpoint"}),
        ("/calculator/any/path", {"operation": "add", "a": 15, "b": 27}, 200, {"result": 42}),
        ("/calculator/x", {"operation": "divide", "a": 1, "b": 0}, 400, {"error": "Division by zero"}),
        ("/stream-test/nothing", None, 404, {"error": "Invalid endpoint"}),
    ],
)
def test_every_method_reaches_a_service(client, method, path, body, status, expected):
    reply = client.request(method, path, json=body)
    assert (reply.status_code, reply.headers["Content-Type"]) == (status, "application/json")
    assert reply.headers["X-OAGW-Error-Source"] == "upstream"
    assert {key: reply.json().get(key) for key in expected} == expected


def test_head_is_answered_without_a_body(client):
    reply = client.head("/weather/current")
    assert (reply.status_code, reply.content) == (200, b"")
    assert int(reply.headers["Content-Length"]) > 0
    stream = client.request("HEAD", "/openai/v1/chat/completions", json={**CHAT, "stream": True})
    assert (stream.status_code, stream.content) == (200, b"")


def test_events_come_one_by_one(client, simulator):
    with client.stream("GET", "/stream-test/events", headers={"X-Sim-Gate": "one-by-one"}) as reply:
        assert reply.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        decoder, pieces = EventDecoder(), reply.iter_raw()
        for number in ("1", "2", "3", "4"):
            simulator.control.release("one-by-one", 1)
            assert [event.id for event in decoder.feed(next(pieces))] == [number]
        assert list(pieces) == []


def test_no_event_leaves_before_its_time(client):
    started = time.monotonic()
    with client.stream("GET", "/stream-test/events?interval=30ms") as reply:
        arrived = [time.monotonic() - started for _ in reply.iter_raw()]
    assert arrived[-1] >= 0.09


@pytest.mark.parametrize(("name", "ending"), [("lf", b"\n"), ("cr", b"\r"), ("crlf", b"\r\n")])
def test_line_endings(client, name, ending):
    body = client.get("/stream-test/events", headers={"X-Sim-Line-Ending": name}).content
    assert body.startswith(ending.join([b"id: 1", b"event: message", b"data: First event", b"", b""]))
    assert client.get(f"/stream-test/events?sim-line-ending={name}").content == body
    chat = client.post(f"/openai/v1/chat/completions?sim-line-ending={name}", json={**CHAT, "stream": True}).content
    assert chat.endswith(b"data: [DONE]" + ending * 2)


@pytest.mark.parametrize(
    ("form", "sign"), [("comment", b": keep-alive\n\n"), ("event", b"event: keep-alive\ndata: {}\n\n")]
)
def test_signs_of_life(client, form, sign):
    query = f"sim-keep-alive=20ms;form={form}&interval=50ms"
    body = client.get(f"/stream-test/events?{query}").content
    assert body.count(sign) == 6
    assert client.get("/stream-test/events?interval=50ms").content.count(sign) == 0
    late = client.get("/stream-test/events?sim-keep-alive=20ms&sim-time-to-first-token=50ms&interval=0").content
    assert late.startswith(b": keep-alive\n\n: keep-alive\n\nid: 1")


def test_what_was_missed_and_then_nothing(client):
    reply = client.get("/stream-test/events", headers={"Last-Event-ID": "3"})
    assert reply.content == b"id: 4\nevent: complete\ndata: Final event\n\n"
    reply = client.get("/stream-test/events", headers={"Last-Event-ID": "4"})
    assert (reply.status_code, reply.content, reply.headers["X-OAGW-Error-Source"]) == (204, b"", "upstream")


def test_lines_of_json(client):
    reply = client.get("/stream-test/events?count=3&interval=0", headers={"Accept": "application/x-ndjson"})
    assert reply.headers["Content-Type"] == "application/x-ndjson"
    assert [json.loads(line)["data"] for line in reply.text.splitlines()] == ["Event 1", "Event 2", "Event 3"]


def test_events_without_end_leave_others_their_turn(client, simulator):
    with client.stream("GET", "/stream-test/events?count=inf&interval=0&size=100") as endless:
        pieces = endless.iter_raw()
        next(pieces)
        assert httpx.get(f"{simulator.base_url}/health", timeout=20).status_code == 200
        assert b"id: " in next(pieces)


def test_bytes_at_a_rate(client):
    started = time.monotonic()
    assert len(client.get("/stream-test/bytes?size=30kB&rate=200kB/s").content) == 30_000
    # 8 chunks, the first of them at once.
    assert 0.14 <= time.monotonic() - started < 1
    assert len(client.get("/stream-test/bytes?size=3MB").content) == 3_000_000
    assert client.get("/stream-test/bytes?size=0").content == b""
    assert client.get("/stream-test/bytes?rate=0").status_code == 400
    assert client.get("/stream-test/bytes?size=much").json()["error"].startswith("size")
    assert client.get("/stream-test/bytes?rate=much").json()["error"].startswith("rate")


def test_a_bad_parameter_is_refused(client):
    reply = client.get("/stream-test/events?count=-1")
    assert reply.status_code == 400
    assert reply.json()["error"].startswith("count: ")


def test_openai_replies_say_who_they_are(client):
    reply = client.get("/openai/v1/models")
    assert reply.headers["openai-processing-ms"] == "0"
    assert reply.headers["X-Request-Id"]
    delayed = client.get("/openai/v1/models", headers={"X-Sim-Latency": "20ms"})
    assert delayed.headers["openai-processing-ms"] == "20"


def test_anthropic_replies_say_who_they_are(client):
    reply = client.get("/anthropic/v1/models")
    assert reply.headers["request-id"] == f"req_{reply.headers['X-Request-Id']}"
    missing = client.get("/anthropic/v1/nothing")
    assert missing.status_code == 404
    assert missing.json()["error"]["type"] == "not_found_error"


def test_the_size_of_a_completion_is_set_by_a_header(client):
    reply = client.post(
        "/openai/v1/chat/completions", json={**CHAT, "stream": True}, headers={"X-Sim-Output-Tokens": "30"}
    )
    assert reply.text.count('"content"') == 30
    joined = {"X-Sim-Output-Tokens": "30", "X-Sim-Tokens-Per-Event": "4"}
    reply = client.post("/openai/v1/chat/completions", json={**CHAT, "stream": True}, headers=joined)
    assert reply.text.count('"content"') == 8
    for endpoint, body in (
        ("/openai/v1/responses", {"input": "x"}),
        ("/anthropic/v1/messages", {"model": "m", "max_tokens": 99, **CHAT}),
    ):
        reply = client.post(endpoint, json={**body, "stream": True}, headers={"X-Sim-Output-Tokens": "30"})
        assert reply.text.count("delta\ndata: ") >= 30


def test_a_stream_of_no_token_at_all(client):
    reply = client.post("/openai/v1/chat/completions?sim-output-tokens=0", json={**CHAT, "stream": True})
    assert [line[:6] for line in reply.text.split("\n\n") if line] == ["data: ", "data: "]
    assert '"content"' not in reply.text


def test_a_completion_without_gaps_leaves_others_their_turn(simulator):
    """A client that takes a million tokens as fast as they come: on a loop that never turned, it would be alone."""
    url = f"{simulator.openai_base_url}/chat/completions?sim-output-tokens=1000000&sim-itl=0"
    with socket.create_connection(("127.0.0.1", simulator.port), timeout=10) as greedy:
        body = json.dumps({**CHAT, "stream": True})
        greedy.sendall(
            f"POST {url.removeprefix(simulator.base_url)} HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: Bearer {simulator.token}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        taken = threading.Thread(target=_take_all, args=(greedy,), daemon=True)
        taken.start()
        for _ in range(3):
            assert httpx.get(f"{simulator.base_url}/health", timeout=20).status_code == 200
        assert taken.is_alive()
        greedy.shutdown(socket.SHUT_RDWR)
        taken.join()


def _take_all(connection: socket.socket) -> None:
    buffer = bytearray(1 << 20)
    with contextlib.suppress(ConnectionResetError):
        while connection.recv_into(buffer):
            pass
