"""Streams for testing a client: four events that are always the same, any number of events, or plain bytes.

A client that reconnects with ``Last-Event-ID`` gets what it has missed, and a 204 once nothing is left, which makes
an EventSource stop reconnecting (WHATWG HTML, section 9.2.3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain, count, islice, repeat
from typing import Any, NamedTuple

import orjson

from oagw_tornado.reply.errors import plain_error
from oagw_tornado.reply.problem import Problem
from oagw_tornado.reply.reply import EVENT_STREAM, JSON, Headers, Reply, json_reply
from oagw_tornado.reply.schedule import Stream
from oagw_tornado.reply.sse import BOM, encode
from oagw_tornado.services.handler import ServiceHandler
from oagw_tornado.units.durations import parse_duration
from oagw_tornado.units.latency import Fixed, Latency, parse_latency
from oagw_tornado.units.sizes import parse_size

INVALID_ENDPOINT = json_reply({"error": "Invalid endpoint"}).body

NDJSON: Headers = (
    ("Content-Type", "application/x-ndjson"),
    ("Cache-Control", "no-cache"),
    ("X-Accel-Buffering", "no"),
)
BYTES: Headers = (("Content-Type", "application/octet-stream"), ("Cache-Control", "no-store"))

LARGEST_EVENT = 2**20
CHUNK = 64 * 2**10


class NumberedEvent(NamedTuple):
    """One event, as both forms of the stream have it."""

    id: str
    event: str | None
    data: str


EVENTS = (
    NumberedEvent("1", "message", "First event"),
    NumberedEvent("2", "update", "Second event"),
    NumberedEvent("3", "message", "Third event with\nmultiple lines"),
    NumberedEvent("4", "complete", "Final event"),
)

#: The stream for a request without parameters, rendered once.
ENCODED = tuple(encode(data, id=id, event=event) for id, event, data in EVENTS)


def _always_the_same(seen: int) -> Iterator[NumberedEvent]:
    return islice(EVENTS, seen, None)


class Wanted(NamedTuple):
    """What the query of a request for events asks for."""

    count: float | None = None  # type: ignore[assignment]  # inf: without end. Hides a method that nobody misses.
    interval: Latency | None = None
    size: int | None = None  # of an event's data, in bytes
    event: str | None = None  # the name of all events
    retry: int | None = None  # milliseconds, said with the first event
    comment: str | None = None  # in front of each event
    bom: bool = False


def _count(text: str) -> float:
    if text == "inf":
        return float("inf")
    if text.isascii() and text.isdigit() and len(text) <= 15:
        return int(text)
    raise ValueError(f"{text[:80]!r} is not a whole number or inf")


def _event_size(text: str) -> int:
    size = parse_size(text)
    if size > LARGEST_EVENT:
        raise ValueError(f"{text[:80]!r} is larger than 1MiB")
    return size


def _one_line(text: str) -> str:
    if "\n" in text or "\r" in text:
        raise ValueError("expected a single line")
    return text


PARAMETERS: Mapping[str, Callable[[str], Any]] = {
    "count": _count,
    "interval": parse_latency,
    "size": _event_size,
    "event": _one_line,
    "retry": lambda text: round(parse_duration(text) * 1000),
    "comment": _one_line,
    "bom": lambda text: text not in ("0", "false"),
}


def read_wanted(query: Mapping[str, list[bytes]]) -> Wanted:
    """Read a query. Raises ValueError, which names the parameter. Others than these are ignored."""
    values: dict[str, Any] = {}
    for name, parse in PARAMETERS.items():
        if name in query:
            try:
                values[name] = parse(query[name][0].decode("utf-8", "replace"))
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
    return Wanted(**values)


def event_reply(wanted: Wanted, last_event_id: str | None, *, ndjson: bool = False) -> Reply:
    """The stream of events that follow `last_event_id`."""
    events, total = _events(wanted)
    seen = 0
    if last_event_id is not None and last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) <= 15:
        seen = int(last_event_id)
        if seen >= total:
            return Reply(204, (), b"")
    remaining = events(seen)
    if ndjson:
        lines = Stream((), (orjson.dumps(_as_object(event)) + b"\n" for event in remaining))
        return Reply(headers=NDJSON, frames=lines, pace="event-interval", error_event=error_line)
    is_plain = wanted._replace(interval=None) == Wanted()
    if is_plain:
        encoded = iter(ENCODED[seen:])
    elif events is _always_the_same or wanted.comment is not None:
        encoded = _encoded(remaining, wanted)
    else:
        encoded = chain(_encoded(islice(remaining, 1), wanted), _numbered(seen + 2, total, wanted))
    frames = Stream((), encoded)
    return Reply(headers=EVENT_STREAM, frames=frames, pace="event-interval", error_event=error_event)


def error_line(problem: Problem | None, events: int) -> bytes:
    """An error in a stream of JSON lines."""
    return orjson.dumps({"error": "Server error"} if problem is None else plain_error(problem)) + b"\n"


def error_event(problem: Problem | None, events: int) -> bytes:
    """An error in a stream of events."""
    return b"data: %b\n" % error_line(problem, events) + b"\n"


def _events(wanted: Wanted) -> tuple[Callable[[int], Iterator[NumberedEvent]], float]:
    """What gives the events after the first so many, and how many there are."""
    if wanted.count is None and wanted.size is None and wanted.event is None:
        return _always_the_same, len(EVENTS)
    total = len(EVENTS) if wanted.count is None else wanted.count

    def numbered(seen: int) -> Iterator[NumberedEvent]:
        numbers = _numbers(seen + 1, total)
        return (NumberedEvent(str(number), wanted.event, _text(number, wanted.size)) for number in numbers)

    return numbered, total


def _numbers(first: int, last: float) -> Iterable[int]:
    return count(first) if last == float("inf") else range(first, int(last) + 1)


def _text(number: int, size: int | None) -> str:
    text = f"Event {number}"
    return text if size is None else text[:size].ljust(size, ".")


def _encoded(events: Iterator[NumberedEvent], wanted: Wanted) -> Iterator[bytes]:
    comment = wanted.comment
    for id, event, data in islice(events, 1):
        bom = BOM if wanted.bom else b""
        yield bom + encode(data, id=id, event=event, retry=wanted.retry, comment=comment)
    for id, event, data in events:
        yield encode(data, id=id, event=event, comment=comment)


def _numbered(first: int, last: float, wanted: Wanted) -> Iterator[bytes]:
    """As `_encoded`, of numbered events from the second on: these have one line of data each, so there is nothing for
    `encode` to look for. On the path of every event, and so made in C where their size is their own."""
    name = b"" if wanted.event is None else b"event: %b\n" % wanted.event.encode()
    size = wanted.size
    if size is None:
        form = b"id: %%d\n%bdata: Event %%d\n\n" % name.replace(b"%", b"%%")
        return map(form.__mod__, zip(_numbers(first, last), _numbers(first, last), strict=True))
    return (
        b"id: %d\n%bdata: %b\n\n" % (number, name, (b"Event %d" % number)[:size].ljust(size, b"."))
        for number in _numbers(first, last)
    )


def _as_object(event: NumberedEvent) -> dict[str, str]:
    return {"id": event.id, "event": event.event or "message", "data": event.data}


def bytes_reply(size: int, rate: int | None) -> tuple[Reply, Latency]:
    """`size` bytes in chunks, at `rate` bytes a second if given; and the time between two chunks."""
    # About fifty chunks a second: smooth for a client, and cheap.
    chunk = CHUNK if rate is None else max(1, min(CHUNK, rate // 50))
    whole, rest = divmod(size, chunk)
    chunks = chain(repeat(b"." * chunk, whole), repeat(b"." * rest, 1 if rest else 0))
    reply = Reply(
        headers=BYTES, frames=Stream((), chunks), pace="event-interval", error_event=lambda problem, events: b""
    )
    return reply, Fixed(0 if rate is None else chunk / rate)


class StreamHandler(ServiceHandler):
    """What the streams share: each has its own time between two events, where the query says so."""

    def pace(self, interval: Latency) -> None:
        """Have the events of this reply leave `interval` apart."""
        knobs = self.exchange.knobs
        assert knobs is not None  # resolved before a service is asked
        self.exchange.knobs = replace(knobs, event_interval=interval)


class Events(StreamHandler):
    """Any path that contains ``events``."""

    def serve(self, *path_args: str) -> None:
        try:
            wanted = read_wanted(self.request.query_arguments)
        except ValueError as error:
            self.respond(json_reply({"error": str(error)}, 400))
            return
        if wanted.interval is not None:
            self.pace(wanted.interval)
        headers = self.request.headers
        ndjson = "ndjson" in headers.get("Accept", "")
        self.respond(event_reply(wanted, headers.get("Last-Event-ID"), ndjson=ndjson))


def _size(name: str, text: str) -> int:
    """The size that the parameter `name` has, in bytes. Raises ValueError, whose text names the parameter."""
    try:
        return parse_size(text)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


class Bytes(StreamHandler):
    """``bytes``"""

    def serve(self, *path_args: str) -> None:
        given = {name: values[0].decode("latin-1") for name, values in self.request.query_arguments.items()}
        try:
            size = _size("size", given.get("size", "1MiB"))
            rate = _size("rate", given["rate"].removesuffix("/s")) if "rate" in given else None
        except ValueError as error:
            self.respond(json_reply({"error": str(error)}, 400))
            return
        if rate == 0:
            self.respond(json_reply({"error": "rate: expected at least one byte a second"}, 400))
            return
        reply, interval = bytes_reply(size, rate)
        self.pace(interval)
        self.respond(reply)


class NotFound(ServiceHandler):
    """Any other path."""

    def serve(self, *path_args: str) -> None:
        self.respond(Reply(404, JSON, INVALID_ENDPOINT))
