"""Servers of another make than ours, the real upstreams of tests: aiohttp's, and one that says what it is told."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256

from aiohttp import web


class Seen:
    """What became of its replies."""

    def __init__(self) -> None:
        self.streams: list[web.StreamResponse] = []  # under way
        self.left = threading.Event()  # a stream is over
        self.sent = 0  # bytes of the last large one


SEEN = web.AppKey("seen", Seen)


async def echo(request: web.Request) -> web.Response:
    """What arrived, as JSON."""
    digest, size = sha256(), 0
    async for piece in request.content.iter_any():
        digest.update(piece)
        size += len(piece)
    headers = [[name, value] for name, value in request.headers.items()]
    document = {"method": request.method, "target": request.raw_path, "headers": headers, "size": size}
    return web.json_response({**document, "sha256": digest.hexdigest()}, headers={"X-Request-Id": "theirs"})


async def stream(request: web.Request) -> web.StreamResponse:
    """So many events, a gap apart: ``?n=5&gap=0.01``. With ``end=open`` it says ``[DONE]`` and nothing more."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    request.app[SEEN].streams.append(response)
    try:
        for number in range(int(request.query.get("n", "5"))):
            await response.write(b'data: {"n": %d}\n\n' % number)
            await asyncio.sleep(float(request.query.get("gap", "0.005")))
        await response.write(b"data: [DONE]\n\n")
        if request.query.get("end") == "open":
            await asyncio.sleep(60)
    finally:
        request.app[SEEN].streams.remove(response)
        request.app[SEEN].left.set()
    return response


async def said(request: web.Request) -> web.StreamResponse:
    """The body of the request as a stream of events, by whatever path; ``?type=`` is its media type."""
    body = await request.read()
    response = web.StreamResponse(headers={"Content-Type": request.query.get("type", "text/event-stream")})
    await response.prepare(request)
    end = b"\n\n" if b"\n\n" in body else b"\n"
    for event in body.removesuffix(end).split(end):
        await response.write(event + end)
        await asyncio.sleep(0.002)
    return response


async def status(request: web.Request) -> web.Response:
    """``/status/429``, with headers that matter."""
    code = int(request.match_info["code"])
    headers = [("Retry-After", "7"), ("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=2"), ("X-OAGW-Error-Source", "x")]
    headers += [("Location", "http://127.0.0.1:9/elsewhere")] if 300 <= code < 400 and code != 304 else []
    headers += [("Connection", "X-Own"), ("X-Own", "hop"), ("Keep-Alive", "timeout=9"), ("X-Sim-Fault", "reset")]
    text = None if code in (204, 304) else f'{{"status": {code}}}'
    response = web.Response(status=code, text=text, content_type="application/json" if text else None)
    for name, value in headers:
        response.headers.add(name, value)
    return response


async def packed(request: web.Request) -> web.Response:
    """Bytes that say they are compressed; nobody on the way is to look."""
    return web.Response(body=b"\x1f\x8b not really", headers={"Content-Encoding": "gzip"})


async def large(request: web.Request) -> web.StreamResponse:
    """So many bytes: ``?size=1000000``."""
    size = int(request.query["size"])
    response = web.StreamResponse(headers={"Content-Length": str(size)})
    await response.prepare(request)
    request.app[SEEN].sent = 0
    while size and request.method != "HEAD":
        piece = min(size, 65536)
        await response.write(b"x" * piece)
        request.app[SEEN].sent += piece
        size -= piece
    return response


def application() -> web.Application:
    app = web.Application(client_max_size=2**40)
    app[SEEN] = Seen()
    app.router.add_route("*", "/base/stream", stream)
    app.router.add_route("*", "/base/said/{path:.*}", said)
    app.router.add_route("*", "/base/status/{code}", status)
    app.router.add_route("*", "/base/packed", packed)
    app.router.add_route("*", "/base/large", large)
    app.router.add_route("*", "/{path:.*}", echo)
    return app


class AiohttpServer:
    """An aiohttp server in a thread, and what it has `seen`."""

    def __init__(self, ssl_context: object = None) -> None:
        self.app = application()
        self.seen = self.app[SEEN]
        self._ssl = ssl_context
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def __enter__(self) -> AiohttpServer:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.call_soon_threadsafe(self._ending.set)
        self._thread.join(10)

    async def _serve(self) -> None:
        self._loop, self._ending = asyncio.get_running_loop(), asyncio.Event()
        runner = web.AppRunner(self.app, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self._ssl)  # type: ignore[arg-type]
        await site.start()
        self.port = runner.addresses[0][1]
        self._ready.set()
        await self._ending.wait()
        await runner.cleanup()


Say = Callable[[socket.socket], None]


@contextmanager
def saying(say: Say) -> Iterator[int]:
    """The port of a server that reads a head from each connection and then does what `say` does."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

        def answer(connection: socket.socket) -> None:
            with connection:
                connection.settimeout(10)
                try:
                    received = b""
                    while b"\r\n\r\n" not in received:
                        received += connection.recv(65536)
                    say(connection)
                except OSError:
                    pass

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def reset(connection: socket.socket) -> None:
    """End a connection by a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
