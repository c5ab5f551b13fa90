"""What an HTTP/1.1 server owes its clients, on each engine: framing, order, persistence."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
from wire import (
    CHAT,
    EVENTS,
    PROXY,
    STREAM,
    STREAM_TEXT,
    WEATHER,
    Client,
    VisibleServer,
    chat,
    chunked,
    get,
    post,
    render,
    serving,
)

CALCULATE = f"{PROXY}/calculator/calculate"
SUM = {"operation": "add", "a": 15, "b": 27}


@pytest.fixture(scope="module")
def server(wire: str) -> Iterator[VisibleServer]:
    with serving(wire, inter_token_latency="1ms", event_interval="1ms") as server:
        yield server


@pytest.fixture
def client(server: VisibleServer) -> Iterator[Client]:
    with Client(server.port) as client:
        yield client
    assert server.take_errors() == ""


def weather(city: str, *lines: str, **more: str) -> bytes:
    return get(f"{WEATHER}?city={city}", *lines, **more)


# One after another.


def test_a_connection_serves_many_requests(client: Client) -> None:
    for number in range(50):
        reply = client.send(weather(f"c{number}")).reply()
        assert (reply.version, reply.status, reply.json["location"]) == ("HTTP/1.1", 200, f"c{number}")
        assert "connection" not in reply.headers


def test_a_connection_serves_streams_bodies_and_refusals_in_turn(client: Client) -> None:
    for _ in range(3):
        assert client.send(STREAM).reply().text == STREAM_TEXT
        assert client.send(post(CALCULATE, SUM)).reply().json["result"] == 42
        assert client.send(get("/nowhere")).reply().status == 404
        assert client.send(chunked(CALCULATE, json.dumps(SUM).encode())).reply().json["result"] == 42


def test_close_is_heard(client: Client) -> None:
    reply = client.send(weather("Oslo", "Connection: close")).reply()
    assert reply.headers["connection"] == "close"
    assert client.rest() == b""


def test_close_is_heard_behind_a_stream(client: Client) -> None:
    reply = client.send(post(CHAT, chat(), "Connection: close")).reply()
    assert (reply.headers["connection"], reply.text) == ("close", STREAM_TEXT)
    assert client.rest() == b""


def test_empty_lines_between_requests_are_nothing(client: Client) -> None:
    for _ in range(3):
        assert client.send(b"\r\n" + weather("Oslo")).reply().status == 200


# Before the one before is answered.


def test_pipelined_requests_are_answered_in_order(client: Client) -> None:
    count = 200
    client.send(b"".join(weather(f"c{number}") for number in range(count)))
    assert [client.reply().json["location"] for _ in range(count)] == [f"c{number}" for number in range(count)]


def test_a_slow_reply_holds_up_the_fast_ones_behind_it(client: Client) -> None:
    begun = time.monotonic()
    client.send(weather("slow", "X-Sim-Latency: 80ms") + weather("fast") + get("/health"))
    assert client.reply().json["location"] == "slow"
    assert time.monotonic() - begun >= 0.08
    assert client.reply().json["location"] == "fast"
    assert client.reply().json["status"] == "healthy"
    assert client.is_kept()


def test_a_stream_in_the_middle(client: Client) -> None:
    client.send(weather("before") + STREAM + weather("after") + STREAM + post(CALCULATE, SUM))
    assert client.reply().json["location"] == "before"
    assert client.reply().text == STREAM_TEXT
    assert client.reply().json["location"] == "after"
    assert client.reply().text == STREAM_TEXT
    assert client.reply().json["result"] == 42
    assert client.is_kept()


def test_what_comes_during_a_stream_waits_for_its_end(client: Client) -> None:
    client.send(post(CHAT, chat(), "X-Sim-Itl: 20ms"))
    _, status, _ = client.head()
    assert status == 200
    client.chunk()
    half = weather("next")
    client.send(half[:40])
    client.chunk()
    client.send(half[40:])
    assert client.chunk()
    while client.chunk():
        pass
    assert client.reply().json["location"] == "next"


def test_close_ends_a_pipeline(client: Client) -> None:
    client.send(weather("a") + weather("b", "Connection: close") + weather("c"))
    assert [client.reply().json["location"] for _ in range(2)] == ["a", "b"]
    assert client.rest() == b""


# HTTP/1.0.


@pytest.mark.parametrize("asked", [False, True])
def test_http_1_0_persists_only_if_it_asks_to(client: Client, asked: bool) -> None:
    lines = ("Connection: keep-alive",) if asked else ()
    reply = client.send(weather("Oslo", *lines, version="1.0")).reply()
    assert reply.json["location"] == "Oslo"
    assert reply.headers["connection"] == ("keep-alive" if asked else "close")
    if asked:
        assert client.is_kept()
    else:
        assert client.rest() == b""


@pytest.mark.parametrize("lines", [(), ("Connection: keep-alive",)])
def test_a_stream_to_http_1_0_has_no_chunks_and_ends_with_the_connection(client: Client, lines: tuple[str]) -> None:
    reply = client.send(post(CHAT, chat(), *lines, version="1.0")).reply()
    assert "transfer-encoding" not in reply.headers
    assert "content-length" not in reply.headers
    assert reply.headers["connection"] == "close"
    assert reply.text == STREAM_TEXT
    assert reply.body.endswith(b"data: [DONE]\n\n")


def test_http_1_0_needs_no_host(client: Client) -> None:
    assert client.send(b"GET /health HTTP/1.0\r\n\r\n").reply().status == 200


def test_http_1_0_persists_after_a_body(client: Client) -> None:
    assert client.send(post(CALCULATE, SUM, "Connection: Keep-Alive", version="1.0")).reply().json["result"] == 42
    assert client.is_kept()


# HEAD.


@pytest.mark.parametrize("target", ["/health", "/api/oagw/v1/status", WEATHER, f"{PROXY}/github/users/nobody"])
def test_head_is_get_without_the_body(client: Client, target: str) -> None:
    told = client.send(get(target)).reply()
    reply = client.send(get(target, method="HEAD")).reply("HEAD")
    assert reply.status == told.status
    volatile = ("date", "x-request-id", "server-timing", *(["content-length"] if "status" in target else []))
    assert {name: value for name, value in reply.headers.items() if name not in volatile} == {
        name: value for name, value in told.headers.items() if name not in volatile
    }
    assert client.is_kept()


def test_head_of_a_stream_is_its_head(client: Client) -> None:
    reply = client.send(get(EVENTS, method="HEAD")).reply("HEAD")
    assert reply.status == 200
    assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert reply.headers["transfer-encoding"] == "chunked"
    assert client.is_kept()


def test_head_of_a_refusal_has_no_body(client: Client) -> None:
    assert client.send(get("/nowhere", method="HEAD")).reply("HEAD").status == 404
    assert client.send(get(WEATHER, "Authorization: Bearer no", method="HEAD")).reply("HEAD").status == 403
    assert client.is_kept()


# Bodies.


@pytest.mark.parametrize("pieces", [1, 2, 23, 1000])
def test_a_body_in_chunks(client: Client, pieces: int) -> None:
    body = json.dumps(SUM).encode().ljust(1000)
    size = -(-len(body) // pieces)
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    reply = client.send(chunked(CALCULATE, *parts)).reply()
    assert reply.json["result"] == 42
    assert client.is_kept()


def test_trailers_are_no_headers(client: Client, wire: str) -> None:
    if wire.startswith("tornado"):
        pytest.skip("tornado takes no trailers")
    trailer = b"X-Sim-Fault: status;code=500\r\nX-Request-Id: trailer\r\n"
    reply = client.send(chunked(CALCULATE, json.dumps(SUM).encode(), trailer=trailer)).reply()
    assert reply.json["result"] == 42
    assert reply.headers["x-request-id"] != "trailer"
    assert client.is_kept()


def test_a_body_that_arrives_byte_by_byte(client: Client) -> None:
    for byte in post(CALCULATE, SUM):
        client.send(bytes([byte]))
    assert client.reply().json["result"] == 42


def test_a_body_on_get_belongs_to_its_request(client: Client) -> None:
    body = json.dumps(SUM).encode()
    request = render(CALCULATE, f"Content-Length: {len(body)}", method="GET") + body
    assert client.send(request + weather("next")).reply().json["result"] == 42
    assert client.reply().json["location"] == "next"


@pytest.mark.parametrize("size", [0, 1, 65_536, 3_000_000])
def test_a_body_of_any_size_below_the_limit(client: Client, size: int) -> None:
    text = "x" * size
    reply = client.send(post(CHAT, {"messages": [{"role": "user", "content": text}]})).reply()
    assert reply.json["choices"][0]["message"]["content"].startswith(f"I received your message: '{text}'.")


# Expect.


def test_continue_is_said_before_the_body(client: Client) -> None:
    body = json.dumps(SUM).encode()
    client.send(render(CALCULATE, f"Content-Length: {len(body)}", "Expect: 100-continue", method="POST"))
    assert client.reply().status == 100
    assert client.send(body).reply().json["result"] == 42
    assert client.is_kept()


def test_continue_is_said_to_whoever_was_kept_waiting(client: Client) -> None:
    body = json.dumps(SUM).encode()
    expecting = render(CALCULATE, f"Content-Length: {len(body)}", "Expect: 100-continue", method="POST")
    client.send(STREAM + expecting)
    assert client.reply().text == STREAM_TEXT
    assert client.reply().status == 100
    assert client.send(body).reply().json["result"] == 42


def test_a_body_over_the_limit_is_refused_instead(client: Client) -> None:
    length = 64 * 2**20 + 1
    client.send(render(CALCULATE, f"Content-Length: {length}", "Expect: 100-continue", method="POST"))
    assert client.reply().status == 413
    assert client.rest() == b""
