"""JSON documents (RFC 8259) as values, held to a depth, and how any value is quoted in an error.

What walks a document recurses, and a thousand brackets are cheap to send. So depth is checked once, where a document
is read, and whoever gets a value of it may walk it.
"""

from __future__ import annotations

from reprlib import Repr
from typing import Any

import orjson

#: Objects and lists within each other. OpenAI takes schemas 10 deep, Anthropic's and GitHub's documents have fewer.
DEEPEST = 100

TOO_DEEP = f"nested too deeply: more than {DEEPEST} levels"

_LONGEST_QUOTE = 80

_CONTAINERS = (dict, list)


class DocumentError(ValueError):
    """The text is not a JSON document, or one that nests too deep. The message says why."""


def read_json(text: bytes) -> Any:
    """The value of a JSON document. Raises DocumentError.

    >>> read_json(b'{"a": [1, 2]}')
    {'a': [1, 2]}
    """
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        # orjson has a limit of its own, 1,024, and words it in one way or another.
        is_deep = "depth" in str(error) or "ecursion" in str(error)
        raise DocumentError(TOO_DEEP if is_deep else str(error)) from None
    refuse_depth(text, document)
    return document


def refuse_depth(text: bytes, document: Any) -> None:
    """Raise DocumentError if `document`, which `text` says, nests too deep."""
    # What has few brackets is not deep, and that is nearly every body.
    if text.count(b"[") + text.count(b"{") > DEEPEST and is_too_deep(document):
        raise DocumentError(TOO_DEEP)


def is_too_deep(document: Any) -> bool:
    """Whether objects and lists are within each other more than `DEEPEST` times. Walks level by level."""
    level = [document] if type(document) in _CONTAINERS else []
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
