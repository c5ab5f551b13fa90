"""A chunked request body (RFC 9112, section 7.1): which bytes are data, and where it ends."""

from __future__ import annotations

import re

from oagw_tornado.wire.head import FIELD_LINE, TOKEN, Limits, Refused

#: Chunks read in one go: each takes a few calls, and other connections wait.
MOST_AT_ONCE = 2048
# A line of a chunk's size, with its extensions; so much of the latter in the whole body.
_LONGEST_LINE = 4096
# Without the white space that may stand around a semicolon (RFC 9112, section 7.1.1): other readers refuse it.
_EXTENSION = rb';[%b]++(?:=(?:[%b]++|"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*+"))?+' % (TOKEN, TOKEN)
_SIZE = re.compile(rb"([0-9a-fA-F]{1,16})(?:%b)*+\r\n" % _EXTENSION)
_HEX = frozenset(b"0123456789abcdefABCDEF")

_BEFORE_SIZE, _IN_DATA, _AFTER_DATA, _IN_TRAILER = range(4)


class ChunkedBody:
    """Where one such body stands. `feed` moves on through bytes that somebody else keeps."""

    __slots__ = ("is_complete", "trailers", "_state", "_left", "_extensions", "_trailer", "_lines", "_limits")

    def __init__(self, limits: Limits) -> None:
        self.is_complete = False
        #: The field lines behind it, each with its line end.
        self.trailers: tuple[bytes, ...] = ()
        self._state = _BEFORE_SIZE
        # Bytes of the current chunk that are still to come.
        self._left = 0
        # Bytes of chunk extensions so far, and of trailer fields, and lines of those.
        self._extensions = 0
        self._trailer = 0
        self._lines = 0
        self._limits = limits

    def feed(self, data: bytes | bytearray, at: int) -> tuple[int, bytes]:
        """Read on from `at`. Returns how far it went and the data found; at most `MOST_AT_ONCE` chunks of it.

        What it stops at, without being complete, is to be given again with what follows it. Raises Refused.
        """
        pieces = []
        end = len(data)
        chunks = MOST_AT_ONCE
        while at < end and not self.is_complete:
            state = self._state
            if state == _IN_DATA:
                stop = min(at + self._left, end)
                pieces.append(data[at:stop])
                self._left -= stop - at
                at = stop
                if self._left == 0:
                    self._state = _AFTER_DATA
            elif state == _AFTER_DATA:
                if data[at] != 13 or (at + 1 < end and data[at + 1] != 10):
                    raise Refused(400, "Bad request: a chunk is not as long as it says")
                if at + 1 == end:
                    break
                at += 2
                self._state = _BEFORE_SIZE
            else:
                if state == _BEFORE_SIZE:
                    if chunks == 0:
                        break
                    chunks -= 1
                begin = at
                at = self._size_line(data, at) if state == _BEFORE_SIZE else self._trailer_line(data, at)
                if at == begin:
                    break
        return at, b"".join(pieces)

    def _size_line(self, data: bytes | bytearray, at: int) -> int:
        """The position behind the line, or `at` if it is not whole."""
        if data[at] not in _HEX:
            raise Refused(400, "Bad request: a chunk has no size")
        line_end = data.find(b"\n", at, at + _LONGEST_LINE) + 1
        if line_end == 0:
            if len(data) - at >= _LONGEST_LINE:
                raise Refused(400, f"Bad request: the line of a chunk's size is longer than {_LONGEST_LINE} bytes")
            return at
        line = _SIZE.fullmatch(data, at, line_end)
        if line is None:
            raise Refused(
                400, "Bad request: the line of a chunk's size is not up to 16 hexadecimal digits, and then ;NAME=VALUE"
            )
        self._extensions += line_end - line.end(1) - 2
        if self._extensions > self._limits.max_header_size:
            raise Refused(400, f"Bad request: chunk extensions of more than {self._limits.max_header_size} bytes")
        self._left = int(line[1], 16)
        self._state = _IN_DATA if self._left else _IN_TRAILER
        return line_end

    def _trailer_line(self, data: bytes | bytearray, at: int) -> int:
        """The position behind the line, or `at` if it is not whole. The fields may not join those of the head
        (RFC 9110, section 6.5.1): who passes the body on asks for them."""
        limits = self._limits
        room = limits.max_header_size - self._trailer
        line_end = data.find(b"\n", at, at + room + 1) + 1
        if line_end == 0:
            if len(data) - at > room:
                raise Refused(431, f"Request header fields too large: a trailer of over {limits.max_header_size} bytes")
            return at
        if data[at:line_end] == b"\r\n":
            self.is_complete = True
            return line_end
        self._trailer += line_end - at
        self._lines += 1
        if self._lines > limits.max_header_lines:
            raise Refused(431, f"Request header fields too large: a trailer of over {limits.max_header_lines} lines")
        if FIELD_LINE.fullmatch(data, at, line_end) is None:
            raise Refused(400, "Bad request: a trailer line is not NAME: value, or does not end in CR LF")
        self.trailers += (bytes(data[at:line_end]),)
        return line_end
