"""The fast engine: one HTTP/1.1 connection as an `asyncio.Protocol`, behind tornado's own interfaces.

`tornado.httputil` draws the seam: a server hands each request to `HTTPServerConnectionDelegate.start_request`, feeds
the `HTTPMessageDelegate` it gets, and is written to as an `HTTPConnection`. This module is the server side of that
seam without streams, futures and tasks, so the handlers behind it do not know which engine they run on.

How it works. Replies leave by `os.write` on the socket as long as nothing waits before them; the transport sees only
what the kernel did not take, and says when that has left. Requests that arrive while one is being answered wait in
order (RFC 9112, section 9.3.2). A reader, which holds the parser, belongs to a connection only while a request is
half read: a server with ten thousand silent streams has one.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from os import write
from time import monotonic
from typing import Any, Protocol, cast

from tornado import httputil
from tornado.httputil import RequestStartLine

from oagw_tornado.evidence.credentials import Disclosure
from oagw_tornado.wire.connection import Delegate, ReplyConnection
from oagw_tornado.wire.reader import Message, RequestReader

log = logging.getLogger(__name__)

# How long a connection is read on after its last reply, and how much, so that a client which is still sending gets
# to see the reply rather than a reset (RFC 9112, section 9.6).
LINGER_TIME = 2.0
LINGER_BYTES = 64 << 20
# Pipelined requests answered in one turn of the loop.
TURN = 32
# Requests that may wait, and bytes of their bodies, before reading stops: then the client can not be seen to leave.
LINE = 1024
HELD = 1 << 20
_HANDED_ON = httputil.HTTPHeaders()
_WHOLE = Message("", "", "", _HANDED_ON, True)
_WHOLE.complete = True
_RESET = struct.pack("ii", 1, 0)


class Context:
    """What tornado's HTTPServerRequest reads of a connection: peer and scheme."""

    __slots__ = ("remote_ip",)
    protocol = "http"

    def __init__(self, remote_ip: str) -> None:
        self.remote_ip = remote_ip


class Home(Protocol):
    """What a connection needs of the server it belongs to. Times in seconds."""

    delegate: Delegate
    draining: bool
    # A reader that no connection holds: whoever is left with half a request keeps it, and puts a new one here.
    reader: RequestReader
    connections: set[Http1Connection]
    header_timeout: float
    idle_timeout: float
    body_timeout: float
    # Connections that wait for a request, or for the rest of one, by the time their patience ends.
    idle: dict[Http1Connection, float]
    reading: dict[Http1Connection, float]
    reading_body: dict[Http1Connection, float]
    lingering: dict[Http1Connection, float]

    def new_reader(self) -> RequestReader:
        """A reader with the server's limits."""

    def hold(self, connection: Http1Connection) -> None:
        """Have `connection` send what it holds when this turn of the loop ends."""


class Http1Connection(ReplyConnection, asyncio.Protocol):
    """One connection: requests in, in order; one reply at a time out."""

    __slots__ = (
        "_server",
        "_transport",
        "_fd",
        "_queued",
        "_message",
        "_delegate",
        "_reader",
        "_delivering",
        "_lingered",
        "_client",
        "_held",
    )
    _transport: asyncio.Transport

    def __init__(self, server: Home) -> None:
        super().__init__()
        self._server = server
        # The socket's descriptor; -1 once it may be somebody else's.
        self._fd = -1
        # True while bytes wait in the transport, which then must have all that follows.
        self._queued = False
        # The request being answered, and who answers it.
        self._message: Message | None = None
        self._delegate: httputil.HTTPMessageDelegate | None = None
        # A reader of our own while a request is half read; else the server's is used.
        self._reader: RequestReader | None = None
        # True while requests are handed out, so that a reply given at once does not do it again, deeper.
        self._delivering = False
        # Bytes read since the last reply, once the connection lingers.
        self._lingered = -1
        self._client: str | None = None
        # Whole replies that leave when this turn of the loop ends.
        self._held = b""

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is not registered as one
        self._fd = transport.get_extra_info("socket").fileno()
        # Any byte that waits counts as back-pressure; `resume_writing` says that all have left.
        self._transport.set_write_buffer_limits(0)
        server = self._server
        server.connections.add(self)
        server.idle[self] = monotonic() + server.idle_timeout
        if server.draining:
            self.close()

    def data_received(self, data: bytes) -> None:
        if self._fd < 0 or self._lingered >= 0:
            if self._lingered >= 0:
                self._linger_on(len(data))
            return
        server = self._server
        reader = self._reader
        if reader is None:
            reader = server.reader
            reader.feed(data)
            messages = reader.messages
            if reader.is_clean and self._message is None and len(messages) == 1:
                # Nearly always: one whole request.
                server.idle.pop(self, None)
                self._deliver(messages.popleft())
                if self._message is None and self._fd >= 0:
                    server.idle[self] = monotonic() + server.idle_timeout
                return
            if reader.is_clean and not messages:
                return  # an empty line between requests
            self._reader = reader
            server.reader = server.new_reader()
        else:
            reader.feed(data)
        self._go_on()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._fd = -1
        self._held = b""
        server = self._server
        server.connections.discard(self)
        for waiting in (server.idle, server.reading, server.reading_body, server.lingering):
            waiting.pop(self, None)
        message, self._message = self._message, None
        delegate, self._delegate = self._delegate, None
        callback, self.close_callback = self.close_callback, None
        self._reader = None
        if message is not None and delegate is not None and not message.complete:
            delegate.on_connection_close()
        if callback is not None:
            callback()
        drained, self.drained = self.drained, None
        if drained is not None:
            drained()
        server.delegate.on_close(self)

    def pause_writing(self) -> None:
        self._queued = True

    def resume_writing(self) -> None:
        self._queued = False
        if self.drained is not None:
            # Not from here: asyncio's transport, in the middle of its own work, loses a connection that is closed now
            # twice.
            asyncio.get_running_loop().call_soon(self._call_drained)

    def _call_drained(self) -> None:
        if self._queued:
            return
        drained, self.drained = self.drained, None
        if drained is not None:
            drained()

    # Requests, in order.

    def _go_on(self) -> None:
        """Go on with what our own reader has, and see what the connection waits for then."""
        reader = self._reader
        if reader is None:
            return
        server = self._server
        if reader.messages:
            # A head was completed: the next one has its own time.
            server.reading.pop(self, None)
        if self._message is not None:
            self._hand_on_body(self._message)
        self._answer_waiting(reader)
        if self._fd < 0 or self._lingered >= 0:
            return
        if reader.is_clean and not reader.messages:
            self._reader = None
        if self._message is not None:
            if self._message.complete:
                self._wait_in(None, 0.0)
            else:
                self._wait_in(server.reading_body, server.body_timeout)
        elif reader.in_head:
            # The time of a head runs from its first byte; one more byte does not wind it up again.
            self._wait_in(server.reading, server.header_timeout, again=False)
        else:
            self._wait_in(server.idle, server.idle_timeout)
        if len(reader.messages) >= LINE or reader.held > HELD:
            self._transport.pause_reading()
        elif not self._transport.is_reading():
            self._transport.resume_reading()

    def _wait_in(self, waiting: dict[Http1Connection, float] | None, patience: float, again: bool = True) -> None:
        server = self._server
        for other in (server.idle, server.reading, server.reading_body):
            if again or other is not waiting:
                other.pop(self, None)
        if waiting is not None:
            waiting.setdefault(self, monotonic() + patience)

    def _answer_waiting(self, reader: RequestReader) -> None:
        """Hand out the requests that wait, as long as each is answered at once; then the reader's fault, if any."""
        messages = reader.messages
        turn = TURN
        while messages and self._message is None and self._fd >= 0 and self._lingered < 0:
            if turn == 0:
                asyncio.get_running_loop().call_soon(self._go_on)
                return
            turn -= 1
            self._deliver(messages.popleft())
        if reader.fault is None or messages or self._fd < 0 or self._lingered >= 0:
            return
        if self._message is None or not self._message.complete:
            status, text = reader.fault
            if status:
                self.refuse(status, text)
            else:
                self.close()

    def _deliver(self, message: Message) -> None:
        """Hand one request to the delegate."""
        self._message = message
        self.method = message.method
        self.version = message.version
        self.keep_alive = message.keep_alive and not self._server.draining
        self._delivering = True
        try:
            self._delegate = delegate = self._server.delegate.start_request(self, self)
            # Handed on, not kept: a stream may last, and whoever wants its request's headers keeps them.
            headers, message.headers = message.headers, _HANDED_ON
            delegate.headers_received(RequestStartLine(message.method, message.target, message.version), headers)
            if self._message is message:
                if (
                    not message.complete
                    and not message.chunks
                    and message.version == "HTTP/1.1"
                    and headers.get("Expect", "").lower() == "100-continue"
                ):
                    self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
                self._hand_on_body(message)
        except Exception:
            log.exception(
                "%s %s: the request could not be answered", message.method, Disclosure().target(message.target)[:200]
            )
            self.abort()
        finally:
            self._delivering = False

    def _hand_on_body(self, message: Message) -> None:
        delegate = self._delegate
        if delegate is None:
            return
        if message.chunks:
            chunks, message.chunks = message.chunks, []
            for chunk in chunks:
                delegate.data_received(chunk)
                if self._message is not message:
                    return  # refused in the middle of its body
        if message.complete:
            self._delegate = None
            # Of a request that is handed on, no more is kept than that it was whole.
            self._message = _WHOLE
            delegate.finish()

    # ReplyConnection

    def send_whole(self, status: int, fields: bytes, body: bytes) -> None:
        """A whole reply. It leaves with all others of this turn of the loop.

        Written between the requests of a turn, each reply would wake its client, which then sleeps again; on a busy
        server that is a fifth of the price of a request.
        """
        head = self.render_head(status, fields, len(body))
        data = head if self.bodiless else head + body
        if self._held:
            self._held += data
        else:
            self._held = data
            self._server.hold(self)
        self.end_sent()

    @property
    def is_sending(self) -> bool:
        """Whether the transport has bytes that the kernel did not take yet."""
        return self._queued

    def send_held(self) -> None:
        """Send what was held; to be called before anything else leaves or the connection ends."""
        held, self._held = self._held, b""
        if held:
            self.send(held)

    def send(self, data: bytes) -> bool:
        if self._held:
            data, self._held = self._held + data, b""
        if self._queued:
            self._transport.write(data)
            return False
        try:
            sent = write(self._fd, data)
        except BlockingIOError:
            sent = 0
        except OSError:
            # Reset by the client, or closed by ourselves (-1).
            self.abort()
            return False
        if sent == len(data):
            return True
        self._transport.write(data[sent:] if sent else data)
        return self._transport.get_write_buffer_size() == 0

    @property
    def descriptor(self) -> int:
        return self._fd

    @property
    def is_open(self) -> bool:
        return self._fd >= 0

    def end_sent(self) -> None:
        message, self._message = self._message, None
        self.close_callback = None
        if self._fd < 0:
            return
        if message is not None and not message.complete:
            self._delegate = None
            self._linger()
        elif not self.keep_alive or self._server.draining:
            self.close()
        elif not self._delivering:
            # Answered later than it came: this is where the connection goes on.
            if self._reader is not None:
                self._go_on()
            else:
                self._server.idle[self] = monotonic() + self._server.idle_timeout

    def refuse(self, status: int, text: str) -> None:
        """Answer what is no request, or never became one, and close."""
        delegate, self._delegate = self._delegate, None
        if delegate is not None:
            delegate.on_connection_close()
        self.keep_alive = False
        self.method, self.version = "GET", "HTTP/1.1"
        # No whole request is behind this reply, so the rest of what the client sends is read and dropped.
        self._message = Message("", "", "HTTP/1.1", httputil.HTTPHeaders(), False)
        self._server.delegate.refuse(self, status, text)

    def time_out(self, answer: bool) -> None:
        """Patience has ended with a client that owes us a request, or the reading of what it asked for."""
        if self._fd < 0 or self._queued or self._lingered >= 0:
            self.abort()
        elif answer:
            self.refuse(408, "Request timeout: the request did not arrive in time")
        else:
            self.close()

    def close(self) -> None:
        self.send_held()
        if self._fd >= 0:
            self._fd = -1
            if self._queued:
                # The transport sends what it holds first; a client that never reads must not keep it for ever.
                self._wait_in(self._server.idle, self._server.idle_timeout)
            self._transport.close()

    def abort(self) -> None:
        """End the connection without waiting for what it still holds."""
        self._fd = -1
        self._held = b""
        self._transport.abort()

    def reset(self) -> None:
        self.send_held()
        if self._fd >= 0:
            self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.abort()

    @property
    def client(self) -> str:
        if self._client is None:
            peer: Any = self._transport.get_extra_info("peername")
            self._client = str(peer[0]) if isinstance(peer, tuple) else ""
        return self._client

    @property
    def context(self) -> Context:
        return Context(self.client)

    # Lingering close.

    def _linger(self) -> None:
        server = self._server
        for waiting in (server.idle, server.reading, server.reading_body):
            waiting.pop(self, None)
        self.send_held()
        self._lingered = 0
        server.lingering[self] = monotonic() + LINGER_TIME
        self._transport.write_eof()
        if not self._transport.is_reading():
            self._transport.resume_reading()

    def _linger_on(self, size: int) -> None:
        self._lingered += size
        if self._lingered > LINGER_BYTES:
            self.abort()
