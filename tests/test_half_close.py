"""A client that ends its side behind its request is served to the end; one that goes is noticed, silent or not."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator

import pytest
from wire import CHAT, EVENTS, STREAM, STREAM_TEXT, WEATHER, Client, VisibleServer, chat, get, post, serving

from oagw_tornado.wire.presence import is_there

SLOW = post(CHAT, chat(), "X-Sim-Itl: 40ms")


@pytest.fixture(scope="module")
def server(wire: str) -> Iterator[VisibleServer]:
    with serving(wire, inter_token_latency="1ms") as server:
        yield server


@pytest.fixture
def client(server: VisibleServer) -> Iterator[Client]:
    server.control.reset()
    with Client(server.port) as client:
        yield client
    server.wait_until(lambda simulator: simulator.responder.ledger.running == 0)
    server.wait_until(lambda simulator: not simulator._server.half_closed)  # type: ignore[union-attr]


def outcomes(server: VisibleServer) -> list[str]:
    server.wait_until(lambda simulator: simulator.responder.ledger.running == 0)
    return [each["outcome"] for each in server.control.requests()]


# Who half-closes.


def test_a_stream_is_served_to_its_end(server: VisibleServer, client: Client) -> None:
    client.send(SLOW).end_sending()
    assert client.reply().text == STREAM_TEXT
    assert client.rest() == b""
    assert outcomes(server) == ["complete"]


def test_so_is_one_whose_client_half_closes_in_the_middle(server: VisibleServer, client: Client) -> None:
    client.send(SLOW)
    assert client.head()[1] == 200
    client.chunk()
    client.chunk()
    client.end_sending()
    assert client.rest_of_body().endswith(b"data: [DONE]\n\n")
    assert client.rest() == b""
    assert outcomes(server) == ["complete"]


@pytest.mark.parametrize("knob", ["X-Sim-Ttft: 1500ms", "X-Sim-Header-Delay: 1500ms"])
def test_silence_does_not_change_that(server: VisibleServer, client: Client, knob: str) -> None:
    client.send(post(CHAT, chat(), knob)).end_sending()
    assert client.reply().text == STREAM_TEXT
    assert outcomes(server) == ["complete"]


def test_all_that_waits_in_line_is_answered(server: VisibleServer, client: Client) -> None:
    client.send(SLOW + get(WEATHER) + STREAM + get(WEATHER)).end_sending()
    assert client.reply().text == STREAM_TEXT
    assert client.reply().status == 200
    assert client.reply().text == STREAM_TEXT
    assert client.reply().status == 200
    assert client.rest() == b""
    assert outcomes(server) == ["complete"] * 4


def test_more_than_the_kernel_takes_at_once_arrives(server: VisibleServer, client: Client) -> None:
    client.send(get(f"{EVENTS}?count=200&size=50000", "X-Sim-Event-Interval: 0")).end_sending()
    time.sleep(0.2)  # has the server wait for us
    assert len(client.reply().chunks) == 200
    assert client.rest() == b""
    assert outcomes(server) == ["complete"]


def test_a_small_reply_and_its_end_arrive(client: Client) -> None:
    client.send(get(WEATHER)).end_sending()
    assert client.reply().status == 200
    assert client.rest() == b""


@pytest.mark.skipif(shutil.which("nc") is None, reason="nc is not installed")
def test_nc_gets_the_whole_stream(server: VisibleServer, client: Client) -> None:
    client.close()
    told = subprocess.run(
        ["nc", "-N", "127.0.0.1", str(server.port)], input=SLOW, capture_output=True, timeout=10, check=False
    )
    if b"invalid option" in told.stderr or b"usage" in told.stderr.lower():
        pytest.skip("this nc has no -N")
    assert told.stdout.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
    assert outcomes(server) == ["complete"]


def test_half_a_request_is_the_end_of_the_client(server: VisibleServer, client: Client) -> None:
    client.send(STREAM[:-5]).end_sending()
    assert client.rest() == b""
    assert outcomes(server) == ["client-left"]


# Who goes.


@pytest.mark.parametrize(
    "lines",
    [("X-Sim-Itl: 30s",), ("X-Sim-Fault: stall;at-event=2",), ("X-Sim-Ttft: 30s",), ("X-Sim-Gate: shut",)],
)
@pytest.mark.parametrize("wait", [0.0, 0.3])
def test_a_client_that_goes_in_a_silence_is_noticed(server: VisibleServer, lines: tuple[str], wait: float) -> None:
    server.control.reset()
    with Client(server.port) as client:
        client.send(post(CHAT, chat(), *lines))
        server.wait_until(lambda simulator: len(simulator.responder.playing) == 1)
        time.sleep(wait)
        while wait and lines[0] not in ("X-Sim-Ttft: 30s", "X-Sim-Gate: shut"):
            # All that came is read: then closing sends a FIN and no reset.
            client.socket.setblocking(False)
            try:
                client.socket.recv(65536)
            except BlockingIOError:
                break
    begun = time.monotonic()
    server.wait_until(lambda simulator: simulator.responder.ledger.running == 0)
    assert time.monotonic() - begun < 1.5
    assert [each["status"] is not None for each in server.control.requests()] == [True]


def test_a_client_that_half_closes_and_goes_later_is_noticed(server: VisibleServer) -> None:
    """Nothing is sent when it goes: whether a process holds its socket is all there is to see."""
    server.control.reset()
    with Client(server.port) as client:
        client.send(post(CHAT, chat(), "X-Sim-Fault: stall;at-event=1")).end_sending()
        assert client.head()[1] == 200
        client.chunk()
        server.wait_until(lambda simulator: len(simulator._server.half_closed) == 1)  # type: ignore[union-attr]
        time.sleep(0.2)
        assert server.inside(lambda simulator: simulator.responder.ledger.running) == 1
    server.wait_until(lambda simulator: simulator.responder.ledger.running == 0, 4)
    server.wait_until(lambda simulator: simulator._server.open_connections <= 1)  # type: ignore[union-attr]


def test_a_client_that_goes_in_mid_stream_is_noticed_at_the_next_event(server: VisibleServer) -> None:
    server.control.reset()
    with Client(server.port) as client:
        client.send(post(CHAT, chat("one " * 500), "X-Sim-Itl: 5ms"))
        client.head()
        client.chunk()
    assert outcomes(server) == ["client-left"]
    assert server.control.requests()[0]["events_sent"] < 100


# Where nobody can be asked, time decides.


@pytest.mark.parametrize(("wait", "outcome"), [(0.0, "complete"), (0.5, "client-left")])
def test_without_an_answer_the_time_decides(wire: str, wait: float, outcome: str) -> None:
    with serving(wire) as server:
        # As on another system, or for a client on another machine.
        server.inside(lambda simulator: setattr(simulator._server, "is_there", lambda connection: None))
        with Client(server.port) as client:
            client.send(post(CHAT, chat(), "X-Sim-Ttft: 1200ms", "X-Sim-Itl: 1ms"))
            time.sleep(wait)
            client.end_sending()
            assert client.rest().endswith(b"0\r\n\r\n") == (outcome == "complete")
        assert outcomes(server) == [outcome]


def test_the_kernel_tells_a_held_socket_from_one_that_is_closed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        half = socket.create_connection(listener.getsockname())
        ours, _ = listener.accept()
        half.shutdown(socket.SHUT_WR)
        if is_there(ours) is None:
            pytest.skip("the kernel does not tell (no Linux, or no sock_diag)")
        assert is_there(ours) is True
        half.close()
        assert is_there(ours) is False
        ours.close()
