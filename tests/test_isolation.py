"""What one connection sends, or what goes wrong with it, is its own: no other reads it or goes without its reply.

Exceptions are injected wherever a request passes; the log shows each, and the next connections are served.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from test_cuts import ONCE_WRONG
from wire import (
    CHAT,
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

from oagw_tornado.gateway.admission import Admission
from oagw_tornado.wire import head as head_module
from oagw_tornado.wire.chunked import ChunkedBody
from oagw_tornado.wire.headers import WireHeaders
from oagw_tornado.wire.known_heads import KnownHeads
from oagw_tornado.wire.reader import RequestReader


class Injected(Exception):
    """It comes from nowhere."""


def fail(*_: object, **__: object) -> Any:
    raise Injected


#: Where it strikes. The first three are below the stock engine, too.
PLACES: list[tuple[Any, str]] = [
    (WireHeaders, "__init__"),
    (WireHeaders, "again"),
    (Admission, "headers_received"),
    (Admission, "data_received"),
    (Admission, "finish"),
    (Admission, "on_connection_close"),
    (KnownHeads, "parse"),
    (RequestReader, "feed"),
    (RequestReader, "head"),
    (RequestReader, "body"),
    (ChunkedBody, "feed"),
]
HELLO = post(WEATHER, b"hello")
REQUESTS = [get(WEATHER), HELLO, chunked(WEATHER, b"hel", b"lo"), STREAM, HELLO[:-2]]


@pytest.fixture(scope="module")
def server(wire: str) -> Iterator[VisibleServer]:
    with serving(wire, inter_token_latency="1ms") as server:
        yield server


@pytest.mark.parametrize("place", PLACES, ids=lambda place: f"{place[0].__name__}.{place[1]}")
def test_an_exception_harms_its_own_connection_alone(
    server: VisibleServer, monkeypatch: pytest.MonkeyPatch, place: tuple[Any, str]
) -> None:
    bystander = Client(server.port).send(get(WEATHER))
    assert bystander.reply().status == 200
    streaming = Client(server.port).send(post(CHAT, chat(), "X-Sim-Itl: 50ms"))
    streaming.head()
    # Half a request is with the server while others fail.
    half = Client(server.port).send(get(WEATHER)[:30])
    server.wait_until(lambda simulator: len(simulator._server.deadlines.head) == 1)  # type: ignore[union-attr]
    with monkeypatch.context() as patched:
        patched.setattr(*place, fail)
        for request in REQUESTS:
            with Client(server.port) as client:
                client.send(request)
                client.socket.settimeout(0.2)
                try:
                    told = client.rest()
                except (TimeoutError, ConnectionResetError):
                    told = b""
                assert told.count(b"HTTP/1.1 ") <= 1
    assert half.send(get(WEATHER)[30:]).reply().status == 200
    assert bystander.send(get(WEATHER)).reply().status == 200
    streaming.rest_of_body()
    for request in REQUESTS[:4]:
        with Client(server.port) as client:
            assert client.send(request).reply().status == 200
    for client in (half, bystander, streaming):
        client.close()
    server.take_errors()  # each was logged


@pytest.mark.parametrize("data", ONCE_WRONG, ids=range(len(ONCE_WRONG)))
def test_what_is_refused_is_answered_to_its_sender_alone(server: VisibleServer, data: bytes) -> None:
    others = [Client(server.port) for _ in range(3)]
    others[1].send(get(WEATHER)[:40])
    with Client(server.port) as client:
        client.send(data)
        assert others[0].send(get(WEATHER)).reply().status == 200
        assert others[1].send(get(WEATHER)[40:]).reply().status == 200
        assert others[2].send(STREAM).reply().text == STREAM_TEXT
        assert client.reply().status >= 100
    for other in others:
        other.close()
    assert server.take_errors() == ""


# Every request of a connection gets one reply, in its order.

BAD_HEADS = {
    b"GET /a HTTP/2.0\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n": 505,
    b"GET / HTTP/1.1\r\nHost: x\r\nx y: z\r\n\r\n": 400,
    b"GET / HTTP/1.1\r\nHost: x\r\n" + b"x: y\r\n" * 100 + b"\r\n": 431,
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n": 501,
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\n": 501,
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, chunked\r\n\r\n": 400,
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n": 400,
    b"GET / RTSP/1.0\r\nHost: x\r\n\r\n": 400,
    b"GET / HTTP/1.11\r\nHost: x\r\n\r\n": 400,
    b"GET / HTTP/0.9\r\nHost: x\r\n\r\n": 505,
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n": 505,
}


@pytest.mark.parametrize("bad", BAD_HEADS, ids=range(len(BAD_HEADS)))
def test_a_refused_head_ends_a_pipeline_in_its_place(server: VisibleServer, bad: bytes) -> None:
    with Client(server.port) as client:
        client.send(STREAM + get(WEATHER) + bad + get(WEATHER))
        assert client.reply().text == STREAM_TEXT
        assert client.reply().status == 200
        refusal = client.reply()
        assert refusal.status == BAD_HEADS[bad]
        assert refusal.headers["connection"] == "close"
        assert isinstance(refusal.json["error"], str)
        assert client.rest() == b""


@pytest.mark.parametrize("version", ["1.1", "1.2", "1.9"])
def test_a_later_minor_version_is_served(server: VisibleServer, version: str) -> None:
    with Client(server.port) as client:
        reply = client.send(get(WEATHER, version=version)).reply()
        assert (reply.version, reply.status) == ("HTTP/1.1", 200)
        assert client.is_kept()


def test_http_1_0_with_a_transfer_coding_is_served_and_ends_the_connection(server: VisibleServer) -> None:
    body = chunked(f"{PROXY}/calculator/x", b'{"operation":"add","a":15,"b":27}', version="1.0", lines=KEEP)
    with Client(server.port) as client:
        reply = client.send(body + get(WEATHER)).reply()
        assert (reply.json["result"], reply.headers["connection"]) == (42, "close")
        assert client.rest() == b""


KEEP = ("Connection: keep-alive",)


@pytest.mark.parametrize(
    ("target", "status"),
    [("http://x?a=/_sim/config", 200), ("http://x#/_sim/config", 404), ("HTTP://x?/health", 200), ("http://x", 200)],
)
def test_an_authority_ends_where_it_ends(server: VisibleServer, target: str, status: int) -> None:
    with Client(server.port) as client:
        reply = client.send(get(target)).reply()
        assert reply.status == status
        assert status == 404 or reply.json["service"] == "oagw-tornado", "the index at /"
        assert client.is_kept()


@pytest.mark.parametrize("host", ["a b", "x:99999", "x:y", "[::1", "x/y", "u@x", "x, y"])
def test_a_host_that_is_none(server: VisibleServer, host: str) -> None:
    with Client(server.port) as client:
        request = f"GET /health HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
        assert client.send(request).reply().status == 400


# A refusal that stands does not wait for the body.

REFUSED = [
    (render(WEATHER, "Content-Length: 1000", "Authorization: Bearer no", method="POST"), 403, True),
    (render(WEATHER, "Content-Length: 1000000", "Authorization: Bearer no", method="POST"), 403, False),
    (render(WEATHER, "Transfer-Encoding: chunked", "Authorization: no", method="POST"), 401, True),
    (render(f"{PROXY}/nobody/x", "Content-Length: 1000", method="POST"), 404, True),
    (render("/nowhere", "Content-Length: 1000", method="POST"), 404, True),
    (render(WEATHER, "Content-Length: 1000", method="PATCH"), 405, True),
    (render(WEATHER, "Content-Length: 100000000", method="POST"), 413, False),
    (render(WEATHER, "Content-Length: 1000", "Expect: 100-continue", "Authorization: no", method="POST"), 401, False),
]


@pytest.mark.parametrize(("head", "status", "is_kept"), REFUSED)
def test_a_refusal_goes_out_as_soon_as_the_head_is_there(
    server: VisibleServer, head: bytes, status: int, is_kept: bool
) -> None:
    with Client(server.port) as client:
        begun = time.monotonic()
        reply = client.send(head).reply()
        assert time.monotonic() - begun < 1
        assert reply.status == status
        assert ("connection" not in reply.headers) == is_kept
        if is_kept:
            body = b"x" * 1000 if b"Content-Length" in head else b"3\r\nabc\r\n" * 100 + b"0\r\n\r\n"
            assert client.send(body + get(WEATHER)).reply().status == 200
        else:
            assert client.send(b"x" * 200_000).rest() == b""


def test_a_body_that_nobody_wants_is_read_off_within_bounds(server: VisibleServer) -> None:
    """More chunks than are read off for the next request: then there is none."""
    with Client(server.port) as client:
        client.send(render(WEATHER, "Transfer-Encoding: chunked", "Authorization: no", method="POST"))
        assert client.reply().status == 401
        try:
            for _ in range(40):
                client.send(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        except (ConnectionResetError, BrokenPipeError):
            pass
        else:
            assert client.rest() == b""


def test_header_lines_are_limited_by_an_option(wire: str) -> None:
    with serving(wire, max_header_lines="5") as server, Client(server.port) as client:
        assert client.send(get(WEATHER, "x: 1", "x: 2", "x: 3")).reply().status == 200
        assert client.send(get(WEATHER, "x: 1", "x: 2", "x: 3", "x: 4")).reply().status == 431
        assert client.rest() == b""


def test_no_module_remembers_what_a_connection_sent() -> None:
    """The grammar is patterns and tables."""
    assert not [name for name, value in vars(head_module).items() if isinstance(value, (list, set, bytearray))]
