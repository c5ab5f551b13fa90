"""Finds the largest part of a JSON document that is refused for its size, without reading its values."""

from __future__ import annotations

from msgspec import DecodeError, Raw
from msgspec.json import Decoder

from oagw_tornado.knobs.rule import NAME

#: Bytes of a document that is searched: about a millisecond per megabyte.
_LONGEST = 16 * 2**20

# Names in a document that is searched: each takes as long as a thousand bytes.
_MANY_NAMES = 20_000

_FIELDS = Decoder(dict[str, Raw] | list[Raw])


def largest_part(body: bytes) -> str:
    """Where the largest value stands, as errors name it: ``rule-3: reply``. Empty if nobody knows.

    >>> largest_part(b'{"rules": [{"reply": "x"}, {"name": "long", "reply": "xxxxxxxx"}]}')
    'long: reply'
    """
    if len(body) > _LONGEST or body.count(b'":') > _MANY_NAMES:
        return ""
    try:
        return ": ".join(_place(body, ("rules", "upstreams")))
    except DecodeError:
        return ""


def _place(text: bytes | Raw, lists: tuple[str, ...] = ()) -> list[str]:
    fields = _FIELDS.decode(text)
    if isinstance(fields, list):
        number, largest = max(enumerate(fields, 1), key=lambda each: len(bytes(each[1])), default=(0, None))
        return [] if largest is None else [_name(largest, number), *_place(largest)]
    key, value = max(fields.items(), key=lambda field: len(bytes(field[1])), default=("", Raw()))
    return _place(value) if key in lists else [key[:80]]


def _name(rule: Raw, number: int) -> str:
    fields = _FIELDS.decode(rule)
    written = bytes(fields["name"]).strip(b'"').decode() if isinstance(fields, dict) and "name" in fields else ""
    return written if NAME.fullmatch(written) else f"rule-{number}"
