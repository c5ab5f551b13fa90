"""The servers under measurement: the simulator, and its peers with the same stream and the same small reply."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
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


@dataclass(frozen=True)
class Server:
    """A server and how it is asked for a stream and for a small reply."""

    name: str
    title: str
    command: Callable[[int], list[str]]
    stream: Callable[[Streams], bytes]
    weather: bytes = b""
    """The request for its small reply; empty if it has none to compare."""
    lacks: Callable[[], str] = lambda: ""
    """Why it cannot run here; empty if it can."""
    words_from: int = -1
    """From which event on a stream's events have numbered words; -1: they have none."""
    requests: Mapping[str, bytes] = field(default_factory=dict)
    """Requests beside `weather` that it can be asked over and over."""
    health: bytes = get("/health")
    """A request that is answered 200 as soon as it serves."""
    pace: Callable[[Streams], list[str]] = lambda streams: []
    """Arguments that its command needs to play these streams, where a request cannot ask for a pace."""
    prepare: Callable[[int, list[Streams]], None] = lambda port, streams: None
    """Tells it, once it serves, which streams it will be asked for."""
    settling: float = 0.0
    """Seconds after its first reply until it has loaded all that it loads."""
    warming: float = 0.0
    """Seconds of load before it is measured, beside a stream: a compiler at run time waits for what is done often."""
    timing: str = ""
    """The path of what it says itself of the lateness of its events; empty if it says nothing."""
    note: str = ""
    """How it differs from what the others are asked for."""

    @property
    def has_fixed_pace(self) -> bool:
        """Whether all streams of one run have the same pace."""
        return bool(self.pace(Streams(1, 0.05)))


def _simulator_command(port: int) -> list[str]:
    return [sys.executable, "-m", "oagw_tornado", "--port", str(port)]


def modules(*names: str) -> Callable[[], str]:
    """Which of the modules are not installed, when asked."""

    def lacking() -> str:
        missing = [name for name in names if find_spec(name) is None]
        return f"{', '.join(missing)} not installed" if missing else ""

    return lacking


def _no_compiler() -> str:
    try:
        machine.compiled("floor_server.c")
    except machine.NoCompiler as error:
        return str(error)
    return ""


def _simulator_stream(streams: Streams) -> bytes:
    if streams.size > 100:
        query = f"count={streams.events}&interval={streams.gap * 1000:g}ms&size={streams.size}"
        return get(proxied(f"stream-test/events?{query}"))
    query = "" if streams.gap == DEFAULT_GAP else f"?sim-itl={streams.gap * 1000:g}ms"
    return chat(simulator_words(streams), stream=True, query=query)


def simulator_words(streams: Streams) -> str:
    """The message of a chat that is answered by so many events: a word is one, and the finish chunk is the last one."""
    return " ".join(f"w{number}" for number in range(streams.events - len(LEAD) - 1))


def _peer_stream(streams: Streams) -> bytes:
    return get(f"/stream?count={streams.events}&gap={streams.gap:g}&size={streams.size}")


def _peer(name: str, title: str, module: str, *needs: str) -> Server:
    def command(port: int) -> list[str]:
        return [sys.executable, "-m", f"benchmarks.peers.{module}", str(port)]

    return Server(name, title, command, _peer_stream, get("/weather?city=Paris"), modules(*needs))


def _floor_command(port: int) -> list[str]:
    return [str(machine.compiled("floor_server.c")), str(port)]


SIMULATOR = Server(
    "simulator",
    "oagw-tornado",
    _simulator_command,
    _simulator_stream,
    get(proxied("weather/current?city=Paris")),
    words_from=len(LEAD),
    settling=1.5,
    timing="/_sim/timing",
    requests={
        "chat": chat("hello", stream=False),
        "calculator": post(proxied("calculator/calculate"), {"operation": "add", "a": 15, "b": 27}),
    },
)
FLOOR = Server(
    "floor", "C, one `write()` per event", _floor_command, _peer_stream, get("/weather?city=Paris"), _no_compiler
)
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


def wait_until_healthy(
    process: subprocess.Popen[bytes], port: int, limit: float = 30.0, request: bytes = get("/health")
) -> None:
    """Return with the first healthy reply."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        with suppress(OSError):
            if ask(port, request, limit).startswith(b"HTTP/1.1 200 "):
                return
        if process.poll() is not None:
            raise Wrong(f"{process.args!r} ended with {process.returncode} instead of starting")
        time.sleep(0.001)
    raise Wrong(f"{process.args!r} was not healthy within {limit:g} s")


def ask(port: int, request: bytes, limit: float = 30.0) -> bytes:
    """The first of what comes back for a request."""
    with socket.create_connection((HOST, port), timeout=limit) as connection:
        connection.sendall(request)
        return connection.recv(65536)


@contextmanager
def running(
    server: Server, processor: int | None = None, streams: Streams = Streams(5, 0.05)
) -> Iterator[tuple[int, int]]:
    """A server's port and process id while it runs, on one processor if that is given, ready to play `streams`."""
    port = free_port()
    with machine.on_processor(processor):
        process = spawn([*server.command(port), *server.pace(streams)])
    try:
        wait_until_healthy(process, port, request=server.health)
        server.prepare(port, [warm_up(server, streams), streams])
        yield port, process.pid
    finally:
        end(process)


def warm_up(server: Server, streams: Streams) -> Streams:
    """A short stream to be played before those that are measured."""
    return Streams(5, streams.gap if server.has_fixed_pace else 0.001)


def spawn(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        cwd=machine.HERE.parent,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill a server and all that it has started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
