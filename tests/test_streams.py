"""Streams on a socket: one event at a time, many at once, clients that leave, clients that do not read."""

from __future__ import annotations

import asyncio
import json
import os
import select
import socket
import time
from collections.abc import Iterator

import pytest
from wire import CHAT, EVENTS, STREAM, STREAM_TEXT, WEATHER, Client, VisibleServer, chat, get, post, serving

from oagw_tornado.testing import SimulatorProcess

CONTENT = 6  # content events of a chat about three words; a finish and [DONE] follow


@pytest.fixture(scope="module")
def server(wire: str) -> Iterator[VisibleServer]:
    with serving(wire) as server:
        yield server


@pytest.fixture(autouse=True)
def nothing_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever a test does to its streams, the server holds nothing of them afterwards."""
    yield
    if "server" in request.fixturenames:
        assert_nothing_left(request.getfixturevalue("server"))


def assert_nothing_left(server: VisibleServer) -> None:
    server.wait_until(lambda simulator: not simulator.responder.playing)
    server.wait_until(lambda simulator: simulator.pacer.waiting == 0)
    server.wait_until(lambda simulator: simulator.responder.ledger.running == 0)
    assert server.take_errors() == ""


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def tasks(server: VisibleServer) -> int:
    return server.inside(lambda simulator: len(asyncio.all_tasks()))


def arrivals(client: Client) -> list[tuple[float, bytes]]:
    """Each read that gave something until the stream's last chunk, with its time."""
    reads: list[tuple[float, bytes]] = []
    while not reads or not reads[-1][1].endswith(b"0\r\n\r\n"):
        piece = client.socket.recv(1 << 20)
        assert piece, "the stream was cut"
        reads.append((time.monotonic(), piece))
    return reads


# One by one.


@pytest.mark.alone
@pytest.mark.parametrize("served_before", [0, 1, 2])
def test_each_event_arrives_by_itself_when_it_is_due(server: VisibleServer, served_before: int) -> None:
    """One read for each event, a pause before each; on a connection that served others before, too."""
    gap = 0.05
    # A machine that is busy elsewhere may hold a read back until the next event is there: three tries.
    for _ in range(3):
        with Client(server.port) as client:
            for _ in range(served_before):
                client.send(get(WEATHER)).reply()
            begun = time.monotonic()
            client.send(post(CHAT, chat(), f"X-Sim-Itl: {gap}s"))
            reads = arrivals(client)
        # Never early, try or no try.
        events = 0
        for at, piece in reads:
            events += piece.count(b"data: ")
            assert at - begun >= (min(events, CONTENT + 1) - 1) * gap
        lates = sorted(at - begun - number * gap for number, (at, _) in enumerate(reads))
        # The head comes with the first event; finish and [DONE] are due together.
        if len(reads) >= CONTENT + 1 and lates[len(lates) // 2] < 0.03:
            break
    else:
        pytest.fail(f"late by {lates}, {len(reads)} reads")
    for _, piece in reads[:CONTENT]:
        assert piece.count(b"data: ") == 1
        assert piece.endswith(b"\n\n\r\n")


def test_the_first_event_waits_for_its_own_time_and_the_head_does_not(server: VisibleServer) -> None:
    begun = time.monotonic()
    with Client(server.port) as client:
        client.send(post(CHAT, chat(), "X-Sim-Ttft: 150ms", "X-Sim-Itl: 0"))
        assert client.head()[1] == 200
        assert time.monotonic() - begun < 0.14
        client.chunk()
        assert time.monotonic() - begun >= 0.15
        client.rest_of_body()


def test_an_event_of_several_lines_is_one_write(server: VisibleServer) -> None:
    with Client(server.port) as client:
        reply = client.send(get(EVENTS, "X-Sim-Event-Interval: 5ms")).reply()
    assert len(reply.chunks) == 4
    assert all(chunk.endswith(b"\n\n") and chunk.count(b"\n\n") == 1 for chunk in reply.chunks)


def test_a_stream_without_gaps_is_whole(server: VisibleServer) -> None:
    words = " ".join(str(number) for number in range(3000))
    with Client(server.port) as client:
        reply = client.send(post(CHAT, chat(words), "X-Sim-Itl: 0")).reply()
    assert reply.text == f"Streaming response to: {words} "
    assert reply.chunks[-1].endswith(b"data: [DONE]\n\n")


def test_events_of_one_stream_share_id_and_time(server: VisibleServer) -> None:
    with Client(server.port) as client:
        events = client.send(post(CHAT, chat(), "X-Sim-Itl: 1ms")).reply().body.decode().split("\n\n")
    chunks = [json.loads(event[6:]) for event in events if event.startswith("data: {")]
    assert len({(chunk["id"], chunk["created"], chunk["object"]) for chunk in chunks}) == 1


# Clients that leave.


@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_client_that_leaves_ends_its_stream_at_once(server: VisibleServer, how: str) -> None:
    server.control.reset()
    before, running = descriptors(), tasks(server)
    clients = [Client(server.port).send(post(CHAT, chat(), "X-Sim-Itl: 30s")) for _ in range(20)]
    for client in clients:
        assert client.head()[1] == 200
        client.chunk()
    assert server.inside(lambda simulator: len(simulator.responder.playing)) == 20
    for client in clients:
        if how == "reset":
            client.reset()
        else:
            client.close()
    begun = time.monotonic()
    assert_nothing_left(server)
    assert time.monotonic() - begun < 2
    assert {(each["outcome"], each["events_sent"]) for each in server.control.requests()} == {("client-left", 1)}
    for client in clients:
        client.close()
    server.wait_until(lambda simulator: tasks_here() <= running + 1)
    assert eventually(lambda: descriptors() <= before)


def test_a_client_that_resets_before_the_last_byte_leaves_no_trace(server: VisibleServer) -> None:
    """The end of its reply finds a connection that is none any more."""
    for _ in range(20):
        client = Client(server.port).send(post(CHAT, chat(), "X-Sim-Itl: 5ms", "Connection: close"))
        client.head()
        server.inside(lambda simulator: time.sleep(0.06))  # all its events fall due while it goes
        client.reset()
    assert_nothing_left(server)
    assert server.take_errors() == ""


def tasks_here() -> int:
    return len(asyncio.all_tasks())


def eventually(look) -> bool:
    deadline = time.monotonic() + 3
    while not look():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_a_client_that_leaves_before_the_first_event(server: VisibleServer) -> None:
    server.control.reset()
    for lines in (("X-Sim-Ttft: 30s",), ("X-Sim-Header-Delay: 30s",), ("X-Sim-Gate: shut",)):
        with Client(server.port) as client:
            client.send(post(CHAT, chat(), *lines))
            server.wait_until(lambda simulator: len(simulator.responder.playing) == 1)
        assert_nothing_left(server)
    assert {each["outcome"] for each in server.control.requests()} == {"client-left"}


def test_a_client_that_leaves_before_its_request_is_whole(server: VisibleServer) -> None:
    server.control.reset()
    for part in (STREAM[:-5], STREAM[:100]):
        with Client(server.port) as client:
            client.send(part)
            time.sleep(0.02)
        assert_nothing_left(server)
    assert [each["outcome"] for each in server.control.requests()] == ["client-left"]


def test_a_client_that_leaves_with_requests_in_line(server: VisibleServer, wire: str) -> None:
    # The stock engine does not read on while it answers, and so sees who has left when it writes to them.
    gap = "30s" if wire.startswith("fast") else "50ms"
    with Client(server.port) as client:
        client.send(post(CHAT, chat(), f"X-Sim-Itl: {gap}") + STREAM * 40 + get(WEATHER) * 40)
        assert client.head()[1] == 200
    begun = time.monotonic()
    assert_nothing_left(server)
    assert time.monotonic() - begun < 2


# Clients that do not read.


def test_a_client_that_stops_reading_harms_no_other_and_misses_nothing(wire: str) -> None:
    """Its own stream stands still, in bounded memory; it counts as blocked, not as late; all goes on when it reads."""
    with serving(wire) as server:
        # More than the kernel's buffers of both sides take.
        events, size = 400, 50_000
        path = f"{EVENTS}?count={events}&size={size}"
        slow = Client(server.port, patience=20)
        slow.send(get(path, "X-Sim-Event-Interval: 1ms"))
        server.wait_until(lambda simulator: blocked(simulator) > 0, 10)
        taken = server.inside(lambda simulator: sum_of_events(simulator))
        assert 0 < taken < events
        # The others are served as ever.
        with Client(server.port) as client:
            for _ in range(3):
                assert client.send(post(CHAT, chat(), "X-Sim-Itl: 1ms")).reply().text == STREAM_TEXT
        # It still stands where it stood: nothing is made for a client that does not read.
        assert server.inside(lambda simulator: sum_of_events(simulator)) <= taken + 8
        timing = server.control.timing()
        assert timing["late_ms"]["max"] < 1000
        assert timing["earliest_ms"] >= 0
        # And it gets every event, in order, when it reads again.
        reply = slow.reply()
        assert [chunk.split(b"\n", 1)[0] for chunk in reply.chunks] == [b"id: %d" % (n + 1) for n in range(events)]
        assert all(len(chunk) > size for chunk in reply.chunks)
        slow.close()
        assert_nothing_left(server)
        (stream,) = server.control.requests(alias="stream-test")
        assert (stream["outcome"], stream["events_sent"]) == ("complete", events)
        assert server.control.timing()["blocked_by_client"] > 0


def blocked(simulator) -> int:
    simulator.responder.settle()
    return simulator.responder.timing.blocked_by_client


def sum_of_events(simulator) -> int:
    simulator.responder.settle()
    return sum(
        playback.exchange.events for playback in simulator.responder.playing if playback.exchange.alias == "stream-test"
    )


def test_a_client_that_never_reads_again_leaves_nothing(wire: str) -> None:
    with serving(wire) as server:
        slow = Client(server.port)
        slow.send(get(f"{EVENTS}?count=400&size=50000", "X-Sim-Event-Interval: 1ms"))
        server.wait_until(lambda simulator: blocked(simulator) > 0, 10)
        slow.reset()
        assert_nothing_left(server)
        (stream,) = server.control.requests()
        assert stream["outcome"] == "client-left"


def test_a_whole_reply_that_the_client_reads_late_is_whole(wire: str) -> None:
    """A body larger than the kernel takes, on a connection that goes on and on one that closes behind it."""
    text = "x" * 6_000_000
    with serving(wire) as server:
        for line in ("Connection: keep-alive", "Connection: close"):
            with Client(server.port, patience=20) as client:
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
                client.send(post(CHAT, {"messages": [{"role": "user", "content": text}]}, line))
                time.sleep(0.1)  # the reply has filled the buffers; whether it has or not, all of it must come
                assert len(client.reply().body) > len(text)
                if line.endswith("close"):
                    assert client.rest() == b""
                else:
                    assert client.is_kept()
        assert_nothing_left(server)


# Many at once.


@pytest.mark.alone
def test_a_thousand_streams_at_once(wire: str) -> None:
    """All complete, each in its order, none early: by the clients' clock and by the server's."""
    engine, loop = wire.split("-")
    count, gap = 1000, 0.02
    with SimulatorProcess(http_server=engine, loop=loop) as server:
        poll = select.epoll()
        streams: dict[int, tuple[socket.socket, bytearray, float, list[float]]] = {}
        for number in range(count):
            sock = socket.create_connection(("127.0.0.1", server.port))
            request = post(CHAT, chat(f"stream {number} of many"), f"X-Sim-Itl: {gap}s", "Connection: close")
            begun = time.monotonic()
            sock.sendall(request)
            streams[sock.fileno()] = sock, bytearray(), begun, []
            poll.register(sock, select.EPOLLIN)
        left, deadline = count, time.monotonic() + 30
        while left:
            assert time.monotonic() < deadline, f"{left} streams are not complete"
            for fd, _ in poll.poll(1.0):
                sock, received, begun, times = streams[fd]
                piece = sock.recv(65536)
                now = time.monotonic()
                received += piece
                times.extend([now - begun] * (received.count(b"data: ") - len(times)))
                if not piece:
                    poll.unregister(fd)
                    left -= 1
        poll.close()
        for number, (sock, received, _, times) in enumerate(streams.values()):
            sock.close()
            head, _, body = bytes(received).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 ")
            assert body.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
            words = [json.loads(line[6:])["choices"][0]["delta"].get("content", "") for line in data_lines(body)]
            assert "".join(words) == f"Streaming response to: stream {number} of many "
            assert all(at >= n * gap for n, at in enumerate(times[:-1]))
        timing = server.control.timing()
        assert timing["events"] == count * 9
        assert timing["earliest_ms"] >= 0
        assert {each["outcome"] for each in server.control.requests(alias="openai")} == {"complete"}


def data_lines(body: bytes) -> list[bytes]:
    return [line for line in body.split(b"\n") if line.startswith(b"data: {")]
