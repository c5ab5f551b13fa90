"""The fast engine: one HTTP/1.1 connection as an `asyncio.Protocol`, behind Tornado's own interfaces.

`tornado.httputil` defines the interface: a server passes each request to
`HTTPServerConnectionDelegate.start_request`, feeds the `HTTPMessageDelegate` that it gets, and is written to as an
`HTTPConnection`. This is the server side, without streams, futures and tasks. Requests are answered one after the other
(RFC 9112, section 9.3.2): the bytes after one wait unparsed until it has been answered. A reader belongs to one
connection, and exists only while bytes wait or a request is half read: ten thousand silent streams have none.
"""

from __future__ import annotations

import asyncio
import logging
from time import monotonic

from tornado import httputil

from oagw_tornado.wire.connection import DROPPED_BYTES
from oagw_tornado.wire.deadlines import LEAST_RATE, TimeoutQueue, end_wait
from oagw_tornado.wire.head import Head, Refused
from oagw_tornado.wire.known_heads import LONGEST
from oagw_tornado.wire.lingering import LingeringConnection
from oagw_tornado.wire.reader import RequestReader
from oagw_tornado.wire.socket_connection import SocketServer

log = logging.getLogger(__name__)

# Requests answered in one turn of the loop.
TURN = 32
# Bytes that may wait for their turn before reading stops: then the client can not be seen to leave.
MOST_WAITING = 256 * 2**10


class Http1Connection(LingeringConnection):
    """One connection: requests in, in order; one reply at a time out."""

    __slots__ = (
        "_delegate",
        "_reader",
        "_is_read",
        "_is_answered",
        "_is_busy",
        "_goes_on",
        "_body_size",
        "_asked_at",
        "_is_held",
    )

    def __init__(self, server: SocketServer) -> None:
        super().__init__(server)
        # The receiver of the body of the request that is being read; None if there is none.
        self._delegate: httputil.HTTPMessageDelegate | None = None
        # There only while bytes wait.
        self._reader: RequestReader | None = None
        # Of the last request: whether its body has arrived, and whether its reply is over. Both let the next one in.
        self._is_read = True
        self._is_answered = True
        # True while requests are handed out, so that a reply given at once does not do it again, deeper.
        self._is_busy = False
        # True if requests are handed out again in the next turn of the loop.
        self._goes_on = False
        # Bytes of the body so far: of the window under which its rate is looked at, or dropped behind the reply.
        self._body_size = 0
        # When the last request had arrived, or when the one before it was done.
        self._asked_at = 0.0
        self._is_held = False  # who gets the body takes no more of it

    @property
    def asked_at(self) -> float:
        return self._asked_at

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        server = self._server
        server.connections.add(self)
        server.deadlines.idle.begin(self)
        if server.draining:
            self.close()

    def data_received(self, data: bytes) -> None:
        self._server.turn.enter()
        if self._fd < 0 or self._lingered >= 0:
            if self._lingered >= 0:
                self._linger_on(len(data))
            return
        if self._reader is None and self._is_answered and self._is_read and not self._queued:
            # Nearly always: all of one request, and often one that came before.
            end = data.find(b"\r\n\r\n") + 4
            head = self._server.heads.find(data if end == len(data) else data[:end]) if end <= LONGEST else None
            if head is not None and head.length == len(data) - end:
                self._answer_known(head, data[end:])
                return
        self._go_on(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._reader = None
        server = self._server
        server.connections.discard(self)
        server.half_closed.pop(self, None)
        delegate, self._delegate = self._delegate, None
        self._let_go(delegate.on_connection_close if delegate is not None else None)
        server.delegate.on_close(self)

    def _tell_drained(self) -> None:
        if self._queued:
            return  # again
        super()._tell_drained()
        if self._is_read and self._is_answered:
            self._go_on()

    def _go_on(self, data: bytes = b"") -> None:
        """Go on with `data` and what has waited, and see what the connection waits for then. Never raises."""
        self._goes_on = False
        if self._is_busy:
            return
        self._is_busy = True
        if self._is_answered or not self._is_read:
            # The bytes read now had arrived by then: the time it takes to read them must not make the reply late.
            if data:
                self._asked_at = self._server.turn.now
            else:
                # It waited for the reply before it, by HTTP's own order, and for nothing of ours.
                self._asked_at = now = monotonic()
                self._accepted = (now, now)
        try:
            if data:
                reader = self._reader
                if reader is None:
                    self._reader = reader = RequestReader(self._server.limits, self._server.heads.parse)
                reader.feed(data)
            self._read_requests()
        except Refused as refused:
            self._refuse(refused.status, refused.text)
        except Exception:
            log.exception("a request could not be answered")
            self.abort()
        finally:
            self._is_busy = False
        if self._fd >= 0 and self._lingered < 0:
            self._await_more()

    def _begin(self, head: Head) -> None:
        self.method = head.method
        self.version = head.version
        self.keep_alive = head.keep_alive and not self._server.draining
        self.body_length = head.length
        self._is_answered = False

    def _answer_known(self, head: Head, body: bytes) -> None:
        """Hand on a whole request whose head came before. As `_go_on`, for most requests in a fraction of the time."""
        server = self._server
        self._is_busy = True
        self._begin(head)
        self.expects_continue = False
        self._asked_at = server.turn.now
        try:
            delegate = server.delegate.start_request(self, self)
            delegate.headers_received(head.start_line, head.headers.again())
            if body and not self._is_answered:
                self._delegate = delegate  # to be told if this fails
                delegate.data_received(body)
                self._delegate = None
            if not self._is_answered:
                delegate.finish()
        except Exception:
            log.exception("a request could not be answered")
            self.abort()
        finally:
            self._is_busy = False
        if self._is_answered and self._lingered < 0 and self._fd >= 0 and not self._queued:
            server.deadlines.idle.begin(self)
        else:
            end_wait(self)

    def _read_requests(self) -> None:
        reader = self._reader
        turn = TURN
        while reader is not None and self._fd >= 0 and self._lingered < 0:
            if not self._is_read:
                if self._is_held or not self._read_body(reader):
                    return
            elif not self._is_answered or self._queued:
                # Nor are replies made for a client that does not read those it has.
                return
            elif turn == 0:
                self._go_on_soon()
                return
            else:
                turn -= 1
                head = reader.head()
                if head is None:
                    return
                self._deliver(head, reader)

    def _go_on_soon(self) -> None:
        if not self._goes_on:
            self._goes_on = True
            self._server.loop.call_soon(self._go_on)

    def _deliver(self, head: Head, reader: RequestReader) -> None:
        """Hand one request to the delegate."""
        server = self._server
        end_wait(self)
        self._begin(head)
        self._is_read = reader.is_read
        self.expects_continue = head.length != 0 and head.expects_continue
        delegate = server.delegate.start_request(self, self)
        if not self._is_read:
            self._delegate = delegate
            self._body_size = 0
            server.deadlines.body.begin(self)
        delegate.headers_received(head.start_line, head.headers)
        if self._is_answered:
            return
        if self._is_read:
            delegate.finish()
        elif self.expects_continue:
            # Whether or not the body is there already: a request reads the same however it was cut.
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _read_body(self, reader: RequestReader) -> bool:
        """Hand on what there is of the body; True if that is all of it."""
        data = reader.body()
        is_read = reader.is_read
        delegate = self._delegate
        self._body_size += len(data)
        if delegate is not None and data:
            delegate.data_received(data)
            if self._fd < 0 or self._lingered >= 0:
                return False
            delegate = self._delegate  # none, if the request was refused in the middle
        elif delegate is None and self._body_size > DROPPED_BYTES:
            self._linger()
            return False
        if not is_read:
            if data and reader.waiting:
                # More small chunks than one turn is to take.
                self._go_on_soon()
            return False
        self._is_read = True
        self.trailers = reader.trailers
        self._delegate = None
        end_wait(self)
        if delegate is not None:
            delegate.finish()
        elif self._is_answered and self._lingered < 0:
            self._end_reply()
        return True

    def hold_body(self) -> None:
        self._is_held = True
        end_wait(self)  # the client is not to blame for the time that this takes

    def go_on_with_body(self) -> None:
        was_held, self._is_held = self._is_held, False
        if was_held and self._fd >= 0:
            self._body_size = 0
            self._server.deadlines.body.begin(self)
            self._go_on_soon()

    def _await_more(self) -> None:
        """See what the connection waits for, and whether there is room for more of it."""
        reader = self._reader
        deadlines = self._server.deadlines
        waiting = 0
        if reader is not None:
            waiting = reader.waiting
            if waiting == 0 and self._is_read:
                self._reader = None
        if self._is_read and self._is_answered and not self._queued:
            # The time of a head runs from its first byte; one more byte does not wind it up again.
            timeout_queue = deadlines.head if waiting else deadlines.idle
            if not self._goes_on:
                if self._has_ended:
                    self.close()
                elif self.timeout_queue is not timeout_queue:
                    timeout_queue.begin(self)
        if waiting > MOST_WAITING:
            self._transport.pause_reading()
        elif reader is not None and not self._transport.is_reading() and not self._has_ended:
            self._transport.resume_reading()

    def end_sent(self) -> None:
        self._is_answered = True
        self._delegate = None  # nobody gets what else comes of the body
        self.close_callback = None
        if self._fd < 0:
            return
        self.go_on_with_body()
        if self._is_read:
            self._end_reply()
        elif not self.keep_alive:
            self._linger()
        else:
            self._body_size = 0  # what comes of the body is read off

    def _end_reply(self) -> None:
        if not self.keep_alive or self._server.draining:
            self._linger()
        elif not self._is_busy:
            # The reply came later than its request: the connection continues here.
            self._go_on()

    def _refuse(self, status: int, text: str) -> None:
        """Answer an invalid or incomplete request, and close."""
        was_answered = self._is_answered and not self._is_read
        delegate, self._delegate = self._delegate, None
        self.keep_alive = False
        # This reply did not wait for its whole request, so the rest of what the client sends is read and dropped.
        self._is_read = self._is_answered = False
        try:
            if delegate is not None:
                delegate.on_connection_close()
            if was_answered:
                self._linger()
                return
            self.method, self.version = "GET", "HTTP/1.1"
            self._server.delegate.refuse(self, status, text)
        except Exception:
            log.exception("a refusal could not be sent")
            self.abort()

    def drain(self) -> None:
        if self._is_read and self._is_answered and self._lingered < 0:
            self.close()

    def time_out(self, timeout_queue: TimeoutQueue) -> None:
        deadlines = self._server.deadlines
        if self._fd < 0 or self._queued or self._lingered >= 0:
            self.abort()
        elif timeout_queue is deadlines.idle:
            self.close()
        elif timeout_queue is deadlines.body and self._body_size >= LEAST_RATE * timeout_queue.seconds:
            # A large body on a slow line.
            self._body_size = 0
            timeout_queue.begin(self)
        else:
            self._refuse(408, "Request timeout: the request did not arrive in time")

    def _linger(self) -> None:
        self._reader = None
        super()._linger()

    def eof_received(self) -> bool:
        self._has_ended = True
        if self._lingered >= 0 or not self._is_read or (self._is_answered and not self._queued):
            self.close()
            return True
        self._server.client_ended(self, self._asked_at)
        return True
