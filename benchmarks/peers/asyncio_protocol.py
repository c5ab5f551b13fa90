"""A bare asyncio protocol on uvloop: no parser to speak of, `call_at` per event, `transport.write`.

What a framework costs is what it costs above this. ``python -m benchmarks.peers.asyncio_protocol PORT``
"""

from __future__ import annotations

import asyncio
import sys
from typing import cast
from urllib.parse import parse_qs

import orjson
import uvloop

from benchmarks.peers.payload import wanted, weather

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


class Protocol(asyncio.Protocol):
    transport: asyncio.Transport
    rest = b""
    gap = 0.0
    left = 0
    due = 0.0
    chunk = b""
    paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        *requests, self.rest = (self.rest + data).split(b"\r\n\r\n")
        for request in requests:
            path, _, query = request.split(b" ", 2)[1].decode().partition("?")
            if path == "/stream":
                self.left, self.gap, event = wanted(query)
                self.chunk = b"%x\r\n%b\r\n" % (len(event), event)
                self.transport.write(HEAD)
                self.due = asyncio.get_running_loop().time()
                self.step()
            else:
                body = orjson.dumps(weather(parse_qs(query).get("city", ["Unknown"])[0]))
                self.transport.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
                    % (len(body), body)
                )

    def step(self) -> None:
        if self.paused:
            return
        self.transport.write(self.chunk)
        self.left -= 1
        if self.left:
            self.due += self.gap
            asyncio.get_running_loop().call_at(self.due, self.step)
        else:
            self.transport.write(b"0\r\n\r\n")

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        if self.left:
            self.step()


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Protocol, "127.0.0.1", int(sys.argv[1]), backlog=4096)
    await server.serve_forever()


uvloop.run(main())
