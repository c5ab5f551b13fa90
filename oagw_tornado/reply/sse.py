"""Server-sent events: values to bytes, and bytes, cut anywhere, to values. Pure, without a socket or a clock.

The format is https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream. Its rules:

- A line ends with LF, CR or CRLF, and with nothing else: U+2028 and its like are ordinary characters.
- A block of lines up to a blank line is an event. It is dispatched only if it has a data line; a block that the
  end of the stream cuts off is dropped.
- ``data`` lines are joined by LF. So a line break in data comes back as LF, however it was written.
- One space after the colon belongs to the format, a second one to the value. A line that starts with a colon is
  a comment. The id of an event holds for those after it, too. One BOM at the very start is dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

BOM = b"\xef\xbb\xbf"
"""What may stand once, in front of the first event of a stream."""

LINE_ENDINGS: Mapping[str, str] = {"lf": "\n", "cr": "\r", "crlf": "\r\n"}
"""The legal line endings, by the names that people give them."""

MAX_EVENT_SIZE = 16 * 1024 * 1024
"""The decoder's default limit, in bytes: far over any real event, far under what would hurt."""


class Event(NamedTuple):
    """One event as a client sees it."""

    data: str
    event: str = "message"
    id: str = ""
    """The last event id: the one of this event, or of the last one before it that had one."""
    retry: int | None = None
    """The reconnection time, in milliseconds, that came with this event."""


class EventTooLarge(ValueError):
    """An event is larger than the decoder's limit. `events` are those that were complete before it."""

    def __init__(self, limit: int, events: list[Event]) -> None:
        super().__init__(f"a server-sent event is larger than {limit} bytes")
        self.events = events


# Encoding


def encode(
    data: str | None,
    *,
    event: str | None = None,
    id: str | None = None,
    retry: int | None = None,
    comment: str | None = None,
    line_ending: str = "\n",
) -> bytes:
    r"""One whole event, with the blank line that ends it.

    `retry` is in milliseconds. Without `data` nothing is dispatched to the client, but `id` and `retry` take effect
    and a comment keeps the connection busy; ``""`` is data and is dispatched. An empty `id` resets the last id.

    >>> encode("First line\nsecond line", id="1", event="update")
    b'id: 1\nevent: update\ndata: First line\ndata: second line\n\n'

    Raises ValueError for what the format cannot carry: a line break in `event` or `id`, NUL in `id`, a negative
    `retry`, a lone surrogate; and for an unknown `line_ending`.
    """
    if line_ending == "\n" and data is not None and event is None and id is None and retry is None and comment is None:
        return b"data: %b\n\n" % _lines("data: ", data, "\n").encode()
    if line_ending not in LINE_ENDINGS.values():
        raise ValueError(f"{line_ending!r} is not LF, CR or CRLF")
    text = ""
    if comment is not None:
        text = f": {_lines(': ', comment, line_ending)}{line_ending}"
    if id is not None:
        if "\n" in id or "\r" in id or "\0" in id:
            raise ValueError(f"an event id must not contain a line break or NUL: {id[:80]!r}")
        text += f"id: {id}{line_ending}"
    if event is not None:
        if "\n" in event or "\r" in event:
            raise ValueError(f"an event name must not contain a line break: {event[:80]!r}")
        text += f"event: {event}{line_ending}"
    if retry is not None:
        if retry < 0:
            raise ValueError(f"a reconnection time is not negative: {retry}")
        text += f"retry: {retry:d}{line_ending}"
    if data is not None:
        text += f"data: {_lines('data: ', data, line_ending)}{line_ending}"
    return f"{text}{line_ending}".encode()


def _lines(field: str, value: str, line_ending: str) -> str:
    """`value`, each of its line breaks the start of a new line of the same field."""
    if "\r" in value:
        value = value.replace("\r\n", "\n").replace("\r", "\n")
    return value.replace("\n", line_ending + field) if "\n" in value else value


def encode_comment(text: str = "", *, line_ending: str = "\n") -> bytes:
    """A comment in a block of its own: visible on the wire, but ignored by every conforming client."""
    return encode(None, comment=text, line_ending=line_ending)


def keep_alive(form: str = "comment", *, line_ending: str = "\n") -> bytes:
    """What keeps an idle stream from being taken for dead: a ``comment`` or, for clients that count events only,
    an ``event`` of the name keep-alive whose data is an empty JSON object."""
    if form == "comment":
        return encode_comment("keep-alive", line_ending=line_ending)
    if form == "event":
        return encode("{}", event="keep-alive", line_ending=line_ending)
    raise ValueError(f"{form!r} is not a form of keep-alive: comment or event")


def with_line_ending(encoded: bytes, line_ending: str) -> bytes:
    """Events that were encoded with LF, with another line ending. In them LF never stands for anything else."""
    return encoded if line_ending == "\n" else encoded.replace(b"\n", line_ending.encode())


# Decoding


class EventDecoder:
    """Bytes in, events out as they become complete: an event is complete at the first byte of its blank line.

    The bytes may be cut anywhere, within a character or between CR and LF too. Time is linear in the bytes
    however they are cut, memory bounded by `max_event_size`, which limits the lines of an event taken together.
    """

    def __init__(self, max_event_size: int = MAX_EVENT_SIZE) -> None:
        self.max_event_size = max_event_size
        #: What a client sends as Last-Event-ID when it comes back.
        self.last_event_id = ""
        #: The reconnection time in milliseconds, once the server has set one.
        self.retry: int | None = None
        # True until the first line is complete: a BOM may stand before it.
        self._at_start = True
        # True if the last byte was CR: an LF that follows belongs to it.
        self._after_cr = False
        # The line that is not complete yet.
        self._partial = bytearray()
        # Of the block that is not complete yet:
        self._data: list[bytes] = []
        self._size = 0  # bytes of its data lines
        self._event = ""
        self._id = ""
        self._retry: int | None = None

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that `chunk` completes.

        Raises EventTooLarge, which holds the events before the one that is; the decoder is of no use after that.
        """
        if self._after_cr and chunk:
            self._after_cr = False
            if chunk[:1] == b"\n":
                chunk = chunk[1:]
        if not chunk:
            return []
        events: list[Event] = []
        lines = chunk.splitlines()  # of bytes: at LF, CR and CRLF only
        if chunk[-1] not in b"\r\n":
            rest = lines.pop()
        else:
            rest = b""
            self._after_cr = chunk[-1] == 0x0D
        for line in lines:
            if self._partial:
                self._partial += line
                line = bytes(self._partial)
                self._partial.clear()
            self._bound(len(line), events)
            if self._at_start:
                self._at_start = False
                line = line.removeprefix(BOM)
            if line:
                self._field(line)
            else:
                self._dispatch(events)
        self._partial += rest
        self._bound(len(self._partial), events)
        return events

    def _bound(self, line_size: int, events: list[Event]) -> None:
        if self._size + line_size > self.max_event_size:
            raise EventTooLarge(self.max_event_size, events)

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        if value[:1] == b" ":
            value = value[1:]
        if name == b"data":
            self._data.append(value)
            self._size += len(line) + 1
        elif name == b"event":
            self._event = value.decode("utf-8", "replace")
        elif name == b"id":
            if b"\0" not in value:
                self._id = value.decode("utf-8", "replace")
        # More digits than these are no time that anybody waits for, and cost int() more than linear time.
        elif name == b"retry" and value.isdigit() and len(value) <= 18:
            self.retry = self._retry = int(value)

    def _dispatch(self, events: list[Event]) -> None:
        self.last_event_id = self._id
        if self._data:
            data = b"\n".join(self._data).decode("utf-8", "replace")
            events.append(Event(data, self._event or "message", self._id, self._retry))
            self._data.clear()
            self._size = 0
        self._event = ""
        self._retry = None


def decode(stream: bytes) -> list[Event]:
    """The events of a whole stream."""
    return EventDecoder(max_event_size=len(stream)).feed(stream)
