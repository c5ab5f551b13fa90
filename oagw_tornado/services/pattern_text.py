"""From a regular expression to a short text that it matches.

The libraries that do this (rstr, exrex) use the same parser of the standard library, and draw at random: here the
same pattern always gives the same text, of as few characters as possible.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from importlib import import_module
from typing import Any

# The only parser of the language that re speaks; typeshed does not know it.
_constants: Any = import_module("re._constants")
_parser: Any = import_module("re._parser")

MAX_LENGTH = 4096
_TRIED_FIRST = "a0 A-_.:/@" + "".join(map(chr, range(33, 127))) + "é\n"


class UnsupportedSchema(ValueError):
    """No value can be made for the schema; says which part of it is at fault."""


def text_for_pattern(pattern: str, least: int = 0) -> str:
    """A text that `pattern` matches, of at least `least` characters if a repetition in it can give them.

    Raises UnsupportedSchema for an invalid pattern, lookaround assertions and backreferences.
    """
    return text_and_steps(pattern, least, 2 * MAX_LENGTH)[0]


def text_and_steps(pattern: str, least: int, most_steps: int) -> tuple[str, int]:
    """`text_for_pattern`, and in how many steps it was made.

    Raises UnsupportedSchema for an invalid pattern, lookaround assertions and backreferences.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "[[" may mean something else one day
            parsed = _parser.parse(pattern)
        first = _Text(0, most_steps)
        text, steps = first.of(parsed), first.steps
        if len(text) < least:
            longer = _Text(least - len(text), most_steps - steps)
            text, steps = longer.of(parsed), steps + longer.steps
    except (re.error, RecursionError, OverflowError):
        raise UnsupportedSchema(f"{pattern[:80]!r} is not a pattern") from None
    return text, steps


class _Text:
    def __init__(self, missing: int, most_steps: int) -> None:
        self.steps = 0
        self.most_steps = most_steps
        self.missing = missing  # characters that repetitions are to add
        self.groups: dict[int, str] = {}

    def of(self, parsed: Iterable[tuple[Any, Any]]) -> str:
        text = "".join(self.one(operation, argument) for operation, argument in parsed)
        if len(text) > MAX_LENGTH:
            raise UnsupportedSchema("a pattern asks for too long a text")
        return text

    def one(self, operation: Any, argument: Any) -> str:
        self.steps += 1
        if self.steps > self.most_steps:
            raise UnsupportedSchema("a pattern takes too long")
        if operation is _constants.LITERAL:
            return chr(argument)
        if operation is _constants.NOT_LITERAL:
            return next(char for char in _TRIED_FIRST if ord(char) != argument)
        if operation is _constants.ANY:
            return "a"
        if operation is _constants.IN:
            return _char_of(argument)
        if operation is _constants.BRANCH:
            return self.of(argument[1][0])
        if operation is _constants.SUBPATTERN:
            text = self.groups[argument[0]] = self.of(argument[3])
            return text
        if operation is _constants.GROUPREF:
            return self.groups.get(argument, "")
        if operation is _constants.ATOMIC_GROUP:
            return self.of(argument)
        if operation in (_constants.MAX_REPEAT, _constants.MIN_REPEAT, _constants.POSSESSIVE_REPEAT):
            return self.repeated(*argument)
        if operation is _constants.AT and argument not in (_constants.AT_BOUNDARY, _constants.AT_NON_BOUNDARY):
            return ""
        raise UnsupportedSchema(f"a pattern with {str(operation).lower()} is not supported")

    def repeated(self, least: int, most: int, parsed: Any) -> str:
        if least > MAX_LENGTH:
            raise UnsupportedSchema("a pattern asks for too long a text")
        times = max(least, min(1, most))
        text = "".join(self.of(parsed) for _ in range(times))
        if self.missing > 0 and times and text:
            each = max(1, len(text) // times)
            more = min(-(-self.missing // each), int(most) - times, MAX_LENGTH)
            self.missing -= more * each
            text += "".join(self.of(parsed) for _ in range(more))
        return text


def _char_of(items: list[tuple[Any, Any]]) -> str:
    """The first character of a class."""
    negated = bool(items) and items[0][0] is _constants.NEGATE
    if not negated:
        operation, argument = items[0]
        if operation is _constants.LITERAL:
            return chr(argument)
        if operation is _constants.RANGE:
            return chr(argument[0])
    for char in _TRIED_FIRST:
        if any(_is_in(char, *item) for item in items[negated:]) is not negated:
            return char
    raise UnsupportedSchema("a pattern with a class that no usual character is in")


_CATEGORIES = {
    _constants.CATEGORY_DIGIT: r"\d",
    _constants.CATEGORY_NOT_DIGIT: r"\D",
    _constants.CATEGORY_SPACE: r"\s",
    _constants.CATEGORY_NOT_SPACE: r"\S",
    _constants.CATEGORY_WORD: r"\w",
    _constants.CATEGORY_NOT_WORD: r"\W",
}


def _is_in(char: str, operation: Any, argument: Any) -> bool:
    if operation is _constants.LITERAL:
        return bool(ord(char) == argument)
    if operation is _constants.RANGE:
        return bool(argument[0] <= ord(char) <= argument[1])
    return re.match(str(_CATEGORIES[argument]), char) is not None
