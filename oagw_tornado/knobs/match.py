"""What a request must be like for a rule to apply: the `match` of a rule, as predicates of the facts of a request."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from fnmatch import translate
from typing import Any, NamedTuple

from oagw_tornado.knobs.facts import Facts
from oagw_tornado.units.documents import brief, quoted
from oagw_tornado.units.nearest import nearest

#: Headers, parameters or expressions that one rule looks at: each is a pattern, a thousand times as large as its text.
MOST_NAMES = 100

#: Characters of one glob.
LONGEST_GLOB = 1000

MASK = "***"

# What is not shown of a request in an explanation.
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

    def saw(self, facts: Facts) -> str | None:
        """What it looked at, as an explanation shows it; None: nothing was there."""
        seen = self.seen(facts)
        return None if seen is None else MASK if _SECRET.search(self.name) else brief(seen)


Maker = Callable[[str, Any], list[Predicate]]


def predicates_of(match: Any) -> tuple[Predicate, ...]:
    """The predicates that a rule's `match` stands for, what is cheap to ask first. Raises RuleError."""
    makers = _makers()
    if not isinstance(match, dict):
        raise RuleError(f"match: expected an object, not {quoted(match)}")
    for key in match:
        if key not in makers:
            raise RuleError(f"match.{unknown_key(key, MATCH_KEYS)}")
    return tuple(
        predicate
        for key in sorted(match, key=MATCH_KEYS.index)
        for predicate in makers[key](f"match.{key}", match[key])
    )


def unknown_key(key: object, known: Collection[str]) -> str:
    """What is said of a key that is none of those `known`."""
    name = key[:80] if isinstance(key, str) else quoted(key)
    return f"{name}: no such key; expected {', '.join(known)}{nearest(name, known)}"


def words(where: str, value: Any) -> list[str]:
    """A text, or a list of texts, as a list. Raises RuleError, which says `where`."""
    given = value if isinstance(value, list) else [value]
    if not given or not all(isinstance(word, str) for word in given):
        raise RuleError(f"{where}: expected a text or a list of texts, not {quoted(value)}")
    return given


def glob(where: str, value: Any, *, any_case: bool = False) -> re.Pattern[str]:
    """A glob as a pattern. Raises RuleError."""
    if not isinstance(value, str) or len(value) > LONGEST_GLOB:
        raise RuleError(f"{where}: expected a text of at most {LONGEST_GLOB} characters, not {quoted(value)}")
    return re.compile(translate(value), re.IGNORECASE if any_case else 0)


def globs_by_name(where: str, value: Any, what: str, *, any_case: bool = False) -> dict[str, re.Pattern[str]]:
    """Globs by the names of what they are for. Raises RuleError."""
    if not isinstance(value, dict):
        raise RuleError(f"{where}: expected an object of {what} and globs, not {quoted(value)}")
    if len(value) > MOST_NAMES or not all(isinstance(name, str) for name in value):
        raise RuleError(f"{where}: expected at most {MOST_NAMES} {what}, each a text")
    return {name: glob(f"{where}.{name[:80]}", text, any_case=any_case) for name, text in value.items()}


def _alias(where: str, value: Any) -> list[Predicate]:
    aliases = frozenset(words(where, value))
    wanted = ", ".join(sorted(aliases))
    return [Predicate("alias", lambda facts: facts.alias in aliases, wanted, lambda facts: facts.alias)]


def _path(where: str, value: Any) -> list[Predicate]:
    pattern = glob(where, value.removeprefix("/") if isinstance(value, str) else value)
    return [Predicate("path", lambda facts: pattern.match(facts.path) is not None, value, lambda facts: facts.path)]


def _method(where: str, value: Any) -> list[Predicate]:
    methods = frozenset(word.upper() for word in words(where, value))
    wanted = ", ".join(sorted(methods))
    return [Predicate("method", lambda facts: facts.method in methods, wanted, lambda facts: facts.method)]


def _header(where: str, value: Any) -> list[Predicate]:
    def one(name: str, pattern: re.Pattern[str]) -> Predicate:
        def test(facts: Facts) -> bool:
            found = facts.headers.get(name)
            return found is not None and pattern.match(found) is not None

        return Predicate(f"header.{name}", test, value[name], lambda facts: facts.headers.get(name))

    return [one(name, pattern) for name, pattern in globs_by_name(where, value, "header names").items()]


def _query(where: str, value: Any) -> list[Predicate]:
    def one(name: str, pattern: re.Pattern[str]) -> Predicate:
        def test(facts: Facts) -> bool:
            return any(pattern.match(each) for each in facts.query.get(name, ()))

        def seen(facts: Facts) -> object:
            return next(iter(facts.query.get(name, ())), None)

        return Predicate(f"query.{name}", test, value[name], seen)

    return [one(name, pattern) for name, pattern in globs_by_name(where, value, "parameters").items()]


def _body(where: str, value: Any) -> list[Predicate]:
    if not isinstance(value, str):
        raise RuleError(f"{where}: expected a text, not {quoted(value)}")
    text = value.encode("utf-8", "surrogatepass")
    seen = lambda facts: facts.body[:80].decode("utf-8", "replace")  # noqa: E731
    return [Predicate("body", lambda facts: text in facts.body, brief(value), seen)]


def _model(where: str, value: Any) -> list[Predicate]:
    pattern = glob(where, value)
    return [Predicate("model", lambda facts: pattern.match(facts.model) is not None, value, lambda facts: facts.model)]


#: What a rule can look at, what is cheap first.
MATCH_KEYS = (
    "alias",
    "path",
    "method",
    "header",
    "query",
    "body",
    "model",
    "stream",
    "turn",
    "last-message",
    "tool",
    "tool-result",
    "response-format",
    "system",
    "any-message",
    "json",
)


def _makers() -> Mapping[str, Maker]:
    from oagw_tornado.knobs.match_conversation import MAKERS  # which needs the names above

    return {**_MAKERS, **MAKERS}


_MAKERS: Mapping[str, Maker] = {
    "alias": _alias,
    "path": _path,
    "method": _method,
    "header": _header,
    "query": _query,
    "body": _body,
    "model": _model,
}
