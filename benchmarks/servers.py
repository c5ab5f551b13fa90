"""The servers under measurement: the simulator, and its peers with the same stream and the same small reply."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec

from benchmarks import machine

HOST = "127.0.0.1"
TOKEN = "test-integration-token"

#: Between the events of a chat stream, unless a request asks for something else.
DEFAULT_GAP = 0.05

#: What the chat service says before it repeats the message: these words come before the numbered ones.
LEAD = ("Streaming", "response", "to:")


@dataclass(frozen=True)
class Streams:
    """Streams of `events` events each, `gap` seconds apart, the first at once; `size` is the length of their texts."""

    events: int
    gap: float
    size: int = 5


@dataclass(frozen=True)
class Server:
    """A server and how it is asked for a stream and for a small reply."""

    name: str
    title: str
    command: Callable[[int], list[str]]
    stream: Callable[[Streams], bytes]
    weather: bytes
    needs: tuple[str, ...] = ()
    words_from: int = -1
    """From which event on a stream's events have numbered words; -1: they have none."""
    requests: Mapping[str, bytes] | None = None
    """Requests beside `weather` that it can be asked over and over."""

    def missing(self) -> str:
        """Why it cannot run here; empty if it can."""
        if lacking := [module for module in self.needs if find_spec(module) is None]:
            return f"{', '.join(lacking)} not installed"
        if self is FLOOR:
            try:
                machine.compiled("floor_server.c")
            except machine.NoCompiler as error:
                return str(error)
        return ""


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode()


def post(path: str, document: object) -> bytes:
    body = json.dumps(document).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {TOKEN}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def proxied(path: str) -> str:
    return f"/api/oagw/v1/proxy/{path}"


def chat(text: str, *, stream: bool, query: str = "") -> bytes:
    message = {"role": "user", "content": text}
    document = {"model": "gpt-4", "stream": stream, "messages": [message]}
    return post(proxied(f"openai/v1/chat/completions{query}"), document)


def _simulator_command(port: int) -> list[str]:
    return [sys.executable, "-m", "oagw_tornado", "--port", str(port)]


def _simulator_stream(streams: Streams) -> bytes:
    if streams.size > 100:
        query = f"count={streams.events}&interval={streams.gap * 1000:g}ms&size={streams.size}"
        return get(proxied(f"stream-test/events?{query}"))
    # A word is an event; the finish chunk is the last one.
    words = streams.events - len(LEAD) - 1
    query = "" if streams.gap == DEFAULT_GAP else f"?sim-itl={streams.gap * 1000:g}ms"
    return chat(" ".join(f"w{number}" for number in range(words)), stream=True, query=query)


def _peer_stream(streams: Streams) -> bytes:
    return get(f"/stream?count={streams.events}&gap={streams.gap:g}&size={streams.size}")


def _peer(name: str, title: str, module: str, *needs: str) -> Server:
    def command(port: int) -> list[str]:
        return [sys.executable, "-m", f"benchmarks.peers.{module}", str(port)]

    return Server(name, title, command, _peer_stream, get("/weather?city=Paris"), needs)


def _floor_command(port: int) -> list[str]:
    return [str(machine.compiled("floor_server.c")), str(port)]


SIMULATOR = Server(
    "simulator",
    "oagw-tornado",
    _simulator_command,
    _simulator_stream,
    get(proxied("weather/current?city=Paris")),
    words_from=len(LEAD),
    requests={
        "chat": chat("hello", stream=False),
        "calculator": post(proxied("calculator/calculate"), {"operation": "add", "a": 15, "b": 27}),
    },
)
FLOOR = Server("floor", "C, one `write()` per event", _floor_command, _peer_stream, get("/weather?city=Paris"))
PROTOCOL = _peer("protocol", "bare asyncio protocol", "asyncio_protocol", "uvloop")
AIOHTTP = _peer("aiohttp", "aiohttp", "aiohttp_server", "aiohttp", "uvloop")
UVICORN = _peer("uvicorn", "uvicorn, bare ASGI", "uvicorn_server", "uvicorn", "uvloop", "httptools")
STOCK = _peer("tornado", "stock Tornado", "stock_tornado")

SERVERS = {server.name: server for server in (SIMULATOR, FLOOR, PROTOCOL, AIOHTTP, UVICORN, STOCK)}


class Wrong(Exception):
    """A server does not do what it is measured at."""


def free_port() -> int:
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def wait_until_healthy(process: subprocess.Popen[bytes], port: int, limit: float = 30.0) -> None:
    """Return with the first healthy reply."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        try:
            with socket.create_connection((HOST, port), timeout=limit) as connection:
                connection.sendall(get("/health"))
                if connection.recv(4096).startswith(b"HTTP/1.1 200 "):
                    return
        except OSError:
            pass
        if process.poll() is not None:
            raise Wrong(f"{process.args!r} ended with {process.returncode} instead of starting")
        time.sleep(0.001)
    raise Wrong(f"{process.args!r} was not healthy within {limit:g} s")


@contextmanager
def running(server: Server, processor: int | None = None) -> Iterator[tuple[int, int]]:
    """A server's port and process id while it runs, on one processor if that is given."""
    port = free_port()
    process = spawn(server.command(port))
    try:
        machine.pin(process.pid, processor)
        wait_until_healthy(process, port)
        yield port, process.pid
    finally:
        process.kill()
        process.wait()


def spawn(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        cwd=machine.HERE.parent,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
