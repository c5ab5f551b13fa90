"""What TLS costs a stream: the same load with and without it, here and at aiohttp.

``python -m benchmarks.over_tls [rounds]`` takes turns.

300 streams of 20 events a second, opened over two seconds; processor time is counted for four seconds in which all of
them play, so that handshakes are told apart. Lateness is what the client sees, from the instant at which it has sent
its request.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median, quantiles
from typing import cast

import uvloop

from benchmarks import machine
from benchmarks.servers import AIOHTTP, HOST, SIMULATOR, Server, Streams, Wrong, end, free_port, get, spawn

COUNT, RAMP = 300, 2.0
STREAMS = Streams(160, 0.05)
#: Seconds from the first connection to the two readings of the processor's time, between which all streams play.
WINDOW = (3.5, 7.5)
LIMIT = 60.0


@dataclass
class Run:
    """What one run has shown."""

    late: list[float] = field(default_factory=list)
    """Seconds by which each event came behind its plan."""
    readings: list[float] = field(default_factory=list)

    @property
    def us_per_event(self) -> float:
        events = COUNT * (WINDOW[1] - WINDOW[0]) / STREAMS.gap
        return (self.readings[1] - self.readings[0]) * 1e6 / events

    @property
    def row(self) -> tuple[float, float, float]:
        """µs per event, and p50 and p99 of the lateness in ms."""
        hundredths = quantiles(self.late, n=100)
        return self.us_per_event, hundredths[49] * 1000, hundredths[98] * 1000


class Reader(asyncio.Protocol):
    """Asks for one stream, and notes how late each event is."""

    def __init__(self, request: bytes, late: list[float]) -> None:
        self.is_over: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._request = request
        self._late = late
        self._asked = 0.0
        self._events = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's is not registered as one
        self._asked = time.monotonic()  # the loop's own has milliseconds
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        now = time.monotonic() - self._asked
        for _ in range(data.count(b"\ndata: ")):
            self._late.append(now - self._events * STREAMS.gap)
            self._events += 1
        if self._events >= STREAMS.events:
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.is_over.done():
            self.is_over.set_result(self._events)


async def play(port: int, request: bytes, tls: ssl.SSLContext | None, used: Callable[[], float]) -> Run:
    """All streams once."""
    run, loop = Run(), asyncio.get_running_loop()
    for seconds in WINDOW:
        loop.call_later(seconds, lambda: run.readings.append(used()))
    streams = []
    begun = loop.time()
    for number in range(COUNT):
        await asyncio.sleep(max(0.0, begun + number * RAMP / COUNT - loop.time()))
        _, reader = await loop.create_connection(lambda: Reader(request, run.late), HOST, port, ssl=tls)
        streams.append(reader.is_over)
    events = await asyncio.wait_for(asyncio.gather(*streams), LIMIT)
    if any(each < STREAMS.events for each in events):
        raise Wrong(f"streams of {min(events)} events")
    return run


@contextmanager
def running(server: Server, tls: ssl.SSLContext | None) -> Iterator[tuple[int, int]]:
    """A server's port and process id, once it is healthy and has loaded all that it loads."""
    port, (on_server, _) = free_port(), machine.processors()
    with machine.on_processor(on_server):
        process = spawn(server.command(port))
    try:
        deadline = time.monotonic() + LIMIT
        while not is_healthy(port, tls):
            if time.monotonic() > deadline or process.poll() is not None:
                raise Wrong(f"{process.args!r} does not start")
            time.sleep(0.01)
        time.sleep(server.settling)
        yield port, process.pid
    finally:
        end(process)


def is_healthy(port: int, tls: ssl.SSLContext | None) -> bool:
    try:
        with socket.create_connection((HOST, port), timeout=5) as plain:
            connection = plain if tls is None else tls.wrap_socket(plain, server_hostname=HOST)
            with connection:
                connection.sendall(get("/health"))
                return connection.recv(65536).startswith(b"HTTP/1.1 200 ")
    except OSError:
        return False


def measured(server: Server, tls: ssl.SSLContext | None) -> Run:
    """One run of a server."""
    _, on_client = machine.processors()
    with running(server, tls) as (port, pid), machine.on_processor(on_client):
        return uvloop.run(play(port, server.stream(STREAMS), tls, lambda: machine.cpu_seconds(pid)))


def made_by(server: Server) -> Path:
    """The folder of the authority and the certificate that `server` makes for itself."""
    port = free_port()
    process = spawn(server.command(port))
    folder = Path(os.environ["XDG_STATE_HOME"], "oagw-tornado")
    try:
        deadline = time.monotonic() + LIMIT
        while True:
            with suppress(OSError), socket.create_connection((HOST, port), timeout=5):
                return folder
            if time.monotonic() > deadline or process.poll() is not None:
                raise Wrong(f"{process.args!r} does not start")
            time.sleep(0.01)
    finally:
        end(process)


def over_tls(server: Server, *more: str) -> Server:
    """`server` with these options."""
    return replace(server, command=lambda port: [*server.command(port), *more])


def main(rounds: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_STATE_HOME"] = folder
        simulator = over_tls(SIMULATOR, "--tls", "auto")
        kept = made_by(simulator)
        tls = ssl.create_default_context(cafile=kept / "ca.pem")
        aiohttp = over_tls(AIOHTTP, str(kept / "server.pem"), str(kept / "server-key.pem"))
        servers = {
            "simulator": (SIMULATOR, None),
            "simulator, TLS": (simulator, tls),
            "aiohttp": (AIOHTTP, None),
            "aiohttp, TLS": (aiohttp, tls),
        }
        rows: dict[str, list[tuple[float, float, float]]] = {name: [] for name in servers}
        for number in range(rounds):
            for name in list(servers)[:: -1 if number % 2 else 1]:
                rows[name].append(measured(*servers[name]).row)
    for name, runs in rows.items():
        us, p50, p99 = (f"{median(each):6.2f} ({min(each):.2f}-{max(each):.2f})" for each in zip(*runs, strict=True))
        print(f"{name:15} us/event {us}  late p50 {p50}  p99 {p99} ms")
    for name in ("simulator", "aiohttp"):
        ratios = [after[0] / before[0] for before, after in zip(rows[name], rows[f"{name}, TLS"], strict=True)]
        print(
            f"{name}: an event costs {median(ratios):.2f} times as much over TLS ({min(ratios):.2f}-{max(ratios):.2f})"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 3))
