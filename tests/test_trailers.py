"""Trailer fields on their way through: of requests, and of replies whose client asks for them (RFC 9110, 6.5)."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from raw_http import TOKEN, dial, request
from scripted_server import scripted_server

from oagw_tornado.proxying.trailers import LARGEST_HEAD, ReplyTrailers, are_asked_for, passed_trailers
from oagw_tornado.testing import SimulatorThread

REAL = "/api/oagw/v1/proxy/real"
HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Checksum\r\n"
BODY = b"7\r\ndata: 1\r\n2\r\n\n\n\r\n"
TRAILERS = b"Checksum: abc\r\nSet-Cookie: a=1\r\nX-Sim-Fault: reset\r\nServer-Timing: total;dur=1\r\n"
PASSED = b"Checksum: abc\r\nServer-Timing: total;dur=1\r\n"
STREAM = HEAD + b"Content-Type: text/event-stream\r\n\r\n" + BODY + b"0\r\n" + TRAILERS + b"\r\n"
WHOLE = HEAD + b"\r\n" + BODY + b"0\r\n" + TRAILERS + b"\r\n"
LARGE = b"HTTP/1.1 200 OK\r\nX: " + b"x" * LARGEST_HEAD


def received(port: int, data: bytes) -> bytes:
    """All that comes until the server closes."""
    with dial(port, 15) as client:
        client.sendall(data)
        reply = b""
        while piece := client.recv(65536):
            reply += piece
    return reply


def through(tmp_path: Path, *said: bytes, te: str | None, query: str = "") -> bytes:
    with scripted_server(*said) as upstream:
        (tmp_path / "sim.json").write_text(json.dumps({"upstreams": {"real": {"url": upstream.url}}}))
        headers = {"Connection": "close"} | ({"TE": te} if te is not None else {})
        with SimulatorThread(config=str(tmp_path / "sim.json")) as simulator:
            return received(simulator.port, request(f"{REAL}/x{query}", headers=headers))


@pytest.mark.parametrize("said", [(STREAM,), (WHOLE,), (STREAM[:-20], STREAM[-20:])], ids=["stream", "body", "cut"])
def test_a_client_that_asks_for_trailers_gets_them(tmp_path: Path, said: tuple[bytes, ...]) -> None:
    reply = through(tmp_path, *said, te="gzip;q=0.5, trailers")
    assert b"\r\nTrailer: Checksum\r\n" in reply
    assert reply.endswith(b"\r\n0\r\n" + PASSED + b"\r\n")


def test_one_that_does_not_ask_gets_none(tmp_path: Path) -> None:
    reply = through(tmp_path, STREAM, te=None)
    assert reply.endswith(b"\r\n0\r\n\r\n")
    assert b"Trailer" not in reply


def test_a_stream_that_ends_before_its_time_has_none(tmp_path: Path) -> None:
    reply = through(tmp_path, STREAM, te="trailers", query="?sim-fault=error-event;at-event=1")
    assert b'"error"' in reply
    assert reply.endswith(b"\r\n0\r\n\r\n")


@pytest.fixture
def echoing() -> Iterator[tuple[int, list[bytes]]]:
    """A server that keeps what it has received, up to the end of the trailers."""
    seen: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(15)

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(15)
                data = b""
                while b"\r\n0\r\n" not in data or not data.endswith(b"\r\n\r\n"):
                    data += connection.recv(65536)
                seen.append(data)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1], seen
        thread.join(20)


@pytest.mark.parametrize("size", [10, 3_000_000])
def test_trailers_of_a_request_pass(tmp_path: Path, echoing: tuple[int, list[bytes]], size: int) -> None:
    port, seen = echoing
    (tmp_path / "sim.json").write_text(json.dumps({"upstreams": {"real": {"url": f"http://127.0.0.1:{port}"}}}))
    head = (
        f"POST {REAL}/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nTransfer-Encoding: chunked\r\n"
        f"Trailer: Checksum\r\nConnection: close\r\n\r\n{size:x}\r\n"
    ).encode()
    with SimulatorThread(config=str(tmp_path / "sim.json"), http_server="fast") as simulator:
        reply = received(simulator.port, head + b"x" * size + b"\r\n0\r\n" + TRAILERS + b"\r\n")
    assert reply.endswith(b"ok")
    assert seen[0].endswith(b"\r\n0\r\n" + PASSED + b"\r\n")
    head, _, body = seen[0].partition(b"\r\n\r\n")
    assert b"\r\ntransfer-encoding: chunked" in head.lower()
    assert b"\r\nTrailer: Checksum" in head
    assert body.count(b"x") == size


def test_the_trailers_of_a_reply_are_found_wherever_it_is_cut() -> None:
    reply = b"HTTP/1.1 100 Continue\r\n\r\n" + STREAM
    for at in range(len(reply)):
        found = ReplyTrailers()
        found.feed(reply[:at])
        found.feed(reply[at:])
        assert b"".join(found.lines) == TRAILERS
    for other in (
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n0\r\nA: b\r\n\r\n",
        b"no reply\r\n\r\n",
        STREAM[:-9],
        LARGE,
    ):
        found = ReplyTrailers()
        found.feed(other)
        found.feed(
            HEAD[HEAD.index(b"\r\n") :] + b"\r\n" + BODY + b"0\r\n" + TRAILERS + b"\r\n" if other == LARGE else b""
        )
        assert found.lines == ()


def test_what_frames_a_message_is_no_trailer() -> None:
    for name in (b"Transfer-Encoding", b"host", b"Set-Cookie", b"AUTHORIZATION", b"X-Oagw-Error-Source", b"Trailer"):
        assert passed_trailers([name + b": 1\r\n", b"Digest: 1\r\n"]) == b"Digest: 1\r\n"
    assert are_asked_for([("te", "Trailers")])
    assert not are_asked_for([("TE", "gzip"), ("X", "trailers")])
