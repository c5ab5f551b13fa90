"""However the bytes of requests are cut, the same requests come out: of the reader, and of a server behind it."""

from __future__ import annotations

import json
import socket
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wire import CHAT, PROXY, WEATHER, Client, VisibleServer, chunked, get, post, serving

from oagw_tornado.wire.head import Head, Limits, Refused
from oagw_tornado.wire.reader import RequestReader

CALCULATE = f"{PROXY}/calculator/calculate"
SUM = {"operation": "add", "a": 15, "b": 27}
UPGRADE = ("Connection: Upgrade", "Upgrade: h2c")

# Each kind of request that is read in a way of its own. The last one ends the connection.
REQUESTS = [
    get(WEATHER),
    post(CALCULATE, SUM),
    chunked(CALCULATE, b'{"operation"', b':"add","a":15,', b'"b":27}', trailer=b"X-Sim-Fault: status;code=500\r\n"),
    b"\r\n" + get(f"{WEATHER}?city=Oslo", *UPGRADE),
    post(CALCULATE, SUM, *UPGRADE),
    chunked(CALCULATE, json.dumps(SUM).encode()).replace(
        b"\r\nTransfer", b"\r\nConnection: Upgrade\r\nUpgrade: x\r\nTransfer"
    ),
    get(WEATHER, method="HEAD"),
    get(WEATHER, "Connection: keep-alive", version="1.0"),
    post(CHAT, {"messages": []}),
    get(WEATHER, "Connection: close"),
]
STREAM = b"".join(REQUESTS)


def pieces(stream: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted({cut % len(stream) for cut in cuts}), len(stream)]
    return [stream[begin:end] for begin, end in pairwise(edges) if begin < end]


LIMITS = Limits()


class Reading:
    """What a connection would hear: each request with its body as far as it is there, and what ended it all."""

    def __init__(self, limits: Limits) -> None:
        self.reader = RequestReader(limits)
        self.requests: list[tuple[Head, bytearray]] = []
        self.refused: tuple[int, str] | None = None

    def feed(self, data: bytes) -> None:
        if self.refused is not None:
            return
        self.reader.feed(data)
        try:
            self._read()
        except Refused as refused:
            self.refused = (refused.status, refused.text)

    def _read(self) -> None:
        reader = self.reader
        while True:
            if not reader.is_read:
                data = reader.body()
                self.requests[-1][1].extend(data)
                if not reader.is_read and not data:
                    return
            else:
                head = reader.head()
                if head is None:
                    return
                self.requests.append((head, bytearray()))


def read(parts: list[bytes], limits: Limits = LIMITS) -> tuple[list[tuple[object, ...]], tuple[int, str] | None]:
    reading = Reading(limits)
    for part in parts:
        reading.feed(part)
    return [
        (
            head.method,
            head.target,
            head.version,
            sorted(head.headers.get_all()),
            bytes(body),
            head.keep_alive,
        )
        for head, body in reading.requests
    ], reading.refused


WHOLE = read([STREAM])


def test_all_are_there() -> None:
    messages, fault = WHOLE
    assert fault is None
    assert [message[0] for message in messages] == [request.split(b" ", 1)[0].strip().decode() for request in REQUESTS]
    assert [message[5] for message in messages] == [True] * 9 + [False]


def test_byte_by_byte() -> None:
    assert read([bytes([byte]) for byte in STREAM]) == WHOLE


def test_cut_once_anywhere() -> None:
    for cut in range(1, len(STREAM)):
        assert read([STREAM[:cut], STREAM[cut:]]) == WHOLE, cut


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(1, len(STREAM) - 1), max_size=12))
def test_cut_many_times(cuts: list[int]) -> None:
    assert read(pieces(STREAM, cuts)) == WHOLE


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=40), st.lists(st.integers(1, 500), max_size=5))
def test_whatever_follows_the_whole_requests_come_first(rest: bytes, cuts: list[int]) -> None:
    """A fault never takes back what came before it, and is the same wherever the bytes were cut."""
    stream = REQUESTS[0] + REQUESTS[1] + b"\0" + rest
    messages, fault = read(pieces(stream, cuts))
    assert messages == WHOLE[0][:2]
    assert fault is not None
    assert fault[0] == 400


@pytest.mark.parametrize("size", [1, 100, 5000])
def test_a_head_over_the_limit_is_refused_wherever_it_is_cut(size: int) -> None:
    head = get(WEATHER, f"X-Long: {'x' * 3000}")
    parts = [head[at : at + size] for at in range(0, len(head), size)]
    assert read(parts, Limits(max_header_size=4000))[1] is None
    requests, refused = read([get(WEATHER), *parts], Limits(max_header_size=2000))
    assert len(requests) == 1
    assert refused is not None
    assert refused[0] == 431


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_header_lines_are_counted_in_each_head(size: int) -> None:
    stream = b"".join(get(WEATHER, *[f"x: {n}" for n in range(8)]) for _ in range(30))
    parts = [stream[at : at + size] for at in range(0, len(stream), size)]
    assert len(read(parts, Limits(max_header_lines=10))[0]) == 30
    requests, refused = read(parts, Limits(max_header_lines=9))
    assert not requests
    assert refused == (431, "Request header fields too large: more than 9 lines")


def test_what_was_read_before_a_head_does_not_count_towards_it() -> None:
    parts = [b"\r\n" * 100] * 100 + [post(WEATHER, b"x" * 5000), get(WEATHER)[:50], get(WEATHER)[50:]]
    requests, refused = read(parts, Limits(max_header_size=1000))
    assert refused is None
    assert len(requests) == 2


@pytest.mark.parametrize("size", [1, 5, 6, 1000])
def test_small_chunks_are_held_as_what_they_are(size: int) -> None:
    """Each byte in a chunk of its own: taken in parts, so that no turn of the loop takes long."""
    count = 5000
    stream = chunked(CALCULATE, *[b"x"] * count)
    requests, refused = read([stream[at : at + size] for at in range(0, len(stream), size)])
    assert refused is None
    assert requests[0][4] == b"x" * count
    reader = RequestReader(Limits())
    reader.feed(stream)
    reader.head()
    assert 0 < len(reader.body()) < count
    assert reader.waiting < len(stream)


# The same over a socket: any cut of the stream gives the same replies.


@pytest.fixture(scope="module")
def server(wire: str):
    if wire.startswith("tornado"):
        pytest.skip("tornado takes no trailers")
    with serving(wire) as server:
        yield server


def replies(server: VisibleServer, parts: list[bytes]) -> list[tuple[int, object]]:
    with Client(server.port) as client:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for part in parts:
            client.send(part)
        found = []
        for request in REQUESTS:
            method = request.split(b" ", 1)[0].strip().decode()
            reply = client.reply(method)
            found.append((reply.status, None if method == "HEAD" else reply.json))
        assert client.rest() == b""
        return found


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, len(STREAM) - 1), max_size=12))
def test_the_replies_do_not_depend_on_the_cuts(server: VisibleServer, cuts: list[int]) -> None:
    found = replies(server, pieces(STREAM, cuts))
    assert [status for status, _ in found] == [200] * 8 + [400, 200]
    assert [json["result"] for _, json in (found[1], found[2], found[4], found[5])] == [42] * 4  # type: ignore[index]
    assert found[3][1]["location"] == "Oslo"  # type: ignore[index]
