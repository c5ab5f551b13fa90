"""The stock engine: tornado's own `HTTPServer`, with the same replies on top of its streams.

It is what runs where httptools is not installed, and the proof that the handlers are plain tornado. Tornado parses
the requests; heads, framing and order of bytes are `ReplyConnection`'s here as there.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Any

from tornado import httputil
from tornado.http1connection import HTTP1Connection
from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream

from oagw_tornado.connection import ReplyConnection

_RESET = struct.pack("ii", 1, 0)


class StockConnection(ReplyConnection):
    """The reply to one request that tornado has read."""

    def __init__(self, connection: HTTP1Connection, server: StockServer) -> None:
        self._connection = connection
        self._stream: IOStream = connection.stream
        self._server = server
        self._over = False
        # Tornado turns Nagle's algorithm on again after each request, which holds events back for 40 ms.
        self._stream.set_nodelay(True)
        self._client: str = getattr(connection.context, "remote_ip", "")
        # Tornado reports a client that leaves to this one, and tells nobody whether bytes still wait.
        connection.set_close_callback(self._closed)

    def _closed(self) -> None:
        callback, self.close_callback = self.close_callback, None
        if callback is not None:
            callback()
        drained, self.drained = self.drained, None
        if drained is not None:
            drained()

    def send(self, data: bytes) -> bool:
        if self._stream.closed():
            return False
        written = self._stream.write(data)
        if not self._stream.writing():
            return True
        written.add_done_callback(self._written)
        return False

    def _written(self, future: Any) -> None:
        if future.cancelled() or future.exception() is not None:
            return
        drained, self.drained = self.drained, None
        if drained is not None:
            drained()

    def end_sent(self) -> None:
        if self._over:
            return
        self._over = True
        self.close_callback = None
        if self._server.draining:
            self.keep_alive = False
        if not self._stream.writing():
            self._finish()
        else:
            # Finished at once, tornado would close a connection that does not stay with these bytes still in it.
            self._when_written(self._finish)

    def _finish(self) -> None:
        if self._stream.closed():
            return
        if self.keep_alive:
            self._connection.finish()
        else:
            self._stream.close()

    def close(self) -> None:
        if self._stream.writing():
            self._when_written(self._stream.close)
        else:
            self._stream.close()

    def _when_written(self, act: Callable[[], None]) -> None:
        def written(future: asyncio.Future[None]) -> None:
            if future.exception() is None:
                act()

        self._stream.write(b"").add_done_callback(written)

    def reset(self) -> None:
        if not self._stream.closed():
            self._stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._stream.close()

    @property
    def client(self) -> str:
        return self._client


class StockServer(httputil.HTTPServerConnectionDelegate):
    """All connections of one listening server. Times in seconds, sizes in bytes."""

    def __init__(
        self,
        delegate: httputil.HTTPServerConnectionDelegate,
        *,
        max_header_size: int,
        max_body_size: int,
        header_timeout: float,
        idle_timeout: float,
    ) -> None:
        self._delegate = delegate
        self.draining = False
        # Tornado has one time for a connection that waits and one that sends its head.
        self._server = HTTPServer(
            self,
            max_header_size=max_header_size,
            # The gateway refuses a body that is too large, with 413; tornado would say 400.
            max_body_size=1 << 62,
            idle_connection_timeout=idle_timeout or None,
        )
        self._connections: set[object] = set()

    async def listen(self, sockets: list[socket.socket], backlog: int) -> None:
        """Serve what arrives on these bound sockets."""
        for sock in sockets:
            sock.listen(backlog)
            sock.setblocking(False)
        self._server.add_sockets(sockets)

    def start_request(self, server_conn: object, request_conn: httputil.HTTPConnection) -> httputil.HTTPMessageDelegate:
        assert isinstance(request_conn, HTTP1Connection)
        connection = StockConnection(request_conn, self)
        return _Reading(self, self._delegate.start_request(server_conn, connection), connection)

    def on_close(self, server_conn: object) -> None:
        self._delegate.on_close(server_conn)

    def stop_accepting(self) -> None:
        """Close the listening sockets; connections end with their reply."""
        self.draining = True
        self._server.stop()

    async def close(self) -> None:
        """End all at once."""
        self.stop_accepting()
        await self._server.close_all_connections()


class _Reading(httputil.HTTPMessageDelegate):
    """Tells a connection the facts of its request before the delegate hears of it."""

    def __init__(
        self, server: StockServer, delegate: httputil.HTTPMessageDelegate, connection: StockConnection
    ) -> None:
        self._server = server
        self._delegate = delegate
        self._connection = connection

    def headers_received(
        self, start_line: httputil.RequestStartLine | httputil.ResponseStartLine, headers: httputil.HTTPHeaders
    ) -> None:
        assert isinstance(start_line, httputil.RequestStartLine)
        connection = self._connection
        connection.method = start_line.method
        connection.version = start_line.version
        wanted = headers.get("Connection", "").lower()
        persistent = "close" not in wanted if start_line.version == "HTTP/1.1" else "keep-alive" in wanted
        connection.keep_alive = persistent and not self._server.draining
        self._delegate.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> None:
        if not self._connection._over:
            self._delegate.data_received(chunk)

    def finish(self) -> None:
        if not self._connection._over:
            self._delegate.finish()

    def on_connection_close(self) -> None:
        if not self._connection._over:
            self._delegate.on_connection_close()
