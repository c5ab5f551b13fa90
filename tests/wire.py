"""A server whose insides a test can see, and a client that writes and reads HTTP/1.1 by hand."""

from __future__ import annotations

import asyncio
import errno
import json
import socket
import struct
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import Any, NamedTuple, Self, TypeVar

import pytest
from raw_http import TOKEN, dial

from oagw_tornado.simulator import Simulator
from oagw_tornado.testing import SimulatorThread

T = TypeVar("T")

PROXY = "/api/oagw/v1/proxy"
CHAT = f"{PROXY}/openai/v1/chat/completions"
WEATHER = f"{PROXY}/weather/current"
EVENTS = f"{PROXY}/stream-test/events"
AUTHORIZED = f"Authorization: Bearer {TOKEN}"


class VisibleServer(SimulatorThread):
    """A simulator in a thread, with the simulator itself at hand."""

    simulator: Simulator

    async def _serve(self, simulator: Simulator, started: Future[int]) -> None:
        self.simulator = simulator
        await super()._serve(simulator, started)

    def inside(self, look: Callable[[Simulator], T]) -> T:
        """What `look` says of the simulator, asked in its own thread."""

        async def ask() -> T:
            return look(self.simulator)

        return asyncio.run_coroutine_threadsafe(ask(), self._loop).result(10)

    def wait_until(self, look: Callable[[Simulator], bool], seconds: float = 5.0) -> None:
        """Wait for `look` to come true of the simulator."""
        deadline = time.monotonic() + seconds
        while not self.inside(look):
            assert time.monotonic() < deadline, "it did not come true in time"
            time.sleep(0.005)

    @property
    def open_connections(self) -> int:
        """How many connections the server holds, whichever engine has them."""
        return self.inside(lambda simulator: simulator._server.open_connections if simulator._server else 0)


@contextmanager
def serving(wire: str, **options: Any) -> Iterator[VisibleServer]:
    """A server on this engine and loop. What it logs of uncaught exceptions fails the test."""
    engine, loop = wire.split("-")
    if find_spec(loop) is None:
        pytest.skip(f"{loop} is not installed")
    with VisibleServer(http_server=engine, loop=loop, **options) as server:
        yield server
        errors = server.take_errors()
        assert not errors, errors


class WireReply(NamedTuple):
    """One reply, its body without framing."""

    version: str
    status: int
    headers: dict[str, str]
    body: bytes
    chunks: list[bytes]
    """The body as it was cut on the wire, if it came in chunks."""

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        """What a chat stream says."""
        events = [event[6:] for event in self.body.decode().split("\n\n") if event.startswith("data: {")]
        return "".join(json.loads(event)["choices"][0]["delta"].get("content") or "" for event in events)


def end_sending(connection: socket.socket) -> None:
    """Close the sending side, unless the peer has reset the connection: then it is not connected any more."""
    with suppress(ConnectionResetError, BrokenPipeError):
        try:
            connection.shutdown(socket.SHUT_WR)
        except OSError as error:
            if error.errno != errno.ENOTCONN:
                raise


class Client:
    """One connection. Its reads fail after `patience` seconds of silence."""

    def __init__(self, port: int, patience: float = 15.0) -> None:
        self.socket = dial(port, patience)
        self._file = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()
        self.socket.close()

    def reset(self) -> None:
        """Leave with a TCP RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def send(self, data: bytes) -> Self:
        self.socket.sendall(data)
        return self

    def end_sending(self) -> Self:
        """No more comes from this side. A server that has closed already need not be told."""
        end_sending(self.socket)
        return self

    def head(self) -> tuple[str, int, dict[str, str]]:
        """Version, status and headers of the reply that comes; names in lower case."""
        line = self._file.readline()
        assert line, "the connection ended where a reply should have begun"
        version, status, _ = line.decode("latin-1").split(" ", 2)
        headers: dict[str, str] = {}
        while (line := self._file.readline()).strip():
            name, _, value = line.decode("latin-1").partition(":")
            assert name.lower() not in headers, f"{name} is there twice"
            headers[name.lower()] = value.strip()
        return version, int(status), headers

    def status_line(self) -> str:
        """The first line of the reply that comes."""
        return self._file.readline().decode("latin-1").rstrip()

    def head_lines(self) -> list[str]:
        """All lines of a head, as they are; the body of such a reply is read away."""
        lines = [line.decode("latin-1").rstrip() for line in iter(self._file.readline, b"\r\n")]
        lengths = [int(line.partition(":")[2]) for line in lines if line.lower().startswith("content-length:")]
        self.read(sum(lengths))
        return lines

    def reply_body(self) -> bytes:
        """The body of a reply whose status line has been read, by its length."""
        length = 0
        while (line := self._file.readline()).strip():
            name, _, value = line.decode("latin-1").partition(":")
            length = int(value) if name.lower() == "content-length" else length
        return self.read(length)

    def reply(self, method: str = "GET") -> WireReply:
        """The next reply, which is one to `method`."""
        version, status, headers = self.head()
        if method == "HEAD" or status in (204, 304) or status < 200:
            return WireReply(version, status, headers, b"", [])
        if headers.get("transfer-encoding") == "chunked":
            chunks = list(iter(self.chunk, b""))
            return WireReply(version, status, headers, b"".join(chunks), chunks)
        if "content-length" in headers:
            return WireReply(version, status, headers, self.read(int(headers["content-length"])), [])
        return WireReply(version, status, headers, self._file.read(), [])

    def chunk(self) -> bytes:
        """The data of the next chunk; empty for the one that ends the body."""
        size = int(self._file.readline(), 16)
        data = self.read(size)
        assert self._file.readline() == b"\r\n"
        return data

    def rest_of_body(self) -> bytes:
        """The data of all chunks that are still to come."""
        return b"".join(iter(self.chunk, b""))

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        assert len(data) == size, "the connection ended in the middle of a body"
        return data

    def rest(self) -> bytes:
        """All that comes until the server closes."""
        return self._file.read()

    def is_kept(self) -> bool:
        """Whether the connection serves another request."""
        try:
            return self.send(get("/health")).reply().status == 200
        except (AssertionError, OSError):
            return False


def get(target: str, *lines: str, method: str = "GET", version: str = "1.1") -> bytes:
    """A request without a body, authorized unless `lines` say otherwise."""
    return render(target, *lines, method=method, version=version)


def post(target: str, body: Any, *lines: str, version: str = "1.1") -> bytes:
    """A request with a body: bytes as they are, anything else as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return render(target, f"Content-Length: {len(content)}", *lines, method="POST", version=version) + content


def render(target: str, *lines: str, method: str, version: str = "1.1") -> bytes:
    given = ["Host: localhost", *lines]
    if not any(line.lower().startswith("authorization:") for line in lines):
        given.append(AUTHORIZED)
    return "\r\n".join([f"{method} {target} HTTP/{version}", *given, "", ""]).encode("latin-1")


def chunked(
    target: str, *pieces: bytes, trailer: bytes = b"", lines: tuple[str, ...] = (), version: str = "1.1"
) -> bytes:
    """A POST whose body is sent in these chunks."""
    framed = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    head = render(target, "Transfer-Encoding: chunked", *lines, method="POST", version=version)
    return head + framed + b"0\r\n" + trailer + b"\r\n"


def chat(text: str = "one two three", **more: Any) -> dict[str, Any]:
    """A streamed completion of six words and a finish: eight events."""
    return {"stream": True, "messages": [{"role": "user", "content": text}], **more}


STREAM = post(CHAT, chat())
STREAM_TEXT = "Streaming response to: one two three "
