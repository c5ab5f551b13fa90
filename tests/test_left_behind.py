"""Clients that leave with requests unanswered leave nothing behind, on either engine."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import struct
from collections.abc import Iterator

import pytest
from wire import CHAT, PROXY, WEATHER, chat, get, post

from oagw_tornado.config.config import Config
from oagw_tornado.gateway.admission import Admission
from oagw_tornado.gateway.request import ServerRequest
from oagw_tornado.simulator import Simulator
from oagw_tornado.wire.connection import ReplyConnection

WAYS = {
    "pipelined": get(WEATHER) * 40,
    "half a body": get(WEATHER) + b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx",
    "half a head": get(WEATHER) + b"GET / HTTP/1.1\r\nHo",
    "no request": get(WEATHER) + b"\0" * 20,
    "a stream": get(WEATHER) + post(CHAT, chat(), "X-Sim-Itl: 20ms") * 3,
    "a large reply": get(f"{PROXY}/stream-test/events?count=2000&size=4KiB&interval=0") * 2,
}


@pytest.fixture(autouse=True)
def from_here() -> Iterator[None]:
    """Only what comes from here on is looked at: a test run has a million objects, which take half a second a look."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def held() -> int:
    gc.collect()
    return sum(isinstance(thing, (Admission, ReplyConnection)) for thing in gc.get_objects())


@pytest.mark.parametrize("way", WAYS)
def test_who_leaves_leaves_nothing_behind(way: str, wire: str, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        simulator = Simulator(Config(http_server=wire.split("-")[0], port=0, journal_size=0))
        await simulator.start()
        loop = asyncio.get_running_loop()
        before = held()
        for number in range(12):
            client = socket.create_connection(("127.0.0.1", simulator.port))
            client.setblocking(False)
            await loop.sock_sendall(client, WAYS[way])
            if number % 3 == 0:
                await asyncio.sleep(0)
            if number % 2:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
        deadline = loop.time() + 15
        while (now := held()) > before and loop.time() < deadline:
            await asyncio.sleep(0.05)
        await simulator.stop()
        assert now <= before

    caplog.set_level(logging.WARNING)
    asyncio.run(main())
    assert not caplog.records


@pytest.mark.parametrize("way", WAYS)
def test_nothing_waits_for_the_collector(way: str, wire: str) -> None:
    """It comes seldom, so what refers to itself would pile up until it does."""

    def held_uncollected() -> int:
        kinds = (Admission, ReplyConnection, ServerRequest, asyncio.Transport)
        return sum(isinstance(thing, kinds) for thing in gc.get_objects())

    async def main() -> None:
        rules = ({"match": {"alias": "github"}, "fault": "status;code=500"}, {"match": {"last-message": "nobody"}})
        simulator = Simulator(Config(http_server=wire.split("-")[0], port=0, journal_size=0, rules=rules))
        await simulator.start()
        loop = asyncio.get_running_loop()
        gc.collect()
        before = held_uncollected()
        for number in range(24):
            client = socket.create_connection(("127.0.0.1", simulator.port))
            client.setblocking(False)
            await loop.sock_sendall(client, WAYS[way])
            await loop.sock_recv(client, 65536)
            if number % 2:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
        deadline = loop.time() + 10
        # One or two of a kind may be in the hands of a frame of the loop's.
        while (now := held_uncollected()) > before + 6 and loop.time() < deadline:
            await asyncio.sleep(0.05)
        await simulator.stop()
        assert now <= before + 6

    gc.collect()
    gc.disable()
    try:
        asyncio.run(main())
    finally:
        gc.enable()
