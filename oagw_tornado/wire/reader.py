"""Bytes in, requests out: the input side of a connection on the fast engine.

Nothing is parsed ahead. Bytes stay in the buffer until it is their turn: `head` looks for the next complete head,
`body` returns what has arrived of its body, and only when that `is_read` is the next head looked for. So an error in
a request is found in order, after everything before it, however TCP split the bytes.

A reader belongs to one connection and exists from the first byte of a burst until no byte waits.
It does no I/O; its whole state is one buffer and a few numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from oagw_tornado.wire.chunked import ChunkedBody
from oagw_tornado.wire.head import CHUNKED, Head, Limits, check_start, parse_head, too_large

_LINE_ENDS = (b"\r", b"\n")
_EMPTY_LINES = re.compile(rb"[\r\n]*")
# Bytes that are taken already and still kept, at most, before the rest moves up.
_TAKEN = 64 * 2**10


class RequestReader:
    """The requests of one connection, one after the other. Methods raise `Refused`; then nothing more can be read."""

    __slots__ = ("_bytes", "_at", "_looked_at", "_limits", "_parse", "_remaining", "_chunks", "trailers")

    def __init__(self, limits: Limits, parse: Callable[[bytes, Limits], Head] = parse_head) -> None:
        self._limits = limits
        self._parse = parse
        # Bytes that have arrived and are not consumed, from `_at` on.
        self._bytes: bytes | bytearray = b""
        self._at = 0
        # Up to here there is no end of a head.
        self._looked_at = 0
        # Bytes of the body that are still to come; 0 if it is in chunks.
        self._remaining = 0
        # The body that comes in chunks.
        self._chunks: ChunkedBody | None = None
        #: The lines behind the last body that came in chunks.
        self.trailers: tuple[bytes, ...] = ()

    def feed(self, data: bytes) -> None:
        """Take what arrived."""
        waiting = self._bytes
        if self._at == len(waiting):
            self._bytes = data
            self._at = self._looked_at = 0
            return
        if type(waiting) is bytes:
            self._bytes = waiting = bytearray(waiting)
        elif self._at > _TAKEN:
            del waiting[: self._at]  # type: ignore[union-attr]  # a bytearray
            self._looked_at -= self._at
            self._at = 0
        waiting += data

    @property
    def waiting(self) -> int:
        """Bytes that nobody has taken yet."""
        return len(self._bytes) - self._at

    @property
    def is_read(self) -> bool:
        """True if the last request has been read with its body."""
        return self._remaining == 0 and self._chunks is None

    def head(self) -> Head | None:
        """The next request, if its head is there. Only while `is_read`."""
        data, at = self._bytes, self._at
        if data[at : at + 1] in _LINE_ENDS:
            # Empty lines before a request are no part of it (RFC 9112, section 2.2).
            at = _EMPTY_LINES.match(data, at).end()  # type: ignore[union-attr]  # matches nothing, too
        if at == len(data):
            self._at = at
            return None
        # Both ways to end a head are looked for, so that one that ends its lines with LF is refused, not waited for.
        begin = max(self._looked_at, at)
        end = data.find(b"\n\r\n", begin) + 3
        bare = data.find(b"\n\n", begin, end if end > 2 else len(data)) + 2
        if bare > 1:
            end = bare
        elif end == 2:
            self._at = at
            check_start(data, at)
            if len(data) - at > self._limits.max_header_size:
                raise too_large(self._limits)
            self._looked_at = max(begin, len(data) - 2)
            return None
        self._at = self._looked_at = end
        head = self._parse(bytes(data[at:end]), self._limits)
        if head.length == CHUNKED:
            self._chunks = ChunkedBody(self._limits)
        else:
            self._remaining = head.length
        return head

    def body(self) -> bytes:
        """What has arrived of the body, up to its end; empty if nothing has."""
        begin = self._at
        if self._chunks is not None:
            self._at, data = self._chunks.feed(self._bytes, begin)
            self._looked_at = self._at
            if self._chunks.is_complete:
                self.trailers = self._chunks.trailers
                self._chunks = None
            return data
        end = min(begin + self._remaining, len(self._bytes))
        self._at = self._looked_at = end
        self._remaining -= end - begin
        if begin == 0 and end == len(self._bytes) and type(self._bytes) is bytes:
            return self._bytes
        return bytes(self._bytes[begin:end])
