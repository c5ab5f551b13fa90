"""Bytes that are no HTTP: none hangs the server, brings it down, or is answered as if the server were at fault."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from raw_http import TOKEN
from wire import CHAT, WEATHER, Client, VisibleServer, get, post, serving

AUTH = f"Authorization: Bearer {TOKEN}\r\n".encode()
TARGET = WEATHER.encode()
HOST = b"Host: test\r\n"


def bad_requests() -> Iterator[bytes]:
    """A list written by hand: each line of a request, and its body, wrong in each way that has been seen."""
    # Request lines.
    for line in (
        b"",
        b" ",
        b"GET",
        b"GET ",
        b"GET  ",
        b"GET /",
        b"GET / ",
        b"GET / HTTP",
        b"GET / HTTP/",
        b"GET / HTTP/1",
        b"GET / HTTP/1.",
        b"GET / HTTP/1.1.1",
        b"GET / HTTP/0.9",
        b"GET / HTTP/2.0",
        b"GET / HTTP/3",
        b"GET / HTTP/9.9",
        b"GET / HTTP/-1.1",
        b"GET / HTTP/1.11",
        b"GET / http/1.1",
        b"GET / HTTPS/1.1",
        b"GET / ICE/1.0",
        b"GET / RTSP/1.0",
        b"GET / HTTP/1.1 extra",
        b"GET /  HTTP/1.1",
        b"GET  / HTTP/1.1",
        b" GET / HTTP/1.1",
        b"\tGET / HTTP/1.1",
        b"GET\t/\tHTTP/1.1",
        b"GET / HTTP/1.1\0",
        b"GET /\0 HTTP/1.1",
        b"GET /a b HTTP/1.1",
        b"GET /\x7f HTTP/1.1",
        b"GET /\xff\xfe HTTP/1.1",
        b"GET /%zz HTTP/1.1",
        b"GET /% HTTP/1.1",
        b"GET ? HTTP/1.1",
        b"GET # HTTP/1.1",
        b"GET * HTTP/1.1",
        b"GET // HTTP/1.1",
        b"GET http:// HTTP/1.1",
        b"GET http:/// HTTP/1.1",
        b"GET http://[::1 HTTP/1.1",
        b"GET ://x HTTP/1.1",
        b"GET ftp://x/y HTTP/1.1",
        b"GET x HTTP/1.1",
        b"GET \\ HTTP/1.1",
        b"GET /#fragment HTTP/1.1",
        b"GET /../../../etc/passwd HTTP/1.1",
        b"GET /" + b"x" * 100_000 + b" HTTP/1.1",
        b"get / HTTP/1.1",
        b"G\0T / HTTP/1.1",
        b"G(T / HTTP/1.1",
        b"GET/ HTTP/1.1",
        b"GETT / HTTP/1.1",
        b"BREW /pot HTTP/1.1",
        b"PRI * HTTP/2.0",
        b"X" * 100 + b" / HTTP/1.1",
        b"X" * 70_000,
        b"CONNECT / HTTP/1.1",
        b"CONNECT x HTTP/1.1",
        b"CONNECT x:99999999 HTTP/1.1",
        b"OPTIONS * HTTP/1.1",
        b"HTTP/1.1 200 OK",
        b"HELO mail.test",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),
        b"\x00" * 64,
        b"\xff" * 64,
        b"{}",
        b"<html>",
        b"SSH-2.0-OpenSSH_9.6",
        b"\x80\x2e\x01\x03\x01",
    ):
        yield line + b"\r\n" + HOST + AUTH + b"\r\n"
    # Ends of lines.
    whole = b"GET " + TARGET + b" HTTP/1.1\r\n" + HOST + AUTH + b"\r\n"
    yield whole.replace(b"\r\n", b"\n")
    yield whole.replace(b"\r\n", b"\r")
    yield whole.replace(b"\r\n", b"\n\r")
    yield whole.replace(b"\r\n", b"\r\r\n")
    yield whole.replace(b"\r\n", b"\0\r\n")
    yield whole.replace(b"\r\n", b"\r\n ")
    yield b"\r\n" * 50_000 + whole
    # Header lines.
    for field in (
        b":",
        b": x",
        b" : x",
        b"x",
        b"x y: z",
        b"x : y",
        b"x\t: y",
        b" x: y",
        b"\tfolded: y",
        b"x: y\r\n z",
        b"x: \0",
        b"x: \x01\x02",
        b"x: \x7f",
        b"x: a\rb",
        b"x: a\nb",
        b"x\0: y",
        b"x\xff: y",
        b"(x): y",
        b"x@y: z",
        b"\xe2\x98\x83: snow",
        b"x: \xe2\x98\x83",
        b"x: " + b"y" * 200_000,
        b"x" * 200_000 + b": y",
        b"x: y\r\n" * 9_000 + b"z: z",
        b"Host: other",
        b"Host: a b",
        b"Host: /",
        b"Host: \xff",
        b"Host:",
        b"Host: test\r\nHost: test",
        b"Authorization: Bearer x\r\nAuthorization: Bearer y",
        b"Connection: \0",
        b"Connection: close, keep-alive, upgrade, nonsense",
        b"Upgrade: h2c",
        b"Connection: Upgrade\r\nUpgrade: \xff",
        b"Expect: nonsense",
        b"Expect: 100-continue",
        b"X-Sim-Fault: nonsense",
        b"X-Sim-Itl: -1s",
        b"X-Sim-Itl: " + b"9" * 5000 + b"s",
        b"X-Sim-Nonsense: 1",
        b"X-Request-Id: \xff\xfe",
        b"X-Request-Id: " + b"x" * 10_000,
        b"Last-Event-ID: \xff",
    ):
        yield b"GET " + TARGET + b" HTTP/1.1\r\n" + HOST + AUTH + field + b"\r\n\r\n"
    # Framing.
    for framing in (
        b"Content-Length: -1",
        b"Content-Length: +1",
        b"Content-Length: 1.0",
        b"Content-Length: 1e3",
        b"Content-Length: 0x10",
        b"Content-Length: 1_0",
        b"Content-Length: 1 1",
        b"Content-Length: 1,1",
        b"Content-Length: 1, 2",
        b"Content-Length: \xb2",
        b"Content-Length: \xd9\xa3",
        b"Content-Length: abc",
        b"Content-Length: ",
        b"Content-Length: 0" + b"0" * 6000,
        b"Content-Length: " + b"9" * 20,
        b"Content-Length: " + b"9" * 6000,
        b"Content-Length: 18446744073709551616",
        b"Content-Length: 5\r\nContent-Length: 5",
        b"Content-Length: 5\r\nContent-Length: 6",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5",
        b"Transfer-Encoding: identity",
        b"Transfer-Encoding: gzip",
        b"Transfer-Encoding: gzip, chunked",
        b"Transfer-Encoding: chunked, gzip",
        b"Transfer-Encoding: chunked, chunked",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: xchunked",
        b"Transfer-Encoding: \x0bchunked",
        b"Transfer-Encoding : chunked",
        b"Transfer-Encoding:\r\n chunked",
        b"Transfer-Encoding: ",
    ):
        yield b"POST " + TARGET + b" HTTP/1.1\r\n" + HOST + AUTH + framing + b"\r\n\r\nhello"
        yield b"POST " + TARGET + b" HTTP/1.0\r\n" + HOST + AUTH + framing + b"\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    # Chunks.
    head = b"POST " + TARGET + b" HTTP/1.1\r\n" + HOST + AUTH + b"Transfer-Encoding: chunked\r\n\r\n"
    for body in (
        b"z\r\n",
        b"-1\r\n",
        b"+5\r\nhello\r\n0\r\n\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b"5 \r\nhello\r\n0\r\n\r\n",
        b" 5\r\nhello\r\n0\r\n\r\n",
        b"5\nhello\n0\n\n",
        b"5\rhello\r0\r\r",
        b"5\r\nhell\r\n0\r\n\r\n",
        b"5\r\nhelloo\r\n0\r\n\r\n",
        b"5\r\nhello0\r\n\r\n",
        b"5;a=b\r\nhello\r\n0\r\n\r\n",
        b"5;" + b"x" * 100_000 + b"\r\nhello\r\n0\r\n\r\n",
        b"ffffffffffffffff\r\n",
        b"10000000000000000\r\n",
        b"fffffffffffffffffffffffffffffff\r\n",
        b"7fffffffffffffff\r\n",
        b"\r\n",
        b"\0\r\n",
        b"0\r\nX\r\n\r\n",
        b"0\r\n: x\r\n\r\n",
        b"0\r\nX: \0\r\n\r\n",
        b"0\r\nContent-Length: 5\r\n\r\nhello",
        b"00000000000000000000000000000005\r\nhello\r\n0\r\n\r\n",
        b"0\r\n\r\nextra",
        b"0\r\n\r\n\0\0\0\0",
        b"GET / HTTP/1.1\r\n\r\n",
    ):
        yield head + body
    # Bad ones behind good ones.
    for bad in (b"\0", b"GET\r\n\r\n", b"}{\r\n\r\n", b"GET / HTTP/7.7\r\n\r\n", head + b"zz\r\n"):
        yield whole * 3 + bad
        yield post(CHAT, {"stream": True, "messages": []}, "X-Sim-Itl: 1ms") + bad


BAD = list(bad_requests())


@pytest.fixture(scope="module")
def server(wire: str) -> Iterator[VisibleServer]:
    with serving(wire, inter_token_latency="0", header_timeout="60s", idle_timeout="60s") as server:
        yield server


def answer(server: VisibleServer, data: bytes) -> bytes:
    """All that comes back for `data` from a client that sends it, ends its side, and reads until the server ends."""
    with Client(server.port, patience=10) as client:
        try:
            client.send(data)
            client.end_sending()
            return client.rest()
        except (ConnectionResetError, BrokenPipeError):
            return b""


def assert_fit_for_a_client(told: bytes) -> None:
    """Nothing at all, or replies that do not blame the server; but it may say that it does not speak such a thing."""
    assert told == b"" or told.startswith(b"HTTP/1.1 ")
    for line in told.split(b"\r\n"):
        if line.startswith(b"HTTP/1.1 "):
            assert line[9:10] in (b"1", b"2", b"4") or line[9:12] in (b"501", b"505"), told
    lowered = told.lower()
    for trace in (b"traceback", b"<html", b"<!doctype", b'file "', b"valueerror", b"exception"):
        assert trace not in lowered, told


def test_there_are_two_hundred() -> None:
    assert len(set(BAD)) >= 200


@pytest.mark.parametrize("part", range(4))
def test_a_bad_request_is_refused_or_let_go(server: VisibleServer, part: int) -> None:
    for data in BAD[part::4]:
        assert_fit_for_a_client(answer(server, data))
        errors = server.take_errors()
        assert not errors, (data[:200], errors)
        with Client(server.port) as client:
            assert client.send(get(WEATHER)).reply().status == 200
    server.wait_until(lambda simulator: simulator.responder.ledger.running == 0)
    server.wait_until(lambda simulator: not simulator.responder.playing)


def test_who_keeps_the_connection_open_is_not_kept_waiting_for_ever(wire: str) -> None:
    with serving(
        wire, inter_token_latency="0", header_timeout="300ms", idle_timeout="300ms", body_timeout="300ms"
    ) as server:
        clients = [Client(server.port, patience=10) for _ in BAD]
        for client, data in zip(clients, BAD, strict=True):
            with suppress(ConnectionResetError, BrokenPipeError):
                client.send(data)
        for client in clients:
            with suppress(ConnectionResetError):
                assert_fit_for_a_client(client.rest())
            client.close()
        server.wait_until(lambda simulator: simulator.responder.ledger.running == 0)
        server.wait_until(lambda simulator: simulator._server is not None and not simulator._server.open_connections)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\0\0\r\n\r\n", 400),
        (b"\x16\x03\x01", 400),  # a client that speaks TLS waits for an answer, and never sends a line
        (b"GET / HTTP/1.1\r\nx y: z\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\n\r\n", 505),
    ],
)
def test_a_refusal_does_not_wait_for_more(server: VisibleServer, data: bytes, status: int) -> None:
    with Client(server.port) as client:
        told = client.send(data).rest()
    assert told.startswith(b"HTTP/1.1 %d " % status)
    assert b"\r\nContent-Type: application/json\r\n" in told
    assert b'{"error":"' in told


PIECES = st.sampled_from(
    [
        *(b"GET", b"POST", b"HEAD", b"PATCH", b" ", b"  ", b"/", TARGET, CHAT.encode(), b"?city=x", b"HTTP/1.1"),
        *(b"HTTP/1.0", b"\r\n", b"\r\n\r\n", b"\n", b"\r", b"\0", b": ", b":", b"Host", b"Host: x\r\n", AUTH),
        *(b"Content-Length: 5\r\n", b"Content-Length: ", b"Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n"),
        *(b"0\r\n\r\n", b"Connection: close\r\n", b"Connection: Upgrade\r\nUpgrade: h2c\r\n", b"{}", b"hello"),
        *(b"GET / HTTP/1.1\r\nHost: x\r\n", b"Expect: 100-continue\r\n", get(WEATHER), post(CHAT, {"stream": True})),
    ]
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(PIECES | st.binary(max_size=8), max_size=12).map(b"".join))
def test_any_bytes_are_answered_or_let_go(server: VisibleServer, data: bytes) -> None:
    assert_fit_for_a_client(answer(server, data))
    assert not server.take_errors()
    with Client(server.port) as client:
        assert client.is_kept()
