"""One predicate of a rule's `match`, and what all of them share: words, globs, and errors about keys."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from oagw_tornado.knobs.facts import Facts
from oagw_tornado.units.documents import brief, quoted
from oagw_tornado.units.globs import Glob, GlobError
from oagw_tornado.units.nearest import nearest

#: Headers, parameters or expressions that one rule looks at.
MOST_NAMES = 100

#: Texts in one list.
MOST_WORDS = 1000

#: Characters of one glob.
LONGEST_GLOB = 1000

MASK = "***"

# Parts of a request that an explanation does not show.
_SECRET = re.compile(r"auth|key|token|secret|cookie|passw|session|credential|signature", re.IGNORECASE)


class RuleError(ValueError):
    """A rule that can not be understood. The text names the key and says what was expected."""


class Predicate(NamedTuple):
    """One part of a `match`."""

    name: str
    """Its key, such as ``header.x-team``."""
    test: Callable[[Facts], bool]
    wanted: str
    """What it wants, as an explanation shows it."""
    seen: Callable[[Facts], object]
    """What it looked at."""
    text: Callable[[Facts], str] | None = None
    """The text, or all texts as one, in which `literals` are whenever it holds; None: nobody knows."""
    literals: tuple[str, ...] = ()
    """As `oagw_tornado.units.globs.folded` has them."""

    def saw(self, facts: Facts) -> str | None:
        """What it looked at, as an explanation shows it; None: nothing was there."""
        seen = self.seen(facts)
        return None if seen is None else MASK if _SECRET.search(self.name) else brief(seen)


Maker = Callable[[str, Any], list[Predicate]]


def unknown_key(key: object, known: Collection[str]) -> str:
    """The error message for a key that is not one of those `known`."""
    name = key[:80] if isinstance(key, str) else quoted(key)
    return f"{name}: no such key; expected {', '.join(known)}{nearest(name, known)}"


def words(where: str, value: Any) -> list[str]:
    """A text, or a list of texts, as a list. Raises RuleError, which says `where`."""
    given = value if isinstance(value, list) else [value]
    if len(given) > MOST_WORDS:
        raise RuleError(f"{where}: expected at most {MOST_WORDS} texts, not {len(given)}")
    if not given or not all(isinstance(word, str) for word in given):
        raise RuleError(f"{where}: expected a text or a list of texts, not {quoted(value)}")
    return given


def glob(where: str, value: Any, *, any_case: bool = False) -> Glob:
    """A glob. Raises RuleError."""
    if not isinstance(value, str) or len(value) > LONGEST_GLOB:
        raise RuleError(f"{where}: expected a text of at most {LONGEST_GLOB} characters, not {quoted(value)}")
    try:
        return Glob(value, any_case=any_case)
    except GlobError as error:
        raise RuleError(f"{where}: {error}, not {quoted(value)}") from None


def globs_by_name(where: str, value: Any, what: str, *, any_case: bool = False) -> dict[str, Glob]:
    """Globs by the names of what they are for. Raises RuleError."""
    if not isinstance(value, dict):
        raise RuleError(f"{where}: expected an object of {what} and globs, not {quoted(value)}")
    if len(value) > MOST_NAMES or not all(isinstance(name, str) for name in value):
        raise RuleError(f"{where}: expected at most {MOST_NAMES} {what}, each a text")
    return {name: glob(f"{where}.{name[:80]}", text, any_case=any_case) for name, text in value.items()}
