"""Tornado's stream, made to read heads by our grammar, keep our deadlines and recognise a half-closed client.

Tornado's own layer is lenient about heads, answers bad ones with a bare 400 or by closing, and takes a half-close for
the departure of the client. This file changes that below Tornado: it shows Tornado heads that say only how
the body is framed. Everything that touches Tornado's private parts is in this file.
"""

from __future__ import annotations

import socket
from asyncio import Future, get_running_loop
from collections.abc import Awaitable
from time import monotonic
from typing import Any, Protocol

from tornado.iostream import IOStream, StreamClosedError

from oagw_tornado.wire.connection import Delegate
from oagw_tornado.wire.deadlines import LEAST_RATE, LINGER_BYTES, TimeoutQueue, end_wait
from oagw_tornado.wire.head import CHUNKED, Head, Limits, Refused, check_start, parse_head, too_large
from oagw_tornado.wire.server import Server

# The first byte of a head, or a run of other bytes, which is examined only once.
_FIRST_BYTE = rb"[^\r\n]|[\r\n]{4096}"
_HEAD_END = rb"\n\r?\n"
# What tornado says of a body that is not framed as its head says.
_BAD_BODY = b"HTTP/1.1 400 Bad Request\r\n\r\n"


class _Over:
    """In the place of a reply on a connection that is gone."""

    is_over = True
    is_awaited = False

    def refuse(self, refused: Refused) -> None:
        pass

    def connection_over(self) -> None:
        pass


OVER = _Over()


class RequestStream(IOStream):
    """The stream of one connection. `reply` is the one to the request that is read next or answered."""

    reply: StreamReply = OVER
    # Whose connection it is, if a PROXY header said so.
    passed_on = ""
    # True if it ends by a reset.
    is_reset = False

    def __init__(self, connection: socket.socket, server: StreamServer, **options: Any) -> None:
        self.timeout_queue: TimeoutQueue | None = None
        self._server = server
        self.number = server.next_number()
        # The head that tornado is about to hear of.
        self.head: Head | None = None
        # While a head is read: what began it and was taken already.
        self._first_byte: bytes | None = None
        # Bytes of body since the timeout was started, and bytes read once the connection lingers.
        self._body_size = 0
        self._lingered = -1
        self._linger_over: Future[None] | None = None
        # True once the client has ended its side, and how much it had sent then that nobody has looked at.
        self._has_ended = False
        self._left_over = 0
        # When the last request had arrived.
        self.asked_at = 0.0
        # When it was accepted, until something is read, and when what was read last can have been there.
        self._accepted: tuple[float, float] | None = server.turn.accepted
        self.readable_since = 0.0
        # Last: over TLS it begins to wait for its client from here.
        super().__init__(connection, **options)

    # Heads. Tornado reads nothing else with a regular expression.

    def read_until_regex(self, regex: bytes, max_bytes: int | None = None) -> Awaitable[bytes]:
        return self._read_head()

    async def _read_head(self) -> bytes:
        server = self._server
        self._begin(server.deadlines.idle)
        first = b"\n"
        while first in b"\r\n":
            first = (await super().read_until_regex(_FIRST_BYTE))[-1:]
        self._begin(server.deadlines.head)
        self._first_byte = first
        self._check_head()
        rest = await super().read_until_regex(_HEAD_END)
        self._first_byte = None
        if self._lingered < 0:
            end_wait(self)
            try:
                self.head = head = parse_head(first + rest, server.limits)
                return self._framing(head)
            except Refused as refused:
                self.reply.refuse(refused)
        # Tornado gets nothing more from this connection.
        await self.read_until_close()
        raise StreamClosedError

    def _begin(self, timeout_queue: TimeoutQueue) -> None:
        """Wait no longer than `timeout_queue`. Tornado goes on with what it has read from a client that has left, which
        would be kept here, with all that it asked, until its time is over."""
        if not self.closed():
            timeout_queue.begin(self)

    def _framing(self, head: Head) -> bytes:
        """A head that has tornado read the body, and leaves all else to us."""
        self._body_size = 0
        if head.length == CHUNKED:
            framing = b"Transfer-Encoding: chunked"
        else:
            framing = b"Content-Length: %d" % head.length
        if head.length:
            self._begin(self._server.deadlines.body)
        return b"POST / HTTP/1.1\r\n%b\r\n\r\n" % framing

    def _check_head(self) -> None:
        """Refuse a head that is not whole and can not become one."""
        if self._first_byte is None or self._lingered >= 0:
            return
        buffer = self._read_buffer
        try:
            check_start(self._first_byte + bytes(buffer[:64]), 0)
            limits = self._server.limits
            size = self._read_buffer_size
            if size >= limits.max_header_size and buffer.find(b"\n\r\n") < 0 and buffer.find(b"\n\n") < 0:
                raise too_large(limits)
        except Refused as refused:
            self.reply.refuse(refused)

    def read_from_fd(self, buf: bytearray | memoryview) -> int | None:
        turn = self._server.turn
        turn.enter()
        if self.closed():  # what was due has left first, and found that the client has gone
            return None
        size = super().read_from_fd(buf)
        if size:
            self.readable_since = turn.since if self._accepted is None else turn.waited_since(self._accepted)
            self._accepted = None
        if self._lingered >= 0 and size:
            self._lingered += size
            return None if self._lingered <= LINGER_BYTES else 0
        if size == 0 and self.reply.is_awaited:
            if not self._has_ended:
                self._has_ended = True
                self._server.client_ended(self, self.asked_at)
            return None
        if size == 0 and self._left_over != self._read_buffer_size > 0:
            # The rest of a request may have come with the end: it is looked at first, and the end is seen again.
            self._left_over = self._read_buffer_size
            self._check_head()
            return None
        if size is None or self._read_buffer_size > self._server.limits.max_header_size:
            self._check_head()
        return size

    # Bodies.

    def _check_max_bytes(self, delimiter: bytes | Any, size: int) -> None:
        # Only the line of a chunk's size has a limit. Tornado would close without a word.
        if self._read_max_bytes is not None and size > self._read_max_bytes:
            self.reply.refuse(
                Refused(400, f"Bad request: the line of a chunk's size has over {self._read_max_bytes} bytes")
            )

    def body_arrived(self, size: int) -> None:
        self._body_size += size

    def await_body(self) -> None:
        """More of the body is waited for, as from its beginning."""
        self._body_size = 0
        self._begin(self._server.deadlines.body)

    def request_arrived(self) -> None:
        """The request is whole."""
        end_wait(self)
        self.asked_at = monotonic()

    def write(self, data: bytes | memoryview) -> Future[None]:
        if data == _BAD_BODY:
            # Tornado closes as soon as this has left, but the client may still be sending.
            self.reply.refuse(Refused(400, "Bad request: the body is not framed as its head says"))
            self._linger_over = get_running_loop().create_future()
            return self._linger_over
        return super().write(data)

    @property
    def unsent(self) -> int:
        """Bytes that the kernel has not taken yet."""
        return len(self._write_buffer)

    # Time, and the ends of both sides.

    def time_out(self, timeout_queue: TimeoutQueue) -> None:
        deadlines = self._server.deadlines
        if timeout_queue is deadlines.body and self._body_size >= LEAST_RATE * timeout_queue.seconds:
            # A large body on a slow line.
            self._body_size = 0
            timeout_queue.begin(self)
        elif timeout_queue is deadlines.idle or timeout_queue is deadlines.linger or self.reply.is_over:
            self.close()
        else:
            self.reply.refuse(Refused(408, "Request timeout: the request did not arrive in time"))

    def linger(self) -> None:
        """Nothing more is sent; what the client still sends is read and dropped for a while."""
        if self.closed() or self._lingered >= 0:
            return
        self._lingered = 0
        self._server.deadlines.linger.begin(self)
        try:
            self.end_sending()
        except OSError:
            self.close()  # the client has reset the connection

    def end_sending(self) -> None:
        """Say that nothing more is sent."""
        self.socket.shutdown(socket.SHUT_WR)

    def abort(self) -> None:
        """The client is gone."""
        self.close()

    def close(self, exc_info: Any = False) -> None:
        end_wait(self)
        self._server.forget(self)
        super().close(exc_info)
        # What refers to this stream, and would wait for the collector with all that was asked and answered.
        self.reply, reply = OVER, self.reply
        reply.connection_over()
        if isinstance(self.error, BaseException):
            self.error.__traceback__ = None
        if self._linger_over is not None and not self._linger_over.done():
            self._linger_over.set_result(None)

    # A client that has ended its side is readable for ever.

    def _handle_events(self, fd: Any, events: int) -> None:
        super()._handle_events(fd, events)
        self._ignore_end()

    def _add_io_state(self, state: int) -> None:
        super()._add_io_state(state)
        self._ignore_end()

    def _ignore_end(self) -> None:
        state = self._state
        if self._has_ended and state is not None and state & self.io_loop.READ and not self.reading():
            self._state = state & ~self.io_loop.READ
            self.io_loop.update_handler(self.fileno(), self._state)


class StreamReply(Protocol):
    """The reply to one request, as the stream that reads it knows it."""

    is_over: bool

    @property
    def is_awaited(self) -> bool:
        """True while a client that has sent its request, and no more, waits for the reply."""

    def refuse(self, refused: Refused) -> None:
        """Answer an invalid request."""

    def connection_over(self) -> None:
        """The connection is gone."""


class StreamServer(Server):
    """All streams of one listening server."""

    def __init__(self, delegate: Delegate, limits: Limits) -> None:
        super().__init__(delegate, limits)
        self.streams: set[RequestStream] = set()

    @property
    def open_connections(self) -> int:
        return len(self.streams)

    @property
    def open_numbers(self) -> set[int]:
        return {stream.number for stream in self.streams}

    def forget(self, stream: RequestStream) -> None:
        """This connection is over."""
        self.streams.discard(stream)
        self.half_closed.pop(stream, None)
