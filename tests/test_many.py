"""A thousand at once: seeds that do not depend on the order, clients that leave, lateness as the server and as the
client measured it."""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from collections.abc import Iterator
from typing import Any

import pytest
from raw_http import CHAT, chat, request

from oagw_tornado.testing import SimulatorProcess

THOUSAND = 1000


@pytest.fixture(scope="module")
def oagw(wire: str) -> Iterator[SimulatorProcess]:
    engine, loop = wire.split("-")
    with SimulatorProcess(http_server=engine, loop=loop, journal_size=THOUSAND + 100) as server:
        yield server


async def send(port: int, data: bytes) -> bytes:
    """One request on a connection of its own; the whole reply, empty if the connection was reset."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


async def all_at_once(port: int, requests: list[bytes]) -> None:
    await asyncio.gather(*(send(port, data) for data in requests))


# Seeds.


def schedules(oagw: SimulatorProcess, requests: list[bytes]) -> dict[str, Any]:
    """What was planned for each request, by its id."""
    oagw.control.call("DELETE", "/_sim/requests")
    asyncio.run(all_at_once(oagw.port, requests))
    exchanges = oagw.control.requests(events=True)
    assert len(exchanges) == len(requests)
    return {exchange.id: [*exchange.planned, exchange.outcome] for exchange in exchanges}


def test_the_same_requests_in_another_order_have_the_same_schedules(oagw: SimulatorProcess) -> None:
    given = {
        "X-Sim-Ttft": "exponential(20ms)",
        "X-Sim-Itl": "lognormal(5ms,0.5)",
        "X-Sim-Header-Delay": "uniform(0,9ms)",
    }
    faults = ("none", "reset;at-event=3", "garbage;at-event=2", "duplicate-event")
    requests = [
        request(
            f"{CHAT}?sim-fault={faults[number % 4]}",
            chat(f"message {number % 100}"),
            {"X-Request-Id": f"r{number}", "X-Sim-Seed": str(number // 100), **given},
        )
        for number in range(THOUSAND)
    ]
    # A rule whose die is thrown with the request's own seed.
    oagw.control.add_rule(when={"probability": 0.5}, events_per_write=2)
    first = schedules(oagw, requests)
    random.Random(1).shuffle(requests)
    assert schedules(oagw, requests) == first
    # Other seeds and other requests have others: distinct are all but the few that coincide in what was cut short.
    assert len({json.dumps(planned) for planned in first.values()}) > 0.95 * THOUSAND
    oagw.control.reset()


# Clients that leave.


async def leave_after(port: int, data: bytes, events: int) -> None:
    """Read so many events, and go."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    for _ in range(events):
        await reader.readuntil(b"\n\n")
    writer.transport.abort()


def descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def metric(oagw: SimulatorProcess, name: str) -> float:
    from http.client import HTTPConnection

    connection = HTTPConnection("127.0.0.1", oagw.port)
    connection.request("GET", "/metrics")
    lines = connection.getresponse().read().decode().splitlines()
    connection.close()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))


@pytest.mark.alone
@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts descriptors in /proc")
def test_a_thousand_clients_that_leave_in_mid_stream(oagw: SimulatorProcess) -> None:
    oagw.control.reset()
    pid = oagw.pid
    at_rest = descriptors(pid)
    numbers = [number % 5 + 1 for number in range(THOUSAND)]

    async def run() -> None:
        # Nine words, 250 ms apart: whoever leaves after n events leaves long before the end.
        await asyncio.gather(
            *(
                leave_after(
                    oagw.port,
                    request(
                        CHAT, chat("a b c d e f"), {"X-Request-Id": f"leaves-after-{events}", "X-Sim-Itl": "250ms"}
                    ),
                    events,
                )
                for events in numbers
            )
        )

    asyncio.run(run())
    deadline = time.monotonic() + 5
    while metric(oagw, "oagw_streams_open") and time.monotonic() < deadline:
        time.sleep(0.01)
    exchanges = oagw.control.requests(alias="openai")
    assert len(exchanges) == THOUSAND
    assert {exchange["outcome"] for exchange in exchanges} == {"client-left"}
    for exchange in exchanges:
        left_after = int(exchange["id"].rpartition("-")[2])
        # The event after that may have left before the news arrived.
        assert left_after <= exchange["events_sent"] <= left_after + 1
    assert metric(oagw, "oagw_clients_left_total") == THOUSAND
    assert metric(oagw, "oagw_streams_open") == 0
    assert metric(oagw, "oagw_requests_in_flight") == 0
    while descriptors(pid) > at_rest and time.monotonic() < deadline:
        time.sleep(0.01)
    assert descriptors(pid) <= at_rest
    assert oagw.take_errors() == ""


# Lateness.


async def lateness(port: int, gap: float, data: bytes) -> list[float]:
    """How late the events of one stream arrived, the first one's arrival being the origin."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    await reader.readuntil(b"\r\n\r\n")
    arrivals: list[float] = []
    while True:
        line = await reader.readuntil(b"\n\n")
        if b"[DONE]" in line:
            break
        arrivals.append(time.monotonic())
    writer.close()
    return [arrival - arrivals[0] - number * gap for number, arrival in enumerate(arrivals)]


@pytest.mark.alone
def test_timing_agrees_with_the_client_and_nothing_is_early(oagw: SimulatorProcess) -> None:
    oagw.control.reset()
    gap, streams = 0.02, 20
    data = request(CHAT, chat("a b c d e f g"), {"X-Sim-Itl": f"{gap * 1000:g}ms"})

    async def run() -> list[float]:
        found = await asyncio.gather(*(lateness(oagw.port, gap, data) for _ in range(streams)))
        return sorted(late for stream in found for late in stream)

    seen = asyncio.run(run())
    timing = oagw.control.timing()
    assert timing["events"] == streams * 12
    assert timing["blocked_by_client"] == 0
    assert 0 <= timing["earliest_ms"] <= timing["late_ms"]["p50"] <= timing["late_ms"]["p90"]
    assert timing["late_ms"]["p90"] <= timing["late_ms"]["p99"] <= timing["late_ms"]["max"]
    # A client sees differences of lateness, as the origin is late itself, and its own delays on top of them. With a
    # tolerance for a busy machine: the median of what it saw is no more than the server's p99 away from its p50.
    median = seen[len(seen) // 2] * 1000
    assert abs(median) <= timing["late_ms"]["p99"] + 5


def test_the_journal_has_what_was_planned_and_what_was(oagw: SimulatorProcess) -> None:
    oagw.control.reset()
    data = request(CHAT, chat("a b"), {"X-Request-Id": "mine", "X-Sim-Ttft": "30ms", "X-Sim-Itl": "10ms"})
    asyncio.run(all_at_once(oagw.port, [data]))
    exchange = oagw.control.request("mine")
    planned, actual = exchange["events"]["planned"], exchange["events"]["actual"]
    assert planned == pytest.approx([0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.08])
    assert len(actual) == exchange["events_sent"] == 7
    assert all(done >= due for due, done in zip(planned, actual, strict=True))
    assert exchange["first_event"] == actual[0]
    assert exchange["ended"] >= actual[-1]
