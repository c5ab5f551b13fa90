"""A head that came before is not read again, and nobody can tell but by the clock."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_cuts import INPUTS, LIMITS, ONCE_WRONG, answer
from wire import CHAT, WEATHER, Client, VisibleServer, chat, chunked, get, post, serving

from oagw_tornado.wire.head import Head, Refused, parse_head
from oagw_tornado.wire.known_heads import LONGEST, MOST, KnownHeads


def facts(head: Head) -> tuple[object, ...]:
    lines = head.headers.lines
    return head.method, head.target, head.version, head.start_line, lines, head.keep_alive, head.length


def head_of(data: bytes) -> bytes:
    return data[: data.find(b"\r\n\r\n") + 4]


@pytest.mark.parametrize("data", [get(WEATHER), post(WEATHER, b"hello"), get(WEATHER, "Connection: close")])
def test_what_is_known_is_what_was_read(data: bytes) -> None:
    heads, data = KnownHeads(), head_of(data)
    read = [heads.parse(data, LIMITS) for _ in range(4)]
    known = heads.find(data)
    assert known is not None
    assert {repr(facts(head)) for head in (*read, known, parse_head(data, LIMITS))} == {repr(facts(known))}


def test_each_request_has_headers_of_its_own() -> None:
    heads = KnownHeads()
    first, second, third = (heads.parse(head_of(get(WEATHER)), LIMITS).headers for _ in range(3))
    second["Host"] = "changed"
    del first["Authorization"]
    assert third["Host"] != "changed"
    assert "Authorization" in third
    assert heads.parse(head_of(get(WEATHER)), LIMITS).headers.get("Host") == third["Host"]


@settings(max_examples=200)
@given(st.sampled_from([head_of(data) for data in INPUTS if b"\r\n\r\n" in data]) | st.binary(max_size=40))
def test_only_whole_requests_of_one_piece_are_known(data: bytes) -> None:
    heads = KnownHeads()
    for _ in range(3):
        with suppress(Refused):
            heads.parse(data, LIMITS)
    try:
        head = parse_head(data, LIMITS)
    except Refused:
        assert heads.find(data) is None
    else:
        in_one_piece = head.length >= 0 and not head.expects_continue
        assert (heads.find(data) is not None) == (in_one_piece and len(data) <= LONGEST)


def test_it_is_bounded_and_what_is_new_pushes_nothing_out() -> None:
    heads = KnownHeads()
    for number in range(2 * MOST):
        for _ in range(2):
            heads.parse(get(f"/{number}"), LIMITS)
    newest = get(f"/{2 * MOST - 1}")
    assert heads.find(newest) is not None
    assert len(heads._known) == MOST
    for number in range(10 * MOST):
        heads.parse(get(f"/new/{number}"), LIMITS)
    assert heads.find(newest) is not None
    assert len(heads._seen) <= MOST


@pytest.fixture(scope="module")
def server() -> Iterator[VisibleServer]:
    with serving("fast-asyncio", inter_token_latency="0", max_header_size="4KiB", seed=1) as server:
        yield server


CUT = [
    post(WEATHER, b"hello") + get(WEATHER),
    post(WEATHER, b"hello", "Authorization: Bearer wrong") + get(WEATHER),
    post(WEATHER, b"x" * 300_000) + get(WEATHER),
    post(CHAT, chat()) + get(WEATHER),
    chunked(WEATHER, b"hel", b"lo") + get(WEATHER),
    b"\r\n" + get(WEATHER),
]


@pytest.mark.parametrize("data", [*CUT, *ONCE_WRONG], ids=range(len(CUT) + len(ONCE_WRONG)))
def test_a_request_is_answered_as_it_was_before(server: VisibleServer, data: bytes) -> None:
    first = answer(server, [data])
    for parts in ([data], [data], [head_of(data), data[len(head_of(data)) :]], [data[:-1], data[-1:]]):
        assert answer(server, [part for part in parts if part]) == first


def test_a_known_head_leads_where_its_token_may_go_now(server: VisibleServer) -> None:
    request = get(WEATHER.replace("weather", "storm"), "Authorization: Bearer own-token")

    def statuses() -> list[int]:
        with Client(server.port) as client:
            return [client.send(request).reply().status for _ in range(5)]

    def describe(tokens: list[str]) -> None:
        body = json.dumps({"storm": {"service": "weather", "token": tokens}}).encode()
        with Client(server.port) as client:
            assert client.send(post("/_sim/upstreams", body, "Content-Type: application/json")).reply().status in (
                200,
                201,
            )

    describe(["own-token"])
    assert statuses() == [200] * 5
    describe(["another"])
    assert statuses() == [403] * 5
    describe(["own-token"])
    assert statuses() == [200] * 5
