"""Is anything left behind? Mixed requests, streams, faults, gates, aborts and slow readers for a time given.

    python -m benchmarks.soak [SECONDS] [--http-server fast]     (scripts/soak does both engines)

The server has a small journal, which is full after the first part, so memory that grows from there is a leak. After
each tenth of the time everybody leaves; then descriptors, tasks and everything under way must be as at the start.
Fails if they are not, if memory grew by more than `GROWTH`, or if the server logged an error. `--objects` shows which
types of objects have become more.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

#: Megabytes that may be needed at the end beyond what was when the journal was full.
GROWTH = 8.0
STEPS = 10
#: Steps after which the journal, the caches and the allocator have what they keep.
WARM = 3
CLIENTS = 6
#: Seconds in which everything must have ended once the clients are gone.
PATIENCE = 15.0
TOKENS = 200

PROXY = "/api/oagw/v1/proxy"
CHAT = f"{PROXY}/openai/v1/chat/completions"
NUMBERS = itertools.count()
RULES = {"rules": [{"match": {"alias": "github"}, "when": {"every": 7}, "fault": "status;code=500"}]}
OPTIONS = ["--port=0", "--itl=100us", "--journal-memory=256KiB", "--journal-size=500", "--gate-timeout=500ms"]

Client = Callable[[int], Coroutine[Any, Any, None]]


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


def chat(text: str, **headers: str) -> bytes:
    return request(CHAT, {"stream": True, "messages": [{"role": "user", "content": text}]}, **headers)


def small_request(number: int) -> bytes:
    kinds = (
        lambda: request(f"{PROXY}/weather/current?city=c{number}"),
        lambda: request(f"{PROXY}/github/users/u{number}"),
        lambda: request(f"{PROXY}/calculator/x", {"operation": "add", "a": number, "b": 1}),
        lambda: request(f"{PROXY}/nobody-{number}/x"),
        lambda: request(f"{PROXY}/weather/current", X_Sim_Fault="status;code=503"),
        lambda: request(f"{PROXY}/weather/current", X_Sim_Rate_Limit=f"{number % 100 + 1000}/min"),
        lambda: request(f"{PROXY}/weather/current?sim-latency=x{number}"),
        lambda: request(CHAT, {"messages": [{"role": "user", "content": "hello"}]}),
    )
    return kinds[number % len(kinds)]()


class Clients:
    """Everything that clients do, each a coroutine that opens one connection and leaves it in its own way."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.done: Counter[str] = Counter()

    async def _open(self, data: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**20)
        writer.write(data)
        return reader, writer

    async def requests(self) -> None:
        """Small requests, one after the other on one connection."""
        reader, writer = await self._open(b"")
        for _ in range(10):
            writer.write(small_request(next(NUMBERS)))
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
        writer.close()
        self.done["requests"] += 10

    async def pipelined(self) -> None:
        """Many at once, and a client that is gone before their replies."""
        _, writer = await self._open(b"".join(small_request(next(NUMBERS)) for _ in range(40)))
        await writer.drain()
        writer.transport.abort()
        self.done["pipelined and left"] += 1
        await asyncio.sleep(0.1)  # the others are to have their turn, too

    async def events(self) -> None:
        """A stream to its end."""
        reader, writer = await self._open(chat("x", X_Sim_Output_Tokens=str(TOKENS), Connection="close"))
        self.done["events"] += (await reader.read(-1)).count(b"\n\n")
        writer.close()

    async def left(self) -> None:
        """A stream whose client leaves in the middle, by a reset or in order."""
        reader, writer = await self._open(chat("x", X_Sim_Itl="5ms", X_Sim_Output_Tokens="100"))
        await reader.readuntil(b"\n\n")
        if next(NUMBERS) % 2:
            writer.transport.abort()
        else:
            writer.close()
        self.done["left"] += 1

    async def half_closed(self) -> None:
        """A client that ends its side and waits for the rest."""
        reader, writer = await self._open(chat("one two three", Connection="close"))
        writer.write_eof()
        try:
            got = await asyncio.wait_for(reader.read(-1), PATIENCE)
            served = got.endswith(b"0\r\n\r\n")
        except (TimeoutError, ConnectionResetError):
            served = False
        writer.close()
        self.done["half-closed" if served else "half-closed, not served"] += 1

    async def fault(self) -> None:
        """A stream with a fault, some of which wait for ever."""
        faults = (
            "reset;at-event=3", "stall;at-event=3", "close;at-event=2", "malformed-chunk;at-event=2", "malformed-event",
        )  # fmt: skip
        fault = faults[next(NUMBERS) % len(faults)]
        reader, writer = await self._open(chat("one two three four five", X_Sim_Fault=fault, Connection="close"))
        try:
            await asyncio.wait_for(reader.read(-1), 0.1)
        except (TimeoutError, ConnectionResetError):
            pass
        writer.transport.abort()
        self.done["faults"] += 1

    async def gated(self) -> None:
        """A stream at a gate that nobody releases: its client leaves, or it times out."""
        number = next(NUMBERS)
        reader, writer = await self._open(chat("one two", X_Sim_Gate=f"gate-{number}", Connection="close"))
        try:
            await asyncio.wait_for(reader.read(-1), 1.0 if number % 2 else 0.1)
        except TimeoutError:
            pass
        writer.transport.abort()
        self.done["gated"] += 1

    async def broken(self) -> None:
        """Requests that are none, or never become one."""
        pieces = (
            b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
            b"\0\1\2",
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx",
        )
        reader, writer = await self._open(pieces[next(NUMBERS) % len(pieces)])
        try:
            await asyncio.wait_for(reader.read(100), 0.1)
        except (TimeoutError, ConnectionResetError):
            pass
        writer.transport.abort()
        self.done["broken"] += 1

    async def slow(self) -> None:
        """A client that reads hardly anything of a large reply, and leaves, by a reset or in order."""
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(client, ("127.0.0.1", self.port))
        target = f"{PROXY}/stream-test/events?count=2000&size=4KiB&interval=0"
        await loop.sock_sendall(client, request(target))
        for _ in range(5):
            await loop.sock_recv(client, 1000)
            await asyncio.sleep(0.05)
        if next(NUMBERS) % 2:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        self.done["slow"] += 1

    async def repeat(self, act: Callable[[], Coroutine[Any, Any, None]], until: float) -> None:
        while time.monotonic() < until:
            await act()

    async def run(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        kinds = (self.requests, self.pipelined, self.events, self.left, self.half_closed)
        others = (self.fault, self.gated, self.broken, self.slow)
        acts = [act for act in (*kinds, *others) for _ in range(CLIENTS)]
        await asyncio.gather(*(self.repeat(act, until) for act in acts))


class Server:
    """The server under test, in a process of its own."""

    def __init__(self, engine: str, folder: str) -> None:
        rules = Path(folder) / "rules.json"
        rules.write_text(json.dumps(RULES))
        self.log = Path(folder) / "log"
        command = [sys.executable, "-m", "benchmarks.soaked_server", f"--http-server={engine}", f"--config={rules}"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, *OPTIONS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.log.read_text()
        self.port = int(line)

    def ask(self, what: str = "counts") -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{what}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def when_quiet(self, expected: dict[str, int] | None) -> Any:
        """What it holds once it holds no more than `expected`, or when its patience is over."""
        deadline = time.monotonic() + PATIENCE
        while True:
            told = self.ask()
            if expected is None or told["counts"] == expected or time.monotonic() > deadline:
                return told
            time.sleep(0.2)


def soak(server: Server, seconds: float, shows_objects: bool) -> list[str]:
    """What is wrong at the end."""
    clients = Clients(server.port)
    asyncio.run(clients.run(min(2.0, seconds / STEPS)))  # imports on first use
    time.sleep(2 * PATIENCE / STEPS)
    started = server.when_quiet(None)
    faults: list[str] = []
    sizes = []
    before: dict[str, int] = {}
    print(f"start   {started['memory']:7.2f} MB  {started['counts']}", flush=True)
    for step in range(1, STEPS + 1):
        asyncio.run(clients.run(seconds / STEPS))
        server.when_quiet(started["counts"])
        told = server.ask("memory")
        sizes.append(told["memory"])
        print(f"{step:2}/{STEPS}   {told['memory']:7.2f} MB", flush=True)
        if told["counts"] != started["counts"]:
            faults.append(f"after step {step} it holds {told['counts']}")
        if shows_objects and step in (WARM, STEPS):
            objects = dict(server.ask("objects")["objects"])
            if step == STEPS:
                more = sorted(((count - before.get(name, 0), name) for name, count in objects.items()), reverse=True)
                print("more objects: ", [(count, name) for count, name in more[:15] if count > 20])
            before = objects
    growth = sizes[-1] - sizes[WARM - 1]
    print(f"end     {sizes[-1]:7.2f} MB, {growth:+.2f} MB since {WARM}/{STEPS}  {told['counts']}")
    print(", ".join(f"{count:,} {name}" for name, count in clients.done.items()))
    if clients.done["half-closed, not served"]:
        faults.append("a client that ended its side was not served to the end")
    if growth > GROWTH:
        faults.append(f"memory grew by {growth:.2f} MB")
    if errors := server.log.read_text():
        faults.append(f"it logged: {errors[:2000]}")
    return faults


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seconds", nargs="?", type=float, default=60.0)
    parser.add_argument("--http-server", default="fast", choices=("fast", "tornado"))
    parser.add_argument("--objects", action="store_true")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        server = Server(given.http_server, folder)
        try:
            faults = soak(server, given.seconds, given.objects)
        finally:
            server.process.kill()
            server.process.wait()
    for fault in faults:
        print(f"FAILED: {fault}")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
