"""Where the events of a stream end in its bytes, which may be split anywhere. Pure, with bounded memory.

Unlike `sse.EventDecoder` this keeps no event: code that passes a stream on needs to know where one ends, not its text.
"""

from __future__ import annotations

import re
from typing import NamedTuple, Protocol

from oagw_tornado.reply.sse import BOM

_LINE_END = re.compile(rb"\r\n|\r|\n")
# Bytes of a line that are examined: enough to recognise ``data:`` after a BOM.
_LOOK = 8


class Boundary(NamedTuple):
    """The offset behind a block, and whether a client sees an event in it."""

    end: int
    is_event: bool


class Boundaries(Protocol):
    """Finds the ends of events in one stream."""

    def feed(self, data: bytes) -> list[Boundary]:
        """Those in `data`, which follows what was fed before."""


class EventBoundaries:
    """Of server-sent events: a blank line ends a block, and a block with a data line is an event."""

    __slots__ = ("_line", "_has_lines", "_has_data", "_after_cr", "_is_first")

    def __init__(self) -> None:
        # How the line begins that is not complete yet.
        self._line = b""
        # Of the block that is not complete yet.
        self._has_lines = False
        self._has_data = False
        # True if the last byte was CR: an LF that follows belongs to it.
        self._after_cr = False
        self._is_first = True

    def feed(self, data: bytes) -> list[Boundary]:
        is_within = self._has_lines or self._line or self._after_cr
        if not is_within and data[:5] == b"data:" and data.find(b"\n\n") == len(data) - 2 and b"\r" not in data:
            self._is_first = False
            return [Boundary(len(data), True)]  # one whole event, as most reads are
        found: list[Boundary] = []
        start = 1 if self._after_cr and data[:1] == b"\n" else 0
        for line_end in _LINE_END.finditer(data, start):
            line = (self._line + data[start : min(line_end.start(), start + _LOOK)])[:_LOOK]
            self._line = b""
            start = line_end.end()
            if self._is_first:
                self._is_first = False
                line = line.removeprefix(BOM)
            if line:
                self._has_lines = True
                self._has_data = self._has_data or line[:5] == b"data:" or line == b"data"
            elif self._has_lines:
                found.append(Boundary(start, self._has_data))
                self._has_lines = self._has_data = False
        self._line = (self._line + data[start : start + _LOOK])[:_LOOK]
        if data:
            self._after_cr = data[-1:] == b"\r"
        return found


class LineBoundaries:
    """Of documents in lines of their own, as NDJSON has them: each line that is not blank is an event."""

    __slots__ = ("_has_text",)

    def __init__(self) -> None:
        self._has_text = False

    def feed(self, data: bytes) -> list[Boundary]:
        found: list[Boundary] = []
        start = 0
        while (end := data.find(b"\n", start)) >= 0:
            found.append(Boundary(end + 1, self._has_text or bool(data[start:end].strip())))
            self._has_text = False
            start = end + 1
        self._has_text = self._has_text or bool(data[start:].strip())
        return found


def boundaries_of(content_type: str) -> Boundaries | None:
    """What finds the events of a body of this media type; None: it has none."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "text/event-stream":
        return EventBoundaries()
    return LineBoundaries() if kind in ("application/x-ndjson", "application/ndjson", "application/jsonl") else None
