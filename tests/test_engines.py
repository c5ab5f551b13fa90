"""What suites of HTTP/1.1 ask of a server, on each engine, and the differences between these that the docs name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from wire import STREAM, WEATHER, Client, VisibleServer, chunked, get, render, serving

HOST = "Host: localhost\r\n"
#: Requests and what they are answered, in the manner of h1spec. Those that are served are followed by another.
CASES: dict[str, tuple[str, int]] = {
    "a plain request": (f"GET /health HTTP/1.1\r\n{HOST}\r\n", 200),
    "names in any case": ("GET /health HTTP/1.1\r\nhOST: localhost\r\n\r\n", 200),
    "space around a value": ("GET /health HTTP/1.1\r\nHost: \t localhost \t\r\n\r\n", 200),
    "no space before a value": ("GET /health HTTP/1.1\r\nHost:localhost\r\n\r\n", 200),
    "an empty value": (f"GET /health HTTP/1.1\r\n{HOST}X-Empty:\r\n\r\n", 200),
    "bytes beyond ASCII in a value": (f"GET /health HTTP/1.1\r\n{HOST}X: \xe9\r\n\r\n", 200),
    "an unknown method": (f"BREW /health HTTP/1.1\r\n{HOST}\r\n", 405),
    "a query": (f"GET /health?a=b&c HTTP/1.1\r\n{HOST}\r\n", 200),
    "an absolute target": (f"GET http://localhost/health HTTP/1.1\r\n{HOST}\r\n", 200),
    "leading zeros of a length": (f"GET /health HTTP/1.1\r\n{HOST}Content-Length: 000\r\n\r\n", 200),
    "a chunked body": (f"GET /health HTTP/1.1\r\n{HOST}Transfer-Encoding: Chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", 200),
    "no Host": ("GET /health HTTP/1.1\r\n\r\n", 400),
    "two Hosts": (f"GET /health HTTP/1.1\r\n{HOST}{HOST}\r\n", 400),
    "a Host with a path": ("GET /health HTTP/1.1\r\nHost: localhost/x\r\n\r\n", 400),
    "a space before the colon": (f"GET /health HTTP/1.1\r\n{HOST}X : y\r\n\r\n", 400),
    "a folded line": (f"GET /health HTTP/1.1\r\n{HOST}X: y\r\n z\r\n\r\n", 400),
    "a line without a colon": (f"GET /health HTTP/1.1\r\n{HOST}X\r\n\r\n", 400),
    "a line without a name": (f"GET /health HTTP/1.1\r\n{HOST}: y\r\n\r\n", 400),
    "a separator in a name": (f"GET /health HTTP/1.1\r\n{HOST}X[y]: z\r\n\r\n", 400),
    "a control character in a value": (f"GET /health HTTP/1.1\r\n{HOST}X: \x01\r\n\r\n", 400),
    "NUL in a value": (f"GET /health HTTP/1.1\r\n{HOST}X: \0\r\n\r\n", 400),
    "a bare CR in a value": (f"GET /health HTTP/1.1\r\n{HOST}X: a\rb\r\n\r\n", 400),
    "bare LFs": ("GET /health HTTP/1.1\nHost: localhost\n\n", 400),
    "no target": (f"GET HTTP/1.1\r\n{HOST}\r\n", 400),
    "a space in the target": (f"GET /a b HTTP/1.1\r\n{HOST}\r\n", 400),
    "two spaces": (f"GET  /health HTTP/1.1\r\n{HOST}\r\n", 400),
    "a version in lower case": (f"GET /health http/1.1\r\n{HOST}\r\n", 400),
    "another protocol": (f"GET /health RTSP/1.0\r\n{HOST}\r\n", 400),
    "no minor version": (f"GET /health HTTP/1\r\n{HOST}\r\n", 400),
    "HTTP/2": (f"GET /health HTTP/2.0\r\n{HOST}\r\n", 505),
    "a negative length": (f"POST /health HTTP/1.1\r\n{HOST}Content-Length: -1\r\n\r\n", 400),
    "a length with a sign": (f"POST /health HTTP/1.1\r\n{HOST}Content-Length: +1\r\n\r\nx", 400),
    "a length that is none": (f"POST /health HTTP/1.1\r\n{HOST}Content-Length: abc\r\n\r\n", 400),
    "two lengths": (f"POST /health HTTP/1.1\r\n{HOST}Content-Length: 1\r\nContent-Length: 2\r\n\r\nx", 400),
    "a list of lengths": (f"POST /health HTTP/1.1\r\n{HOST}Content-Length: 1, 1\r\n\r\nx", 400),
    "both framings": (
        f"POST /x HTTP/1.1\r\n{HOST}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "another coding": (f"POST /health HTTP/1.1\r\n{HOST}Transfer-Encoding: gzip\r\n\r\n", 501),
    "a coding behind chunked": (f"POST /health HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked, gzip\r\n\r\n", 501),
    "chunked twice": (f"PUT / HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked, chunked\r\n\r\n", 400),
    "a target that is too long": (f"GET /{'x' * 70000} HTTP/1.1\r\n{HOST}\r\n", 431),
    "a field that is too long": (f"GET /health HTTP/1.1\r\n{HOST}X: {'x' * 70000}\r\n\r\n", 431),
    "too many fields": (f"GET /health HTTP/1.1\r\n{HOST}{'x: y' * 1}\r\n" + "x: y\r\n" * 100 + "\r\n", 431),
    "TLS": ("\x16\x03\x01\x02\x00\x01\x00", 400),
}
#: What leaves no doubt about where the request ends, so that another may follow.
GOES_ON = {"an unknown method", "no Host", "two Hosts", "a Host with a path"}


@pytest.fixture(scope="module")
def server(wire: str) -> Iterator[VisibleServer]:
    with serving(wire, inter_token_latency="1ms") as server:
        yield server


@pytest.mark.parametrize("case", CASES)
def test_what_is_asked_of_a_server(server: VisibleServer, case: str) -> None:
    text, status = CASES[case]
    with Client(server.port) as client:
        reply = client.send(text.encode("latin-1")).reply()
        assert reply.status == status
        if status == 200 or case in GOES_ON:
            assert client.is_kept()
        else:
            assert (reply.headers["connection"], reply.headers["content-type"]) == ("close", "application/json")
            assert isinstance(reply.json["error"], str)
            assert client.rest() == b""
    assert server.take_errors() == ""


# What the docs say differs.


def test_chunk_extensions(server: VisibleServer, wire: str) -> None:
    with Client(server.port) as client:
        request = chunked(WEATHER, b"hello").replace(b"5\r\n", b"5;a=b\r\n")
        assert client.send(request).reply().status == (400 if wire.startswith("tornado") else 200)


def test_a_bad_chunk(server: VisibleServer, wire: str) -> None:
    with Client(server.port) as client:
        client.send(render(WEATHER, "Transfer-Encoding: chunked", method="POST") + b"zz\r\n")
        text = client.reply().json["error"]
        assert ("framed" if wire.startswith("tornado") else "size") in text
        assert client.rest() == b""


def test_one_reply_for_each_of_a_pipeline(server: VisibleServer) -> None:
    with Client(server.port) as client:
        client.send(get(WEATHER) * 20 + STREAM + get(WEATHER, method="HEAD") + get(WEATHER))
        assert [client.reply().status for _ in range(21)] == [200] * 21
        assert client.reply("HEAD").status == 200
        assert client.reply().status == 200
        assert client.is_kept()
