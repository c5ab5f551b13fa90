"""Exchanges as plain values, for members of a state to give each other: lists, numbers, texts, bytes.

What the journal shows of an exchange is the same on both sides. Most exchanges have the same knobs, so these travel
once in a batch.
"""

from __future__ import annotations

from array import array
from types import SimpleNamespace
from typing import Any, cast

from oagw_tornado.evidence.exchange import Exchange
from oagw_tornado.evidence.view import knobs_as_json
from oagw_tornado.knobs.vocabulary import VOCABULARY, Knobs

_APART = ("headers", "knobs", "nearest")
_PLAIN = tuple(name for name in Exchange.__slots__ if name not in _APART)


class CarriedHeaders(dict[str, str]):
    """The headers of an exchange elsewhere: by name, and as they came, line by line."""

    lines: list[bytes]

    def get_all(self) -> Any:
        """As of tornado's headers."""
        return self.items()

    def get(self, name: str, default: Any = None) -> Any:
        wanted = name.lower()
        return next((value for key, value in self.items() if key.lower() == wanted), default)


def carried(exchanges: list[Exchange]) -> dict[str, Any]:
    """A batch of them."""
    knobs: dict[int, int] = {}
    shown: list[dict[str, Any]] = []
    rows = []
    for exchange in exchanges:
        number = -1
        if exchange.knobs is not None:
            number = knobs.setdefault(id(exchange.knobs), len(shown))
            if number == len(shown):
                shown.append(knobs_as_json(exchange.knobs))
        rows.append(
            (
                [_plain(getattr(exchange, name)) for name in _PLAIN],
                _lines(exchange),
                number,
                [_plain(tuple(miss)) for miss in exchange.nearest],
            )
        )
    return {"knobs": shown, "rows": rows}


def received(batch: dict[str, Any]) -> list[Exchange]:
    """The exchanges of a batch."""
    knobs = [_carried_knobs(shown) for shown in batch["knobs"]]
    return [_exchange(values, lines, number, nearest, knobs) for values, lines, number, nearest in batch["rows"]]


def _exchange(
    values: list[Any], lines: list[bytes] | dict[str, str], number: int, nearest: list[Any], knobs: list[Knobs]
) -> Exchange:
    from oagw_tornado.knobs.rule_index import Miss

    exchange = Exchange("", "", "", "", {})
    for name, value in zip(_PLAIN, values, strict=True):
        setattr(exchange, name, _value(value))
    if isinstance(lines, dict):
        headers = CarriedHeaders(lines)
    else:
        pairs = (line.decode("latin-1").partition(":") for line in lines)
        headers = CarriedHeaders((name, value.strip(" \t")) for name, _, value in pairs)
        headers.lines = lines
    exchange.headers = headers
    exchange.knobs = knobs[number] if number >= 0 else None
    exchange.nearest = tuple(Miss(*map(_value, miss)) for miss in nearest)
    return exchange


def _carried_knobs(shown: dict[str, Any]) -> Knobs:
    """What is shown of them, under the names of the fields; nothing is decided by them here."""
    fields = {knob.field: shown.get(knob.name) for knob in VOCABULARY.values() if not knob.form_of}
    return cast(Knobs, SimpleNamespace(**fields))


def _lines(exchange: Exchange) -> list[bytes] | dict[str, str]:
    lines = getattr(exchange.headers, "lines", None)
    return [bytes(line) for line in lines] if lines is not None else dict(exchange.headers.items())


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float, str, bytes)):
        return value
    if isinstance(value, array):
        # By its values: evenly spaced offsets of a plan are not in its buffer.
        return {"array": value.typecode, "bytes": array(value.typecode, list(value)).tobytes()}
    if isinstance(value, (tuple, list)):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {"pairs": [(_plain(key), _plain(each)) for key, each in value.items()]}
    return str(value)


def _value(value: Any) -> Any:
    if isinstance(value, dict):
        if "array" in value:
            numbers = array(value["array"])
            numbers.frombytes(value["bytes"])
            return numbers
        return {_value(key): _value(each) for key, each in value["pairs"]}
    if isinstance(value, (list, tuple)):
        return tuple(map(_value, value))
    return value
