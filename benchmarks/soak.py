"""Is memory flat? 200,000 requests and 2,000,000 events through one server, its resident memory noted on the way.

    scripts/soak [--requests 200000] [--events 2000000] [--http-server fast]

The journal, the counters and a rule are on, and what can leave something behind is in the mix: refusals, faults,
clients that leave, ids and bearers that are never the same. Fails if the last tenth needs more than `GROWTH`
megabytes over what was needed when the journal had been filled once.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import sys
import time
from pathlib import Path

from oagw_tornado.testing import SimulatorProcess

GROWTH = 4.0
STEPS = 10
CONNECTIONS = 20
TOKENS = 500

PROXY = "/api/oagw/v1/proxy"
NUMBERS = itertools.count()


def resident(pid: int) -> float:
    """Megabytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def request(target: str, body: object = None, **headers: str) -> bytes:
    content = b"" if body is None else json.dumps(body).encode()
    lines = [
        f"{'GET' if body is None else 'POST'} {target} HTTP/1.1",
        "Host: x",
        "Authorization: Bearer test-integration-token",
        f"X-Request-Id: soak-{next(NUMBERS)}",
        f"Content-Length: {len(content)}",
        *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + content


def small_request(number: int) -> bytes:
    kinds = (
        lambda: request(f"{PROXY}/weather/current?city=c{number}"),
        lambda: request(f"{PROXY}/github/users/u{number}"),
        lambda: request(f"{PROXY}/calculator/x", {"operation": "add", "a": number, "b": 1}),
        lambda: request(f"{PROXY}/nobody-{number}/x"),
        lambda: request(f"{PROXY}/weather/current", X_Sim_Fault="status;code=503"),
        lambda: request(f"{PROXY}/weather/current", X_Sim_Rate_Limit=f"{number % 100 + 1000}/min"),
        lambda: request(f"{PROXY}/weather/current?sim-latency=x{number}"),
        lambda: request(f"{PROXY}/openai/v1/chat/completions", {"messages": [{"role": "user", "content": "hello"}]}),
    )
    return kinds[number % len(kinds)]()


async def requests(port: int, count: int) -> None:
    """So many small requests, one after the other on one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for number in range(count):
        writer.write(small_request(number))
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
    writer.close()


FAULTS = ("reset;at-event=3", "stall;at-event=3", "close;at-event=2", "malformed-chunk;at-event=2", "malformed-event")


async def faults(port: int, count: int) -> None:
    """So many streams with a fault each; clients read a little slowly, and leave in the middle, one by a reset."""
    body = {"stream": True, "messages": [{"role": "user", "content": "one two three four five"}]}
    for number in range(count):
        fault = FAULTS[number % len(FAULTS)]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request(f"{PROXY}/openai/v1/chat/completions", body, X_Sim_Fault=fault, Connection="close"))
        try:
            await asyncio.wait_for(reader.read(500), 1)
            await asyncio.sleep(0.005)
        except (TimeoutError, ConnectionResetError):
            pass
        if number % 2:
            writer.transport.abort()
        else:
            writer.close()


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


async def events(port: int, count: int) -> None:
    """So many events, in streams one after the other; the client of each tenth stream leaves in the middle."""
    body = {"stream": True, "messages": [{"role": "user", "content": "x"}]}
    received = 0
    while received < count:
        wanted = TOKENS // 2 if next(NUMBERS) % 10 == 0 else TOKENS
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
        writer.write(
            request(f"{PROXY}/openai/v1/chat/completions", body, X_Sim_Output_Tokens=str(TOKENS), Connection="close")
        )
        seen = 0
        while seen < wanted and (piece := await reader.read(65536)):
            seen += piece.count(b"\n\n")
        writer.transport.abort()
        received += seen


async def soak(oagw: SimulatorProcess, total_requests: int, total_events: int) -> list[float]:
    """Resident memory after each step."""
    sizes = []
    for step in range(1, STEPS + 1):
        began = time.monotonic()
        each = CONNECTIONS * STEPS
        await asyncio.gather(*(requests(oagw.port, total_requests // each) for _ in range(CONNECTIONS)))
        await asyncio.gather(*(events(oagw.port, total_events // each) for _ in range(CONNECTIONS)))
        await asyncio.gather(*(faults(oagw.port, 10) for _ in range(CONNECTIONS)))
        sizes.append(resident(oagw.pid))
        took = time.monotonic() - began
        print(f"{step:2}/{STEPS}  {sizes[-1]:7.2f} MB  {took:5.1f} s", flush=True)
    return sizes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=200_000)
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--http-server", default="fast")
    given = parser.parse_args()
    rules = [{"match": {"alias": "github"}, "when": {"every": 7}, "fault": "status;code=500"}]
    with SimulatorProcess(http_server=given.http_server, inter_token_latency="100us", rules=rules) as oagw:
        at_start, open_at_start = resident(oagw.pid), descriptors(oagw.pid)
        sizes = asyncio.run(soak(oagw, given.requests, given.events))
        timing = oagw.control.timing()
        deadline = time.monotonic() + 10
        # The one that asks is there, too.
        while (left := descriptors(oagw.pid) - open_at_start) > 3 and time.monotonic() < deadline:
            time.sleep(0.1)
        errors = oagw.take_errors()
    growth = sizes[-1] - sizes[0]
    print(f"start {at_start:.2f} MB, first tenth {sizes[0]:.2f}, last {sizes[-1]:.2f}, growth {growth:+.2f} MB")
    print(f"{given.requests} requests, {timing['events']} events, late p99 {timing['late_ms']['p99']} ms")
    print(f"{left} descriptors more than at the start")
    if errors:
        print(errors)
    return int(growth > GROWTH or bool(errors) or left > 3)


if __name__ == "__main__":
    sys.exit(main())
