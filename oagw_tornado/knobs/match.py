"""What a request must be like for a rule to look at it: the `match` of a rule, as tests of the facts of a request."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from fnmatch import translate
from typing import Any

import orjson

from oagw_tornado.units.documents import quoted
from oagw_tornado.units.nearest import nearest

#: Headers that one rule looks at: each is a pattern, which takes a thousand times the memory of its text.
MOST_HEADERS = 100

#: Characters of one glob.
LONGEST_GLOB = 1000


class RuleError(ValueError):
    """A rule that can not be understood. The text names the key and says what was expected."""


class Facts:
    """What a rule may look at. `path` is the service's, percent-decoded, without its leading slash."""

    __slots__ = ("alias", "path", "method", "headers", "body", "_model")

    def __init__(self, alias: str, path: str, method: str, headers: Mapping[str, str], body: bytes) -> None:
        self.alias = alias
        self.path = path
        self.method = method
        self.headers = headers
        self.body = body
        self._model: str | None = None

    @property
    def model(self) -> str:
        """The ``model`` of a JSON body; empty if there is none. Read once, for the first rule that asks."""
        if self._model is None:
            self._model = _model_in(self.body)
        return self._model


Test = Callable[[Facts], bool]


def tests_of(match: Any) -> tuple[Test, ...]:
    """The tests that a rule's `match` stands for. Raises RuleError."""
    if not isinstance(match, dict):
        raise RuleError(f"match: expected an object, not {quoted(match)}")
    tests: list[Test] = []
    for key, value in match.items():
        make = _TESTS.get(key)
        if make is None:
            raise RuleError(f"match.{unknown_key(key, _TESTS)}")
        tests.append(make(f"match.{key}", value))
    return tuple(tests)


def _model_in(body: bytes) -> str:
    if b'"model"' not in body:
        return ""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    model = document.get("model") if isinstance(document, dict) else None
    return model if isinstance(model, str) else ""


def _glob(where: str, value: Any) -> re.Pattern[str]:
    if not isinstance(value, str) or len(value) > LONGEST_GLOB:
        raise RuleError(f"{where}: expected a text of at most {LONGEST_GLOB} characters, not {quoted(value)}")
    return re.compile(translate(value))


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


def _alias(where: str, value: Any) -> Test:
    aliases = frozenset(words(where, value))
    return lambda facts: facts.alias in aliases


def _path(where: str, value: Any) -> Test:
    pattern = _glob(where, value.removeprefix("/") if isinstance(value, str) else value)
    return lambda facts: pattern.match(facts.path) is not None


def _method(where: str, value: Any) -> Test:
    methods = frozenset(word.upper() for word in words(where, value))
    return lambda facts: facts.method in methods


def _header(where: str, value: Any) -> Test:
    if not isinstance(value, dict):
        raise RuleError(f"{where}: expected an object of header names and globs, not {quoted(value)}")
    if len(value) > MOST_HEADERS or not all(isinstance(name, str) for name in value):
        raise RuleError(f"{where}: expected at most {MOST_HEADERS} header names, each a text")
    patterns = [(name, _glob(f"{where}.{name[:80]}", glob)) for name, glob in value.items()]

    def test(facts: Facts) -> bool:
        for name, pattern in patterns:
            found = facts.headers.get(name)
            if found is None or pattern.match(found) is None:
                return False
        return True

    return test


def _body(where: str, value: Any) -> Test:
    if not isinstance(value, str):
        raise RuleError(f"{where}: expected a text, not {quoted(value)}")
    text = value.encode("utf-8", "surrogatepass")
    return lambda facts: text in facts.body


def _model(where: str, value: Any) -> Test:
    pattern = _glob(where, value)
    return lambda facts: pattern.match(facts.model) is not None


_TESTS: Mapping[str, Callable[[str, Any], Test]] = {
    "alias": _alias,
    "path": _path,
    "method": _method,
    "header": _header,
    "body": _body,
    "model": _model,
}

#: What a rule can look at.
MATCH_KEYS = tuple(_TESTS)
