"""Request bodies in a content coding: decoded within the limit, or a 415 that says what is understood."""

from __future__ import annotations

import gzip
import json
import random
import re
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire import PROXY, Client, VisibleServer, chunked, get, post, serving

from oagw_tornado.gateway.content_coding import AT_A_TIME, CannotDecode, accepted, codings, decoded
from oagw_tornado.testing import SimulatorProcess

ADD = f"{PROXY}/calculator/add"
SUM = {"operation": "add", "a": 15, "b": 27}


def raw_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(data) + compressor.flush()


def members(data: bytes) -> bytes:
    """Two gzip members, which are one body (RFC 1952, section 2.2)."""
    half = len(data) // 2
    return gzip.compress(data[:half]) + gzip.compress(data[half:])


ENCODERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("X-GZip", gzip.compress),
    "members": ("gzip", members),
    "deflate": ("deflate", zlib.compress),
    "raw deflate": ("deflate", raw_deflate),
}
if "br" in codings():
    import brotli

    ENCODERS["br"] = ("br", lambda data: brotli.compress(data, quality=1))
if "zstd" in codings() and find_spec("backports"):
    from backports import zstd

    ENCODERS["zstd"] = ("zstd", zstd.compress)


@cache
def bomb_of(name: str) -> bytes:
    return ENCODERS[name][1](bytes(100 * 2**20))


@pytest.fixture(scope="module")
def server(wire: str) -> Iterator[VisibleServer]:
    with serving(wire, max_body_size="1MiB") as server:
        yield server


def ask(server: VisibleServer, body: bytes, coding: str, path: str = ADD, *lines: str) -> Any:
    with Client(server.port) as client:
        return client.send(post(path, body, f"Content-Encoding: {coding}", *lines)).reply()


@pytest.mark.parametrize("name", ENCODERS)
def test_a_body_is_decoded(server: VisibleServer, name: str) -> None:
    coding, encode = ENCODERS[name]
    document = json.dumps({**SUM, "more": "x" * 500_000}).encode()
    with Client(server.port) as client:
        reply = client.send(post(ADD, encode(document), f"Content-Encoding: {coding}", "X-Request-Id: coded")).reply()
        assert (reply.status, reply.json["result"]) == (200, 42)
        # The connection goes on, and with it whoever sends no coding or the one that is none.
        for line in ("X-Nothing: 1", "Content-Encoding: identity", "Content-Encoding:"):
            assert client.send(post(ADD, SUM, line)).reply().json["result"] == 42
    row = server.control.request("coded")
    assert row["body"]["size"] == len(document)
    assert row["body"]["head"].startswith('{"operation": "add"')


def test_chunks_and_pieces_of_a_coded_body(server: VisibleServer) -> None:
    body = gzip.compress(json.dumps(SUM).encode())
    pieces = [body[index : index + 1] for index in range(len(body))]
    request = chunked(ADD, *pieces).replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n", 1)
    with Client(server.port) as client:
        assert client.send(request).reply().json["result"] == 42


@pytest.mark.parametrize("coding", ["compress", "snappy", "gzip, gzip", "gzip, br", "x" * 500])
def test_what_is_not_understood_is_a_415_that_says_what_is(server: VisibleServer, coding: str) -> None:
    reply = ask(server, b"{}", coding)
    assert reply.status == 415
    assert reply.headers["accept-encoding"] == accepted()
    assert reply.headers["x-oagw-error-source"] == "gateway"
    assert coding[:80] in reply.json["error"]


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", b"{}"),
        ("gzip", gzip.compress(b"{}", mtime=0)[:-1]),
        ("gzip", gzip.compress(b"{}", mtime=0) + b"more"),
        ("gzip", gzip.compress(b"{}", mtime=0)[:-5] + b"12345"),
        ("deflate", b"\x78\x9cnothing"),
        ("deflate", zlib.compress(b"{}")[:-2]),
        *([("br", b"\xff\xff\xff")] if "br" in codings() else []),
    ],
)
def test_what_is_not_what_it_says_is_a_400(server: VisibleServer, coding: str, body: bytes) -> None:
    reply = ask(server, body, coding)
    assert reply.status == 400
    assert f"not valid {coding}" in reply.json["error"]


@pytest.mark.parametrize("name", ENCODERS)
def test_a_bomb_is_cut_off_at_the_limit(server: VisibleServer, name: str) -> None:
    coding, bomb = ENCODERS[name][0], bomb_of(name)
    begun = time.monotonic()
    reply = ask(server, bomb, coding)
    assert reply.status == 413
    assert "more than 1048576 bytes" in reply.json["error"]
    assert time.monotonic() - begun < 1.0


def test_a_body_at_the_limit_is_taken(server: VisibleServer) -> None:
    document = json.dumps(SUM).encode()
    document += b" " * (2**20 - len(document))
    assert ask(server, gzip.compress(document), "gzip").json["result"] == 42
    assert ask(server, gzip.compress(document + b" "), "gzip").status == 413


def test_a_refusal_that_stands_is_given_as_it_is(server: VisibleServer) -> None:
    reply = ask(server, b"nothing", "gzip", ADD, "Authorization: Bearer wrong")
    assert (reply.status, reply.json["error"]) == (403, "Unauthorized")


def test_who_leaves_while_its_body_is_decoded(wire: str) -> None:
    with serving(wire) as server:
        bomb = bomb_of("gzip")
        for _ in range(3):
            with Client(server.port) as client:
                client.send(post(ADD, bomb, "Content-Encoding: gzip"))
        server.wait_until(lambda simulator: simulator.responder.ledger.running == 0)
        with Client(server.port) as client:
            assert client.send(get("/health")).reply().status == 200


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of a process's memory from /proc")
@pytest.mark.parametrize("coding", ["", "gzip"])
def test_a_body_that_comes_in_pieces_is_held_once(coding: str) -> None:
    def memory(what: str) -> int:
        text = Path(f"/proc/{process.pid}/status").read_text()
        found = re.search(rf"^{what}:\s+(\d+) kB", text, re.MULTILINE)
        assert found
        return int(found[1]) // 1024

    size = 40 * 2**20
    body = random.Random(1).randbytes(2**20) * 40
    lines = ["Content-Encoding: gzip"] if coding else []
    request = post(f"{PROXY}/weather/current", gzip.compress(body, 1) if coding else body, *lines)
    with SimulatorProcess() as process, Client(process.port) as client:
        assert client.send(get(f"{PROXY}/weather/current")).reply().status == 200
        before = memory("VmRSS")
        assert client.send(request).reply().status == 200
        # The coded body and what is made of it are two things: that is held twice.
        assert memory("VmHWM") - before < (2.3 if coding else 1.3) * size / 2**20


# As values.


def test_no_piece_is_large() -> None:
    sizes = [len(piece) for piece in decoded(gzip.compress(bytes(5 * 2**20)), "gzip")]
    assert sum(sizes) == 5 * 2**20
    assert max(sizes) <= 2 * AT_A_TIME


def test_what_does_not_compress() -> None:
    data = random.Random(1).randbytes(3 * 2**20)
    for coding, encode in ENCODERS.values():
        assert b"".join(decoded(encode(data), coding.lower())) == data


@given(st.binary(max_size=300), st.sampled_from(sorted(codings())))
def test_any_bytes_are_decoded_or_refused(body: bytes, coding: str) -> None:
    try:
        assert sum(map(len, decoded(body, coding))) >= 0
    except CannotDecode as error:
        assert f"not valid {coding}" in str(error)


@given(st.binary(max_size=5000), st.sampled_from(sorted(ENCODERS)))
def test_round_trip(data: bytes, name: str) -> None:
    coding, encode = ENCODERS[name]
    assert b"".join(decoded(encode(data), coding.lower())) == data
