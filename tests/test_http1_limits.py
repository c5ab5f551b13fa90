"""The limits of a connection: size and time of head and body, and what a client gets to see of a refusal."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
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

CALCULATE = f"{PROXY}/calculator/calculate"
LIMIT = 4096  # of heads and of bodies

# The server looks once a second for those whose time is up.
SWEEP = 1.0


@pytest.fixture(scope="module")
def server(wire: str) -> Iterator[VisibleServer]:
    with serving(
        wire,
        max_header_size=str(LIMIT),
        max_body_size=str(LIMIT),
        header_timeout="300ms",
        idle_timeout="300ms",
        body_timeout="300ms",
        inter_token_latency="1ms",
    ) as server:
        yield server


@pytest.fixture
def client(server: VisibleServer) -> Iterator[Client]:
    with Client(server.port) as client:
        yield client
    assert server.take_errors() == ""
    server.wait_until(lambda simulator: simulator.responder.ledger.running == 0)


def assert_refused(client: Client, status: int) -> None:
    reply = client.reply()
    assert (reply.status, reply.headers["x-oagw-error-source"]) == (status, "gateway")
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["connection"] == "close"
    assert isinstance(reply.json["error"], str)
    assert client.rest() == b""


# Size.


def test_a_head_within_the_limit(client: Client) -> None:
    assert client.send(get(WEATHER, f"X-Long: {'x' * (LIMIT - 300)}")).reply().status == 200


@pytest.mark.parametrize("size", [LIMIT, 10 * LIMIT])
@pytest.mark.parametrize("where", ["header", "target", "many"])
def test_a_head_over_the_limit(client: Client, where: str, size: int) -> None:
    if where == "header":
        request = get(WEATHER, f"X-Long: {'x' * size}")
    elif where == "target":
        request = get(f"{WEATHER}?q={'x' * size}")
    else:
        request = get(WEATHER, *(f"X-{number}: {'x' * 20}" for number in range(size // 20)))
    assert_refused(client.send(request), 431)


def test_a_head_over_the_limit_that_never_ends(client: Client) -> None:
    client.send(b"GET / HTTP/1.1\r\nX-Long: ")
    for _ in range(5):
        client.send(b"x" * 1000)
    assert_refused(client, 431)


def test_what_one_client_sent_counts_for_no_other(server: VisibleServer, client: Client) -> None:
    with Client(server.port) as other:
        # Empty lines between requests belong to no head.
        other.send(b"\r\n" * LIMIT)
        request = get(WEATHER)
        client.send(request[:50])
        time.sleep(0.02)
        assert client.send(request[50:]).reply().status == 200


def test_a_body_at_the_limit(client: Client) -> None:
    assert client.send(post(WEATHER, b"x" * LIMIT)).reply().status == 200
    assert client.send(chunked(WEATHER, *[b"x" * 64] * (LIMIT // 64))).reply().status == 200
    assert client.is_kept()


@pytest.mark.parametrize("size", [LIMIT + 1, 4 * 2**20])
def test_who_sends_all_of_a_body_before_it_reads_sees_the_refusal(client: Client, size: int) -> None:
    assert_refused(client.send(post(WEATHER, b"x" * size)), 413)


@pytest.mark.parametrize("count", [LIMIT // 64 + 1, 30_000])
def test_a_body_in_chunks_over_the_limit(client: Client, count: int) -> None:
    assert_refused(client.send(chunked(WEATHER, *[b"x" * 64] * count)), 413)


@pytest.mark.parametrize("length", ["5000", "99999999999999999999", "0" * 3000 + "5000"])
def test_a_body_is_refused_by_its_length_alone(client: Client, length: str) -> None:
    client.send(render(WEATHER, f"Content-Length: {length}", method="POST"))
    reply = client.reply()
    assert reply.status == 413


def test_who_is_refused_anyway_is_not_told_of_a_limit(client: Client) -> None:
    reply = client.send(post(WEATHER, b"x" * LIMIT * 2, "Authorization: Bearer wrong")).reply()
    assert (reply.status, reply.json["error"]) == (403, "Unauthorized")


@pytest.mark.parametrize("trailer", [b"X-Long: " + b"x" * 1_000_000, b"X-Short: x\r\n" * 80_000])
def test_trailers_without_end(client: Client, trailer: bytes, wire: str) -> None:
    if wire.startswith("tornado"):
        pytest.skip("tornado takes no trailers")
    client.send(chunked(CALCULATE, b"{}", trailer=trailer)[:-2])
    assert_refused(client, 431)


# Bodies that are none.


@pytest.mark.parametrize("body", [b"zz\r\n", b"5\r\nhello!!\r\n", b"-1\r\n\r\n", b"ffffffffffffffffff\r\n"])
def test_a_bad_chunk_is_refused_at_once(client: Client, body: bytes) -> None:
    begun = time.monotonic()
    client.send(render(WEATHER, "Transfer-Encoding: chunked", method="POST") + body)
    assert client.reply().status in (400, 413)
    assert client.rest() == b""
    assert time.monotonic() - begun < 5


def test_a_bad_chunk_behind_a_stream(client: Client) -> None:
    client.send(STREAM + render(WEATHER, "Transfer-Encoding: chunked", method="POST") + b"2\r\nab\r\nzz\r\n")
    assert client.reply().text == STREAM_TEXT
    assert client.reply().status == 400
    assert client.rest() == b""


# Time. What the client does not see coming must end all the same, and nothing may be left of it.


def test_who_sends_nothing_is_let_go(client: Client) -> None:
    begun = time.monotonic()
    assert client.rest() == b""
    assert 0.25 <= time.monotonic() - begun < 0.3 + SWEEP + 2


def test_who_sends_nothing_more_is_let_go(client: Client) -> None:
    assert client.is_kept()
    begun = time.monotonic()
    assert client.rest() == b""
    assert 0.25 <= time.monotonic() - begun < 0.3 + SWEEP + 2


def test_a_head_that_comes_too_slowly_is_given_up(client: Client) -> None:
    begun = time.monotonic()
    client.socket.settimeout(0.05)
    told = b""
    for byte in get(WEATHER) * 10:
        try:
            client.send(bytes([byte]))
            piece = client.socket.recv(4096)
        except TimeoutError:
            continue
        except ConnectionResetError:
            break
        told += piece
        if not piece:
            break
    assert time.monotonic() - begun < 0.3 + SWEEP + 3
    assert told.startswith(b"HTTP/1.1 408 ")
    assert b'{"error":"Request timeout' in told


def test_a_body_that_does_not_come_is_given_up(server: VisibleServer, client: Client) -> None:
    client.send(render(WEATHER, "Content-Length: 10", method="POST") + b"12345")
    assert_refused(client, 408)
    (_, abandoned), *_ = [(each["status"], each["outcome"]) for each in server.control.requests()][1:]
    assert abandoned == "client-left"


def test_a_stream_and_what_waits_behind_it_outlast_all_limits_of_time(client: Client) -> None:
    client.send(post(CHAT, chat(), "X-Sim-Ttft: 1500ms") + get(WEATHER)[:40])
    assert client.reply().text == STREAM_TEXT
    assert client.send(get(WEATHER)[40:]).reply().status == 200


# What waits in line.


def test_a_body_behind_a_stream_is_not_taken_in_without_limit(wire: str) -> None:
    with serving(wire) as server, Client(server.port) as client:
        client.send(post(CHAT, chat(), "X-Sim-Fault: stall;at-event=1"))
        assert client.head()[1] == 200
        client.send(render(WEATHER, "Content-Length: 1000000000", method="POST"))
        client.socket.settimeout(0.3)
        taken = 0
        try:
            while taken < 200_000_000:
                taken += client.socket.send(b"x" * 65536)
        except TimeoutError:
            pass
        # What the kernel's buffers hold on both sides comes on top.
        assert taken < 40_000_000


@pytest.mark.parametrize(("rate", "status"), [(48 * 1024, 200), (4 * 1024, 408)])
def test_a_slow_large_body_is_cut_off_only_below_the_least_rate(rate: int, status: int, wire: str) -> None:
    """The least rate is 16 KiB/s, looked at once in each --body-timeout; the body takes three of those."""
    body = b'{"messages": [{"role": "user", "content": "' + b"x" * (3 * rate) + b'"}]}'
    with serving(wire, body_timeout="1s") as server, Client(server.port, patience=15) as client:
        whole = post(CHAT, body)
        at = len(whole) - len(body)
        client.send(whole[:at])
        try:
            for start in range(at, len(whole), rate // 10):
                client.send(whole[start : start + rate // 10])
                time.sleep(0.1)
        except OSError:
            assert status == 408  # the server has closed its side
        assert client.reply().status == status
