"""The stock engine: tornado's own `HTTPServer`, with the same heads below it and the same replies on top of it.

It proves that the handlers are plain Tornado. Tornado drives the connection and reads the bodies; heads, framing
and the order of bytes are handled by the same code as on the fast engine.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tornado import httputil
from tornado.http1connection import HTTP1Connection
from tornado.httpserver import HTTPServer
from tornado.iostream import SSLIOStream

from oagw_tornado.wire.connection import DROPPED_BYTES, UNIX, Delegate, ReplyConnection
from oagw_tornado.wire.deadlines import end_wait
from oagw_tornado.wire.head import CHUNKED, Limits, Refused
from oagw_tornado.wire.request_stream import RequestStream, StreamServer

if TYPE_CHECKING:
    from oagw_tornado.wire.tls import TlsTerms

_RESET = struct.pack("ii", 1, 0)


class StockConnection(ReplyConnection):
    """The reply to one request that tornado has read."""

    def __init__(self, connection: HTTP1Connection, server: StockServer) -> None:
        super().__init__()
        self._connection = connection
        assert isinstance(connection.stream, RequestStream)
        self._stream = connection.stream
        self._server = server
        self.number = self._stream.number
        self.is_over = False  # the reply is
        self.is_read = False  # the whole request has arrived
        self._about: object = None  # what a whole reply is about that has not left yet
        # Who is told what arrives of the request; None once that is over. Each knows the other: what is kept of a
        # request would wait for the collector.
        self.reading: _Reading | None = None
        self.body_held: asyncio.Future[None] | None = None  # tornado waits for it before it reads on in the body
        # Tornado turns Nagle's algorithm on again after each request, which holds events back for 40 ms.
        self._stream.set_nodelay(True)
        self._client: str = self._stream.passed_on or getattr(connection.context, "remote_ip", "")
        if not self._stream.passed_on and getattr(connection.context, "address_family", None) == socket.AF_UNIX:
            self._client = UNIX  # tornado has no word for one
        # Tornado reports a client that leaves to this one, and tells nobody whether bytes still wait.
        connection.set_close_callback(self._closed)

    @property
    def is_awaited(self) -> bool:
        """True while a client that has sent its request, and no more, waits for the reply."""
        return self.is_read and (not self.is_over or self._stream.writing())

    def _lose(self) -> None:
        """What was sent whole and has not left is lost."""
        about, self._about = self._about, None
        if about is not None:
            self._server.delegate.lost(about)

    def send_whole(self, status: int, fields: bytes, body: bytes, about: object = None) -> None:
        head = self.render_head(status, fields, len(body))
        self._about = about
        if self.send(head if self.bodiless else head + body):
            self._about = None
        elif self._stream.closed():
            self._lose()
        self.end_sent()

    def _closed(self) -> None:
        self.go_on_with_body()
        self._lose()
        callback, self.close_callback = self.close_callback, None
        if callback is not None:
            callback()
        drained, self.drained = self.drained, None
        if drained is not None:
            drained()

    @property
    def asked_at(self) -> float:
        return self._stream.asked_at

    @property
    def readable_since(self) -> float:
        return self._stream.readable_since

    @property
    def socket(self) -> Any:
        return self._stream.socket

    def send(self, data: bytes) -> bool:
        if self._stream.closed():
            # That may have happened before anybody asked to be told.
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
            self._lose()
            return
        self._about = None
        drained, self.drained = self.drained, None
        if drained is not None:
            drained()

    @property
    def unsent(self) -> int:
        return self._stream.unsent

    @property
    def unread(self) -> int | None:
        return None if self._stream.closed() else self._server.queues.unread(self._stream.socket)

    def hold_body(self) -> None:
        if self.body_held is None and not self.is_read:
            self.body_held = self._server.loop.create_future()
            end_wait(self._stream)  # the client is not to blame for the time that this takes

    def go_on_with_body(self) -> None:
        held, self.body_held = self.body_held, None
        if held is not None:
            if not self._stream.closed():
                self._stream.await_body()
            held.set_result(None)

    def end_sent(self) -> None:
        if self.is_over:
            return
        self.is_over = True
        self.go_on_with_body()
        self.close_callback = None
        if self._server.draining:
            self.keep_alive = False
        if not self._stream.writing():
            self._finish()
        else:
            # Finished at once, tornado would close a connection that does not stay with these bytes still in it.
            self._when_written(self._finish)

    def _finish(self) -> None:
        if self.is_read or self._stream.closed():
            self.reading = None
        if self._stream.closed():
            return
        if not self.is_read:
            if not self.keep_alive and self.body_length:
                self._stream.linger()
        elif self.keep_alive:
            # Bytes of the next request waited for this reply, as HTTP requires, and not for us.
            self._stream.readable_since = time.monotonic()
            self._connection.finish()
        else:
            self._stream.linger()

    def read_off(self) -> None:
        """The body of a request that is answered already has arrived."""
        self.is_read = True
        if not self._stream.writing():
            self._finish()

    def refuse(self, refused: Refused) -> None:
        """Answer an invalid or incomplete request, and close."""
        self.keep_alive = False
        if self.is_over:
            self._stream.linger()
            return
        if self.reading is not None:
            self.reading.give_up()
        self.method, self.version = "GET", "HTTP/1.1"
        # This reply did not wait for its whole request, so the rest of what the client sends is read and dropped.
        self.is_read = False
        self.body_length = CHUNKED
        self._server.delegate.refuse(self, refused.status, refused.text)

    def connection_over(self) -> None:
        self.reading = None

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
            self._stream.is_reset = True
            self._stream.close()

    @property
    def is_open(self) -> bool:
        return not self._stream.closed()

    @property
    def client(self) -> str:
        return self._client

    @property
    def scheme(self) -> str:
        return "https" if isinstance(self._stream, SSLIOStream) else "http"

    @property
    def is_passed_on(self) -> bool:
        return self._stream.passed_on != ""


class StockServer(StreamServer, httputil.HTTPServerConnectionDelegate):
    """All connections of one listening server of the stock engine."""

    def __init__(self, delegate: Delegate, limits: Limits) -> None:
        super().__init__(delegate, limits)
        # What tornado would limit is limited below it, and above it: the gateway refuses a body that is too large.
        self._server = HTTPServer(self, max_body_size=1 << 62)
        self._server.conn_params.header_timeout = None
        # Connections whose clients have yet to read the end of a reply.
        self.sending = 0

    def take(self, connection: socket.socket, terms: TlsTerms | None = None, client: str | None = None) -> None:
        peer = connection.getpeername()
        stream = RequestStream(connection, self) if terms is None else self._over_tls(connection, terms)
        stream.passed_on = client or ""
        self.streams.add(stream)
        self._server.handle_stream(stream, peer)

    def _over_tls(self, connection: socket.socket, terms: TlsTerms) -> RequestStream:
        from oagw_tornado.wire.secure_stream import SecureRequestStream

        return SecureRequestStream(connection, self, terms.context)

    def start_request(self, server_conn: object, request_conn: httputil.HTTPConnection) -> httputil.HTTPMessageDelegate:
        assert isinstance(request_conn, HTTP1Connection)
        connection = StockConnection(request_conn, self)
        reading = _Reading(self, self.delegate.start_request(server_conn, connection), connection)
        stream = request_conn.stream
        assert isinstance(stream, RequestStream)
        if not stream.closed():  # tornado begins with the next request even then
            connection.reading = reading
            stream.reply = connection
        return reading

    def on_close(self, server_conn: object) -> None:
        self.delegate.on_close(server_conn)

    @property
    def is_sending(self) -> bool:
        return self.sending > 0

    def stop_accepting(self) -> None:
        super().stop_accepting()
        for stream in list(self.streams):
            if stream.timeout_queue is self.deadlines.idle or stream.timeout_queue is self.deadlines.head:
                stream.close()

    async def close(self) -> None:
        await super().close()
        for stream in list(self.streams):
            stream.close()
        await self._server.close_all_connections()


class _Reading(httputil.HTTPMessageDelegate):
    """Tells a connection the facts of its request before the delegate hears of it."""

    def __init__(
        self, server: StockServer, delegate: httputil.HTTPMessageDelegate, connection: StockConnection
    ) -> None:
        self._server = server
        self._delegate = delegate
        self._connection = connection
        # True while the delegate waits for the rest of the request.
        self._is_awaited = False
        # Bytes of body that came after the reply.
        self._dropped = 0

    def headers_received(
        self, start_line: httputil.RequestStartLine | httputil.ResponseStartLine, headers: httputil.HTTPHeaders
    ) -> None:
        connection = self._connection
        stream = connection._stream
        head, stream.head = stream.head, None
        if not connection.is_open or head is None:
            # Tornado continues with what it has read from a client that has left.
            connection.is_over = True
            return
        connection.method = head.method
        connection.version = head.version
        connection.keep_alive = head.keep_alive and not self._server.draining
        connection.body_length = head.length
        connection.expects_continue = head.length != 0 and head.expects_continue
        self._is_awaited = True
        self._delegate.headers_received(httputil.RequestStartLine(head.method, head.target, head.version), head.headers)
        if connection.expects_continue and not connection.is_over:
            connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def data_received(self, chunk: bytes) -> asyncio.Future[None] | None:
        connection = self._connection
        connection._stream.body_arrived(len(chunk))
        if not connection.is_over:
            self._delegate.data_received(chunk)
            return connection.body_held
        self._dropped += len(chunk)
        if self._dropped > DROPPED_BYTES:
            connection._stream.linger()
        return None

    def finish(self) -> None:
        connection = self._connection
        connection._stream.request_arrived()
        self._is_awaited = False
        if not connection.is_over:
            connection.is_read = True
            # Tornado has read all requests of this turn before the first is answered.
            self._server.turn.enter()
            self._delegate.finish()
        elif not connection.is_read:
            connection.read_off()

    def give_up(self) -> None:
        """The rest of the request does not come."""
        if self._is_awaited:
            self._is_awaited = False
            self._delegate.on_connection_close()

    def on_connection_close(self) -> None:
        if not self._connection.is_over:
            self.give_up()
