"""JSON documents (RFC 8259) as values, limited in depth and in number of values, and how a value is quoted in an error.

Code that walks a document recurses, and a thousand brackets are cheap to send. So depth is checked once, where a
document is read, and its values may then be walked safely. A value takes fifty times as long to create as its bytes
take to arrive, and all streams wait meanwhile: so values are counted before they are created.

orjson, with what it imports, would be a thirtieth of a start: it is imported on first use, and the standard library
writes what a start writes.
"""

from __future__ import annotations

import json
from itertools import accumulate
from reprlib import Repr
from typing import Any

#: Objects and lists within each other. OpenAI takes schemas 10 deep, Anthropic's and GitHub's documents have fewer.
DEEPEST = 100

#: Objects and lists in one document. A chat of 2,048 messages, each a call of a tool or its result, has 8,000.
MOST_CONTAINERS = 15_000
#: Strings in one document, names included.
MOST_STRINGS = 60_000

TOO_DEEP = f"nested too deeply: more than {DEEPEST} levels"

_LONGEST_QUOTE = 80

# Brackets as steps down, and up.
_BRACKETS = b"[]{}"
_STEPS = bytes.maketrans(_BRACKETS, b"\x01\xff\x01\xff")
_NO_BRACKETS = bytes(set(range(256)) - set(_BRACKETS))


class DocumentError(ValueError):
    """The text is not a JSON document, or has too many values, or nests too deep. The message says which."""


class TooLarge(DocumentError):
    """A document of more values than are read."""


def read_json(text: bytes, *, is_bounded: bool = True) -> Any:
    """The value of a JSON document. Raises DocumentError; for too many values only if it `is_bounded`.

    >>> read_json(b'{"a": [1, 2]}')
    {'a': [1, 2]}
    """
    from orjson import JSONDecodeError, loads

    if is_bounded:
        refuse_many(text)
    try:
        document = loads(text)
    except JSONDecodeError as error:
        # orjson has a limit of its own, 1,024, and words it in one way or another.
        is_deep = "depth" in str(error) or "ecursion" in str(error)
        raise DocumentError(TOO_DEEP if is_deep else str(error)) from None
    refuse_depth(text)
    return document


def write_json(value: Any) -> bytes:
    """A value as compact JSON, integers beyond 64 bits too, which a client may send and have said again."""
    from orjson import dumps

    try:
        return dumps(value)
    except TypeError:
        return json.dumps(value, separators=(",", ":")).encode()


def write_plain_json(value: Any) -> bytes:
    """A value as compact JSON, in ASCII, by the standard library: for what is written before the server is up."""
    return _ENCODER.encode(value).encode()


_ENCODER = json.JSONEncoder(separators=(",", ":"))


def refuse_many(text: bytes) -> None:
    """Raise TooLarge if the document has too many values. `text` need not be a document."""
    # A text this short cannot contain that many.
    if len(text) < 3 * MOST_CONTAINERS or (
        text.count(b"[") + text.count(b"{") <= MOST_CONTAINERS and text.count(b'"') <= 2 * MOST_STRINGS
    ):
        return
    text = _unescaped(text)
    if text.count(b'"') > 2 * MOST_STRINGS:
        raise TooLarge(f"more than {MOST_STRINGS} strings")
    steps = _steps(text)
    if steps.count(b"\x01") > MOST_CONTAINERS:
        if _depth(steps[: 10 * DEEPEST]) > DEEPEST:
            raise DocumentError(TOO_DEEP)
        raise TooLarge(f"more than {MOST_CONTAINERS} objects and lists")


def has_more(text: bytes, values: int) -> bool:
    """Whether the JSON document that `text` is has more than so many values in its lists and objects."""
    if text.count(b",") <= values:
        return False
    return b"".join(_unescaped(text).split(b'"')[::2]).count(b",") > values


def refuse_depth(text: bytes) -> None:
    """Raise DocumentError if the JSON document that `text` is nests too deep."""
    # A text with few brackets is not deep, and nearly every body has few.
    if text.count(b"[") + text.count(b"{") > DEEPEST and _depth(_steps(_unescaped(text))) > DEEPEST:
        raise DocumentError(TOO_DEEP)


def is_too_deep(document: Any) -> bool:
    """Whether the objects and lists of a value are within each other more than `DEEPEST` times: of one that no JSON
    text says. Walks level by level."""
    level = [document] if type(document) in (dict, list) else []
    for _ in range(DEEPEST):
        level = [
            item
            for container in level
            for item in (container.values() if type(container) is dict else container)
            if type(item) is dict or type(item) is list
        ]
        if not level:
            return False
    return True


def _unescaped(text: bytes) -> bytes:
    """`text` without the escapes that have to do with where a string ends."""
    return text.replace(rb"\\", b"").replace(rb"\"", b"") if b"\\" in text else text


def _steps(unescaped: bytes) -> bytes:
    """The brackets outside strings: 1 for one that opens, -1 for one that closes."""
    return b"".join(unescaped.split(b'"')[::2]).translate(_STEPS, _NO_BRACKETS)


def _depth(steps: bytes) -> int:
    return max(accumulate(memoryview(steps).cast("b")), default=0)


class _Brief(Repr):
    """A `repr` of bounded work: neither the size nor the depth of a value counts."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 3
        self.maxstring = self.maxother = _LONGEST_QUOTE
        self.maxlist = self.maxdict = self.maxtuple = self.maxset = 10

    def repr_int(self, x: int, level: int) -> str:
        # Python refuses to write out integers of more than 4,300 digits.
        return repr(x) if x.bit_length() <= 256 else f"an integer of {x.bit_length()} bits"


_brief = _Brief()


def brief(value: object) -> str:
    """`value` as an error shows it: at most 80 characters.

    >>> brief("soon"), brief({"a": [1]})
    ('soon', "{'a': [1]}")
    """
    return value[:_LONGEST_QUOTE] if isinstance(value, str) else _brief.repr(value)[:_LONGEST_QUOTE]


def quoted(value: object) -> str:
    """`value` as an error shows it, in quotes."""
    return repr(brief(value))
