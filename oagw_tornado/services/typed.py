"""Request bodies as typed values: JSON in, a msgspec struct out, or the offending field and what was expected."""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec

from oagw_tornado.units.documents import TooLarge, refuse_depth, refuse_many

T = TypeVar("T")

_EXPECTED = re.compile(r"(?P<what>.*?)(?: - at `\$(?P<path>.*)`)?", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*)`")


# Names of a body whose largest field is looked for.
_MANY_NAMES = 100_000

#: Made on first use; they hold no state.
_DECODERS: dict[Any, msgspec.json.Decoder[Any]] = {}


class NotJson(ValueError):
    """The body is not a JSON document."""


class TooManyValues(NotJson):
    """The body has more values than are read: the text says how many, `field` where most of them are, if that is
    known."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem)
        self.field = field


class WrongField(ValueError):
    """A field is missing or has a value of a wrong kind. `field` is its path, such as ``messages[0].role``."""

    def __init__(self, field: str, problem: str, *, missing: bool = False) -> None:
        super().__init__(problem)
        self.field = field
        self.problem = problem
        self.missing = missing


def read(body: bytes, type: type[T]) -> T:
    """Read `body` as a value of `type`. Fields that it does not know are ignored. Raises NotJson or WrongField."""
    try:
        refuse_many(body)
        value = _decoder(type).decode(body)
        refuse_depth(body)
        return value
    except TooLarge as error:
        raise TooManyValues(_largest_field(body), str(error)) from None
    except msgspec.ValidationError as error:
        raise _wrong_field(str(error)) from None
    except (ValueError, RecursionError):  # malformed, too deep, or not UTF-8
        raise NotJson from None


def _largest_field(body: bytes) -> str:
    if body.count(b'":') > _MANY_NAMES:
        return ""
    try:
        fields = _decoder(dict[str, msgspec.Raw]).decode(body)
    except msgspec.MsgspecError:
        return ""
    return max(fields, key=lambda name: _values(bytes(fields[name])), default="")[:80]


def _values(text: bytes) -> int:
    """How many values `text` has, about."""
    return text.count(b"[") + text.count(b"{") + text.count(b'"') // 4


def _decoder(type: type[T]) -> msgspec.json.Decoder[T]:
    decoder = _DECODERS.get(type)
    if decoder is None:
        decoder = _DECODERS[type] = msgspec.json.Decoder(type)
    return decoder


def _wrong_field(text: str) -> WrongField:
    match = _EXPECTED.fullmatch(text)
    assert match is not None
    path = (match["path"] or "").removeprefix(".")
    missing = _MISSING.fullmatch(match["what"])
    if missing is not None:
        return WrongField(f"{path}.{missing[1]}" if path else missing[1], "it is missing", missing=True)
    what = match["what"].replace("`", "")
    return WrongField(path, what[:1].lower() + what[1:])
