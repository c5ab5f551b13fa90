"""Exchanges as bytes (MessagePack), for members of a state to give each other and to leave with the store.

What the journal shows of an exchange is the same on both sides. Writing must cost next to nothing, as every request of
a busy server passes through here once: the attributes of an exchange are taken by one call and written by another, and
heads and knobs, which most requests have in common, are written once in a batch.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import msgspec

from oagw_tornado.evidence.exchange import Exchange, PlannedOffsets
from oagw_tornado.evidence.replayed import Replayed
from oagw_tornado.evidence.view import knobs_as_json
from oagw_tornado.knobs.vocabulary import VOCABULARY, Knobs

#: Attributes that are of no use to other members.
_OF_ITS_SERVER = frozenset(
    ("admitted", "head_sent", "limit_headers", "page_headers", "echoed", "held", "inference", "headers", "knobs")
)
_FIELDS = tuple(name for name in Exchange.__slots__ if name not in _OF_ITS_SERVER)
_fields_of = attrgetter(*_FIELDS)
_PROGRESS = ("status", "source", "events", "bytes_sent", "blocked", "faults")
_progress_of = attrgetter(*_PROGRESS)
_TUPLES = ("faults", "nearest")

# Codes of the types that MessagePack does not have.
_ARRAY, _PLAN, _REPLAYED = 1, 2, 3
_REPLAYED_FIELDS = Replayed.__slots__

Numbered = tuple[int, Exchange]
#: The number of an exchange, and how far it had come.
Progress = tuple[int, tuple[Any, ...], float]


class CarriedHeaders(dict[str, str]):
    """The headers of an exchange elsewhere: by name, and as they came, line by line."""

    lines: list[bytes]

    def get_all(self) -> Any:
        """As of tornado's headers."""
        return self.items()

    def get(self, name: str, default: Any = None) -> Any:
        wanted = name.lower()
        return next((value for key, value in self.items() if key.lower() == wanted), default)


class Bodies:
    """How much of each body is carried: all that the journal has until `room` bytes are taken, then `least`."""

    def __init__(self, room: int, least: int) -> None:
        self.room = room
        self.least = least

    def cut(self, exchange: Exchange, fields: tuple[Any, ...]) -> tuple[Any, ...]:
        """`fields` of an exchange, of whose body that much is left."""
        size = len(exchange.body_head)
        if size <= self.room or size <= self.least:
            self.room -= size
            return fields
        self.room -= self.least
        return (*fields[:_BODY], exchange.body_head[: self.least], *fields[_BODY + 1 :])


_BODY = _FIELDS.index("body_head")


def carried(exchanges: Iterable[Numbered], bodies: Bodies | None = None) -> bytes:
    """A batch of them, each with its number in its journal."""
    knobs: dict[int, int] = {}
    shown: list[dict[str, Any]] = []
    heads: dict[int, int] = {}
    lines: list[Any] = []
    # One list for each of these, because consecutive requests mostly have the same values.
    numbers, of_heads, of_knobs, rows = [], [], [], []
    own: Any = None
    written: Any = None
    at_knobs, at_head = -1, -1
    for number, exchange in exchanges:
        if exchange.knobs is not own:
            own = exchange.knobs
            at_knobs = -1 if own is None else knobs.setdefault(id(own), len(shown))
            if at_knobs == len(shown):
                shown.append(knobs_as_json(own))
        # Requests whose heads are the same have one list of lines between them.
        head = getattr(exchange.headers, "lines", None)
        if head is None or head is not written:
            written = head
            at_head = heads.setdefault(id(exchange.headers if head is None else head), len(lines))
            if at_head == len(lines):
                lines.append(dict(exchange.headers.items()) if head is None else head)
        fields = _fields_of(exchange)
        if bodies is not None and exchange.body_head:
            fields = bodies.cut(exchange, fields)
        numbers.append(number)
        of_heads.append(at_head)
        of_knobs.append(at_knobs)
        rows.append(fields)
    batch = (shown, lines, numbers, of_heads, of_knobs, rows)
    try:
        return _encode(batch)
    except (UnicodeEncodeError, OverflowError):
        return _encode(_writable(batch))


def received(batch: bytes) -> Iterator[Numbered]:
    """The exchanges of a batch with their numbers."""
    shown, heads, *columns = _decode(batch)
    knobs = [_carried_knobs(each) for each in shown]
    headers = [_headers(each) for each in heads]
    for number, head, of_knobs, fields in zip(*columns, strict=True):
        exchange = Exchange("", "", "", "", headers[head])
        for name, value in zip(_FIELDS, fields, strict=True):
            setattr(exchange, name, value)
        for name in _TUPLES:
            setattr(exchange, name, tuple(getattr(exchange, name)))
        if exchange.nearest:
            from oagw_tornado.knobs.rule_index import NearMiss

            exchange.nearest = tuple(NearMiss(*cast(Sequence[Any], miss)) for miss in exchange.nearest)
        exchange.knobs = knobs[of_knobs] if of_knobs >= 0 else None
        yield number, exchange


def progress_of(number: int, exchange: Exchange, age: float) -> Progress:
    """How far an exchange that runs has come, `age` seconds after its admission."""
    return number, _progress_of(exchange), age


def progressed(exchange: Exchange, progress: Sequence[Any], age: float) -> None:
    """Have `exchange` be as far as that: its server was killed `age` seconds after its admission, or soon after.

    Without any `progress` it is as far as it was when it was written.
    """
    known = zip((*_PROGRESS[: len(progress)], "outcome", "ended"), (*progress, "killed", age), strict=True)
    for name, value in known:
        setattr(exchange, name, tuple(value) if name in _TUPLES else value)


class _Plan(NamedTuple):
    """A `PlannedOffsets` as it is kept: single offsets, and lines of evenly spaced ones."""

    single: bytes
    lines: list[tuple[int, float, float, int, int]]


def _headers(lines: list[bytes] | dict[str, str]) -> CarriedHeaders:
    if isinstance(lines, dict):
        return CarriedHeaders(lines)
    pairs = (line.decode("latin-1").partition(":") for line in lines)
    headers = CarriedHeaders((name, value.strip(" \t")) for name, _, value in pairs)
    headers.lines = lines
    return headers


def _carried_knobs(shown: dict[str, Any]) -> Knobs:
    """What is shown of them, under the names of the fields; nothing is decided by them here."""
    fields = {knob.field: shown.get(knob.name) for knob in VOCABULARY.values() if not knob.form_of}
    return cast(Knobs, SimpleNamespace(**fields))


def _extended(value: Any) -> Any:
    if isinstance(value, PlannedOffsets):
        single, lines = value.parts()
        return msgspec.msgpack.Ext(_PLAN, _encode(_Plan(single, lines)))
    if isinstance(value, array):
        return msgspec.msgpack.Ext(_ARRAY, value.typecode.encode() + value.tobytes())
    if isinstance(value, Replayed):
        return msgspec.msgpack.Ext(_REPLAYED, _encode([getattr(value, name) for name in _REPLAYED_FIELDS]))
    return str(value)


def _restored(code: int, data: memoryview) -> Any:
    if code == _ARRAY:
        numbers = array(chr(data[0]))
        numbers.frombytes(data[1:])
        return numbers
    if code == _PLAN:
        return PlannedOffsets.of_parts(*_decode(data))
    recording, number, of, speed, offsets, ends_at, overridden = _decode(data)
    return Replayed(recording, number, of, speed, offsets, ends_at, tuple(overridden))


_encode = msgspec.msgpack.Encoder(enc_hook=_extended).encode
_decode = msgspec.msgpack.Decoder(ext_hook=_restored).decode


def _writable(value: Any) -> Any:
    """`value` with every text that is no Unicode, and every number beyond 64 bits, as something that can be written."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**64 else str(value)
    if isinstance(value, dict):
        return {_writable(key): _writable(each) for key, each in value.items()}
    if isinstance(value, (tuple, list)):
        return [_writable(each) for each in value]
    return value
