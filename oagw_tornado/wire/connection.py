"""The way back to the client: what a reply needs of an HTTP/1.1 connection, whichever engine drives it.

`ReplyConnection` is tornado's `HTTPConnection` (``write_headers``, ``write``, ``finish``: any RequestHandler works on
it) plus the few calls that a schedule needs: render the head without sending it, send one event as one chunk in one
write, end the body properly, cut it, reset it. Framing (RFC 9112, section 6) is decided here, once, from the request
and the reply; the engines only move bytes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from email.utils import formatdate
from typing import TYPE_CHECKING, Protocol

from tornado import httputil
from tornado.iostream import StreamClosedError

from oagw_tornado.wire.head_lines import status_and_fields as status_and_fields

if TYPE_CHECKING:
    from asyncio import Future

#: Bytes of an unwanted body that are read and discarded so that the connection can be kept.
DROPPED_BYTES = 256 * 2**10

#: The address of a client of a Unix socket.
UNIX = "unix:"

_BODILESS = frozenset((204, 304))

#: One chunk (RFC 9112, section 7.1): its size, which is not 0, and its data in three parts.
CHUNK = b"%x\r\n%b%b%b\r\n"


def framed(data: bytes) -> bytes:
    """`data`, which is not empty, as one chunk."""
    return CHUNK % (len(data), b"", data, b"")


_date_second = 0
_date_line = b""


def date_line() -> bytes:
    """The Date header (RFC 9110, section 6.6.1) with its line end, formatted once a second."""
    global _date_second, _date_line
    second = int(time.time())
    if second != _date_second:
        _date_second = second
        _date_line = b"Date: %s\r\n" % formatdate(second, usegmt=True).encode()
    return _date_line


class ReplyConnection(httputil.HTTPConnection):
    """One HTTP/1.1 connection as the reply to the current request sees it."""

    # Slots, and no dictionary: thousands of these are open at once.
    __slots__ = (
        "number",
        "method",
        "version",
        "keep_alive",
        "body_length",
        "expects_continue",
        "chunked",
        "bodiless",
        "close_callback",
        "drained",
        "trailers",
    )

    @property
    def asked_at(self) -> float:
        """When the last byte of the request had been read (monotonic)."""
        return time.monotonic()

    @property
    def readable_since(self) -> float:
        """When what the client sent last can have been there, at the earliest (monotonic)."""
        return time.monotonic()

    def __init__(self) -> None:
        # Of the connection, among those of its server, from 1.
        self.number = 0
        # Facts of the current request, set by the engine before the delegate hears of it.
        self.method = "GET"
        self.version = "HTTP/1.1"
        # True if the connection may serve another request after this one.
        self.keep_alive = True
        # Bytes of the request's body (see `wire.head`), and whether the client waits for a word before it sends them.
        self.body_length = 0
        self.expects_continue = False
        # True if this reply's body goes out in chunks (decided by `render_head`).
        self.chunked = False
        # True if this reply has no body whatever its headers say: HEAD, 204, 304.
        self.bodiless = False
        # Called when the client is gone before the reply is complete.
        self.close_callback: Callable[[], None] | None = None
        # Called once when bytes that the kernel did not take at once have left.
        self.drained: Callable[[], None] | None = None
        # The field lines behind the last request body that came in chunks.
        self.trailers: tuple[bytes, ...] = ()

    def set_close_callback(self, callback: Callable[[], None] | None) -> None:
        """Have `callback` called if the client goes before the reply is complete. Tornado's handlers call this."""
        self.close_callback = callback

    def forgo_body(self) -> None:
        """Declare, before the reply, that it does not wait for the request's body, which is then discarded.

        The connection goes on only behind a body that is short. Whether it does must not depend on how much of the
        body is there already, and who waits to be asked for it may never send it.
        """
        if self.expects_continue or self.body_length > DROPPED_BYTES:
            self.keep_alive = False

    def hold_body(self) -> None:
        """Read no more of the request's body for now: who gets it is slower than the client."""
        raise NotImplementedError

    def go_on_with_body(self) -> None:
        """Read on after `hold_body`."""
        raise NotImplementedError

    # What an engine does.

    def send(self, data: bytes) -> bool:
        """Send `data` as it is. False if it did not leave at once: then wait for `drained`, or the client is gone."""
        raise NotImplementedError

    @property
    def descriptor(self) -> int:
        """The socket's, which takes writes as long as nothing that was sent waits; -1: only `send` may write."""
        return -1

    @property
    def takes_pieces(self) -> bool:
        """Whether the events of a run may leave one by one with nothing in between: by the descriptor, if there is
        one, else by `send_piece`."""
        return self.descriptor >= 0

    def send_piece(self, data: bytes) -> bool:
        """As `send`, in the least time, while nothing that was sent waits."""
        return self.send(data)

    def send_body(self, data: bytes) -> bool:
        """Send `data`, which is not empty, as one piece of the body, framed, in one write. Result as of `send`."""
        return self.send(framed(data) if self.chunked else data)

    @property
    def unsent(self) -> int:
        """Bytes that were sent and have not left, because the kernel did not take them."""
        raise NotImplementedError

    @property
    def unread(self) -> int | None:
        """Bytes that the client has not read, according to the kernel; None if unknown."""
        return None

    @property
    def is_open(self) -> bool:
        """False once nothing that is sent can arrive."""
        raise NotImplementedError

    def end_sent(self) -> None:
        """End a reply whose last byte was sent. The connection goes on to the next request, or closes."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the connection, after what was sent, whatever the reply still owes."""
        raise NotImplementedError

    def reset(self) -> None:
        """Reset the connection (TCP RST); what has not left yet is lost."""
        raise NotImplementedError

    @property
    def client(self) -> str:
        """The peer's address."""
        raise NotImplementedError

    @property
    def scheme(self) -> str:
        """``http`` or ``https``."""
        return "http"

    @property
    def is_passed_on(self) -> bool:
        """Whether a PROXY header says that it is somebody else's."""
        return False

    # Framing.

    def render_head(self, status: int, fields: bytes, length: int | None) -> bytes:
        """The whole head. `fields` begins with the status line; `length` is the body's, None if nobody knows yet.

        Decides how the body is framed: by its length, in chunks, or (HTTP/1.0) by closing.
        """
        self.bodiless = self.method == "HEAD" or status in _BODILESS
        self.chunked = False
        if length is not None:
            framing = b"Content-Length: %d\r\n" % length if status not in _BODILESS else b""
        elif status in _BODILESS:
            framing = b""
        elif self.version == "HTTP/1.1":
            framing = b"Transfer-Encoding: chunked\r\n"
            self.chunked = not self.bodiless
        else:
            framing = b""
            self.keep_alive = False
        if not self.keep_alive:
            framing += b"Connection: close\r\n"
        elif self.version != "HTTP/1.1":
            framing += b"Connection: keep-alive\r\n"
        return b"%b%b%b\r\n" % (fields, date_line(), framing)

    def send_whole(self, status: int, fields: bytes, body: bytes, about: object = None) -> None:
        """A whole reply in one write, and the end of it. If the client goes before it leaves, the delegate is told
        what it is `about`: see `Delegate.lost`."""
        head = self.render_head(status, fields, len(body))
        self.send(head if self.bodiless else head + body)
        self.end_sent()

    def render_end(self, data: bytes, trailers: bytes = b"") -> bytes:
        """The last bytes of the body, framed, and what marks its end. `trailers` are field lines that follow a body in
        chunks."""
        if self.bodiless:
            return b""
        if self.chunked:
            end = b"0\r\n%b\r\n" % trailers
            return framed(data) + end if data else end
        return data

    # tornado.httputil.HTTPConnection: for handlers that write by themselves.

    def write_headers(
        self,
        start_line: httputil.RequestStartLine | httputil.ResponseStartLine,
        headers: httputil.HTTPHeaders,
        chunk: bytes | None = None,
    ) -> Future[None]:
        assert isinstance(start_line, httputil.ResponseStartLine)
        length = headers.get("Content-Length")
        pairs = tuple(
            (name, value)
            for name, value in headers.get_all()
            if name not in ("Content-Length", "Transfer-Encoding", "Connection", "Date")
        )
        fields = status_and_fields(start_line.code, pairs, None, start_line.reason)
        head = self.render_head(start_line.code, fields, int(length) if length is not None else None)
        if chunk and not self.bodiless:
            head += framed(chunk) if self.chunked else chunk
        return self._sent(self.send(head))

    def write(self, chunk: bytes) -> Future[None]:
        return self._sent(True if self.bodiless or not chunk else self.send_body(chunk))

    def finish(self) -> None:
        last = self.render_end(b"")
        if last:
            self.send(last)
        self.end_sent()

    def _sent(self, at_once: bool) -> Future[None]:
        from asyncio import get_running_loop

        future: Future[None] = get_running_loop().create_future()
        if at_once:
            future.set_result(None)
        elif not self.is_open:
            future.set_exception(StreamClosedError())
            future.exception()  # who does not wait for it need not hear of it
        else:
            self.drained = lambda: None if future.done() else future.set_result(None)
        return future


class Delegate(Protocol):
    """What takes the requests: tornado's `HTTPServerConnectionDelegate`, plus the answer to invalid requests."""

    def start_request(self, server_conn: object, request_conn: httputil.HTTPConnection) -> httputil.HTTPMessageDelegate:
        """A request has begun."""

    def on_close(self, server_conn: object) -> None:
        """A connection is gone."""

    def lost(self, about: object) -> None:
        """A whole reply, `about` this, has not left: the client went before."""

    def refuse(self, connection: ReplyConnection, status: int, text: str) -> None:
        """Answer `status` to bytes that are no HTTP request, or to one that never was complete."""
