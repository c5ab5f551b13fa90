"""A request reads the same however TCP cuts it: whole, byte by byte, and cut in two anywhere, on each engine."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_malformed import BAD, PIECES
from wire import PROXY, WEATHER, Client, VisibleServer, chunked, get, post, serving

from oagw_tornado.wire.head import Head, Limits, Refused
from oagw_tornado.wire.reader import RequestReader

LIMITS = Limits(max_header_size=4096)
HOST = b"Host: x\r\n"
#: Inputs that were once read in two ways, or left something behind, and their siblings.
ONCE_WRONG = [
    b"GET /a HTTP/2.0\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    get(WEATHER) + b"GET /a HTTP/2.0\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n" + get(WEATHER),
    get(WEATHER, "Connection: Upgrade", "Upgrade: h2c") * 2 + b"GET / HTTP/3.0\r\n\r\n",
    b"PPOST /_sim/reset HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\n\r\n",
    b"PGET /health HTTP/1.1\r\n" + HOST + b"\r\n",
    b"BREW /pot HTTP/1.1\r\n" + HOST + b"\r\n" + get(WEATHER),
    b"BREW /pot HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nhello" + get(WEATHER),
    get(WEATHER) + b"BREW /pot HTTP/1.1\r\n" + HOST + b"\r\n" + get(WEATHER),
    b"CONNECT x:1 HTTP/1.1\r\n" + HOST + b"\r\n" + get(WEATHER),
    get(WEATHER, *["x: y"] * 98) + get(WEATHER),
    get(WEATHER) + get(WEATHER, *["x: y"] * 99) + get(WEATHER),
    get(WEATHER) + get(WEATHER, f"X-Long: {'x' * 3000}") + get(WEATHER, f"X-Long: {'x' * 4096}"),
    get(f"{WEATHER}?{'x' * 4096}"),
    post(WEATHER, b"hello", version="1.0") + get(WEATHER),
    chunked(WEATHER, b"hello").replace(b"HTTP/1.1", b"HTTP/1.0") + get(WEATHER),
    chunked(WEATHER, b"hello").replace(b"chunked", b"gzip, chunked") + get(WEATHER),
    chunked(WEATHER, b"hello", trailer=b"x" * 5000 + b"\r\n"),
    chunked(WEATHER, b"hello").replace(b"5\r\n", b"5;" + b"x" * 5000 + b"\r\n"),
    get(WEATHER, version="1.2") + get(WEATHER, version="1.9"),
    b"GET http://x?a=/_sim/config HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET / HTTP/1.1\nHost: x\n\n" + get(WEATHER),
    b"GET / HTTP/1.1\r\nHost: x\r\n\n" + get(WEATHER),
    post(WEATHER, b"x" * 100, "Authorization: Bearer wrong") + get(WEATHER),
    post(f"{PROXY}/nobody/x", b"x" * 100, "Expect: 100-continue") + get(WEATHER),
    post(WEATHER, b"hello", "Expect: 100-continue") + get(WEATHER),
    b"\r\n\n\r" * 50 + get(WEATHER) + b"\r\n\r\n" + get(WEATHER),
]
INPUTS = [*ONCE_WRONG, *BAD]
SHORT = [data for data in INPUTS if len(data) <= 1000]


def read(parts: list[bytes]) -> tuple[list[tuple[object, ...]], tuple[int, str] | None]:
    """What a connection hears of these parts: the requests with their bodies, and the refusal at the end."""
    reader, heard, refused = RequestReader(LIMITS), list[tuple[Head, bytearray]](), None
    try:
        for part in parts:
            reader.feed(part)
            while True:
                if reader.is_read:
                    head = reader.head()
                    if head is None:
                        break
                    heard.append((head, bytearray()))
                else:
                    data = reader.body()
                    heard[-1][1].extend(data)
                    if not data and not reader.is_read:
                        break
    except Refused as error:
        refused = (error.status, error.text)
        if not reader.is_read:
            heard[-1][1].clear()  # what had come of a body that never was whole
    requests: list[tuple[object, ...]] = [
        (head.method, head.target, head.version, head.headers.lines, head.keep_alive, bytes(body))
        for head, body in heard
    ]
    return requests, refused


def bytewise(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


def test_every_cut_of_every_input_reads_the_same() -> None:
    for data in SHORT:
        whole = read([data])
        assert read(bytewise(data)) == whole, data
        for cut in range(1, len(data)):
            assert read([data[:cut], data[cut:]]) == whole, (data, cut)


def test_long_inputs_do_too() -> None:
    random = Random(1)
    for data in INPUTS:
        if len(data) > 1000:
            whole = read([data])
            assert read([data[at : at + 7] for at in range(0, len(data), 7)]) == whole, data[:200]
            for _ in range(20):
                first, second = sorted(random.choices(range(len(data)), k=2))
                assert read([data[:first], data[first:second], data[second:]]) == whole, (data[:200], first, second)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES | st.binary(max_size=8), max_size=12).map(b"".join), st.lists(st.integers(0, 2000), max_size=6))
def test_any_bytes_read_the_same_in_any_cut(data: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    whole = read([data])
    assert read([data[begin:end] for begin, end in pairwise(edges)]) == whole
    assert read(bytewise(data)) == whole


# The same over a socket: all that comes back, and the end.


@pytest.fixture(scope="module")
def server(wire: str) -> Iterator[VisibleServer]:
    with serving(wire, max_header_size="4KiB", inter_token_latency="0", seed=1) as server:
        yield server


# What differs from reply to reply. The control plane counts; a stream's chunks may be cut where a buffer was full.
_VOLATILE = re.compile(
    rb'^(?:Date|X-Request-Id|Server-Timing):[^\r]*\r\n|"(?:id|created|uptime)":[^,}]*|chatcmpl-\w+', re.MULTILINE
)


def answer(server: VisibleServer, parts: list[bytes]) -> tuple[bytes, str]:
    """All that comes back for `parts`, and how the connection ended."""
    told, end = b"", "closed"
    with Client(server.port) as client:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Refused half-way: then the rest goes nowhere.
        with suppress(ConnectionResetError, BrokenPipeError):
            for part in parts:
                client.send(part)
            client.end_sending()
        try:
            while piece := client.socket.recv(65536):
                told += piece
        except ConnectionResetError:
            end = "reset"
    return _VOLATILE.sub(b"", told), end


@pytest.mark.parametrize("part", range(4))
def test_every_input_is_answered_the_same(server: VisibleServer, part: int) -> None:
    random = Random(part)
    for data in SHORT[part::4]:
        whole = answer(server, [data])
        assert answer(server, bytewise(data)) == whole, data
        for _ in range(3):
            cut = random.randrange(1, len(data))
            assert answer(server, [data[:cut], data[cut:]]) == whole, (data, cut)
    assert not server.take_errors()
    server.wait_until(lambda simulator: simulator.responder.ledger.running == 0)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(PIECES | st.binary(max_size=8), max_size=8).map(b"".join), st.integers(0, 2000))
def test_any_bytes_are_answered_the_same(server: VisibleServer, data: bytes, cut: int) -> None:
    cut = min(cut, len(data))
    whole = answer(server, [data])
    assert answer(server, [data[:cut], data[cut:]]) == whole
    assert answer(server, bytewise(data)) == whole
    assert not server.take_errors()
