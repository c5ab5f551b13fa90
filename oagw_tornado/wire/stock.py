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

from oagw_tornado.wire.connection import Delegate, ReplyConnection

# How long a connection is read on after its last reply, and how much, so that a client which is still sending gets
# to see the reply rather than a reset (RFC 9112, section 9.6).
LINGER_TIME = 2.0
LINGER_BYTES = 64 << 20
# Tornado closes without a word on a head over its limit; up to so many times ours it is read, and refused.
HEAD_ROOM = 16
# How long the body of a request may take to arrive.
BODY_TIMEOUT = 600.0
_RESET = struct.pack("ii", 1, 0)


class StockConnection(ReplyConnection):
    """The reply to one request that tornado has read."""

    def __init__(self, connection: HTTP1Connection, server: StockServer) -> None:
        super().__init__()
        self._connection = connection
        self._stream: IOStream = connection.stream
        self._server = server
        self._over = False
        # True once the whole request has arrived.
        self.is_read = False
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
            # It may have been before anybody asked to be told.
            self._stream.io_loop.add_callback(self._closed)
            return False
        written = self._stream.write(data)
        if self._stream.closed():
            return False  # tornado has found out that the client has gone
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
        if not self.is_read:
            self._linger()
        elif self.keep_alive:
            self._connection.finish()
        else:
            self._stream.close()

    def _linger(self) -> None:
        # Tornado reads on, and `_Reading` drops what comes.
        self._stream.socket.shutdown(socket.SHUT_WR)
        self._stream.io_loop.call_later(LINGER_TIME, self._stream.close)

    def close(self) -> None:
        if self._stream.writing():
            self._when_written(self._stream.close)
        else:
            self._stream.close()

    def _when_written(self, act: Callable[[], None]) -> None:
        def written(future: asyncio.Future[None]) -> None:
            self._server.sending -= 1
            if future.exception() is None:
                act()

        self._server.sending += 1
        self._stream.write(b"").add_done_callback(written)

    def reset(self) -> None:
        if not self._stream.closed():
            self._stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._stream.close()

    @property
    def is_open(self) -> bool:
        return not self._stream.closed()

    @property
    def client(self) -> str:
        return self._client


class StockServer(httputil.HTTPServerConnectionDelegate):
    """All connections of one listening server. Times in seconds, sizes in bytes."""

    def __init__(
        self,
        delegate: Delegate,
        *,
        max_header_size: int,
        max_body_size: int,
        header_timeout: float,
        idle_timeout: float,
    ) -> None:
        self.delegate = delegate
        self.draining = False
        self.max_header_size = max_header_size
        # Tornado has one time for a connection that waits and one that sends its head.
        self._server = HTTPServer(
            self,
            max_header_size=max_header_size * HEAD_ROOM,
            body_timeout=BODY_TIMEOUT,
            # The gateway refuses a body that is too large, with 413; tornado would say 400.
            max_body_size=1 << 62,
            idle_connection_timeout=idle_timeout or None,
        )
        # Connections whose clients have yet to read the end of a reply.
        self.sending = 0

    async def listen(self, sockets: list[socket.socket], backlog: int) -> None:
        """Serve what arrives on these bound sockets."""
        for sock in sockets:
            sock.listen(backlog)
            sock.setblocking(False)
        self._server.add_sockets(sockets)

    def start_request(self, server_conn: object, request_conn: httputil.HTTPConnection) -> httputil.HTTPMessageDelegate:
        assert isinstance(request_conn, HTTP1Connection)
        connection = StockConnection(request_conn, self)
        return _Reading(self, self.delegate.start_request(server_conn, connection), connection)

    def on_close(self, server_conn: object) -> None:
        self.delegate.on_close(server_conn)

    @property
    def is_sending(self) -> bool:
        """Whether a client has yet to read the end of a reply that is over for us."""
        return self.sending > 0

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
        # Bytes of body that came after the reply.
        self._dropped = 0

    def headers_received(
        self, start_line: httputil.RequestStartLine | httputil.ResponseStartLine, headers: httputil.HTTPHeaders
    ) -> None:
        assert isinstance(start_line, httputil.RequestStartLine)
        connection = self._connection
        if not connection.is_open:
            # Tornado goes on with what it has read from a client that has left.
            connection._over = True
            return
        connection.method = start_line.method
        connection.version = start_line.version
        connection.keep_alive = _persists(start_line, headers) and not self._server.draining
        size = len(start_line.path) + sum(len(name) + len(value) + 4 for name, value in headers.get_all())
        limit = self._server.max_header_size
        if size > limit:
            connection.keep_alive = False
            refusal = f"Request header fields too large: more than {limit} bytes"
            self._server.delegate.refuse(connection, 431, refusal)
            return
        self._delegate.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> None:
        if not self._connection._over:
            self._delegate.data_received(chunk)
            return
        self._dropped += len(chunk)
        if self._dropped > LINGER_BYTES:
            self._connection.close()

    def finish(self) -> None:
        self._connection.is_read = True
        if not self._connection._over:
            self._delegate.finish()
        else:
            self._connection.close()

    def on_connection_close(self) -> None:
        if not self._connection._over:
            self._delegate.on_connection_close()


def _persists(start_line: httputil.RequestStartLine, headers: httputil.HTTPHeaders) -> bool:
    """Whether the connection may go on after this request, as tornado decides it too (RFC 9112, section 9.3)."""
    wanted = headers.get("Connection", "").lower()
    if start_line.version == "HTTP/1.1":
        return "close" not in wanted
    framed = start_line.method in ("GET", "HEAD") or "Content-Length" in headers or "Transfer-Encoding" in headers
    return wanted == "keep-alive" and framed
