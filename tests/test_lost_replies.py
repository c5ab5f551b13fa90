"""A whole reply whose client has gone before it left is no complete one."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from raw_http import dial, request, talk
from wire import WEATHER, VisibleServer

from oagw_tornado.simulator import Simulator


@pytest.fixture(scope="module")
def oagw(wire: str) -> Iterator[VisibleServer]:
    engine, loop = wire.split("-")
    with VisibleServer(http_server=engine, loop=loop) as server:
        yield server


def _left(simulator: Simulator) -> int:
    return simulator.responder.ledger.counters.clients_left["weather"]


def _kept_alive(id: str) -> bytes:
    return request(WEATHER, headers={"X-Request-Id": id}).replace(b"Connection: close\r\n", b"")


def test_a_reply_that_nobody_can_get_is_lost(oagw: VisibleServer) -> None:
    # Accepted and read once: it waits for its next request.
    with dial(oagw.port, 10) as client:
        client.sendall(_kept_alive("before"))
        client.recv(65536)
        before = oagw.inside(_left)

        def hold(simulator: Simulator) -> None:
            client.sendall(b"".join(_kept_alive(f"lost-{number}") for number in range(3)))
            _lose_replies(simulator)

        oagw.inside(hold)
        oagw.wait_until(lambda simulator: _left(simulator) > before, 10)
    outcomes = {each["id"]: (each["outcome"], each["bytes_sent"]) for each in oagw.control.requests(alias="weather")}
    assert outcomes.pop("before")[0] == "complete"
    lost = {id: seen for id, seen in outcomes.items() if id.startswith("lost-")}
    assert lost
    assert set(lost.values()) == {("client-left", 0)}
    assert oagw.inside(_left) == before + len(lost)


def _lose_replies(simulator: Any) -> None:
    """Have the kernel refuse what is written to any connection from now on, as after a reset that is on its way."""
    for connection in [*getattr(simulator._server, "connections", ()), *getattr(simulator._server, "streams", ())]:
        with socket.socket(fileno=os.dup(connection.socket.fileno())) as same:
            same.shutdown(socket.SHUT_WR)


def test_a_reply_that_arrives_is_complete(oagw: VisibleServer) -> None:
    before = oagw.inside(_left)
    assert talk(oagw.port, request(WEATHER)).status == 200
    assert oagw.control.requests(limit=1)[0]["outcome"] == "complete"
    assert oagw.inside(_left) == before
