"""Rules: which requests get other knobs, for clients and gateways that can pass no header. ::

    {"match": {"alias": "openai", "path": "v1/chat/*"}, "when": {"first": 2}, "fault": "status;code=429"}

A rule applies to a request that fits every part of its `match` whenever its `when` holds. The first rule that applies
wins; one that fits while its `when` does not hold is passed over, so "two failures, then success" is one rule.
Counting is per rule, over the requests that fit it: `after` leaves out the first n, `first` stops after n of what
is left, `every` takes each n-th of these, `probability` throws a die for what remains.

Matching and counting are pure functions of the request and the rule's own count; the die is handed in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fnmatch import translate
from random import Random
from typing import Any, cast

import orjson

from oagw_tornado.knobs.vocabulary import VOCABULARY, Knobs, as_text, resolve
from oagw_tornado.units.knob_errors import KnobError

#: Rules in one list.
MOST_RULES = 1000

_NAME = re.compile(r"[A-Za-z0-9._~:-]{1,64}", re.ASCII)
_OWN_KEYS = ("name", "match", "when", "source")

#: What a rule can look at.
MATCH_KEYS = ("alias", "path", "method", "header", "body", "model")


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


class When:
    """At which of the requests that fit it a rule applies."""

    __slots__ = ("probability", "first", "every", "after")

    def __init__(self, probability: float = 1.0, first: int | None = None, every: int = 1, after: int = 0) -> None:
        self.probability = probability
        self.first = first
        self.every = every
        self.after = after

    def holds(self, number: int, roll: Callable[[], float]) -> bool:
        """Whether it applies to the request that is the `number`-th to fit, from 1. `roll` gives a number below 1."""
        counted = number - self.after
        if counted < 1 or (self.first is not None and counted > self.first) or counted % self.every:
            return False
        return self.probability >= 1.0 or roll() < self.probability


class Rule:
    """One rule and its count. `document` is the rule as it was given."""

    def __init__(
        self,
        name: str,
        tests: tuple[Test, ...],
        when: When,
        knobs: Mapping[str, str],
        source: str | None,
        document: Mapping[str, Any],
    ) -> None:
        self.name = name
        self.tests = tests
        self.when = when
        self.knobs = knobs
        self.source = source
        self.document = document
        self.fitted = 0
        self.applied = 0
        # The server's knobs, and this rule's over them.
        self._resolved: tuple[Knobs, Knobs] | None = None

    def fits(self, facts: Facts) -> bool:
        return all(test(facts) for test in self.tests)

    def over(self, base: Knobs) -> Knobs:
        """The rule's knobs over the server's. Made anew only when those have changed."""
        if self._resolved is None or self._resolved[0] is not base:
            self._resolved = (base, self._over(base))
        return self._resolved[1]

    def _over(self, base: Knobs) -> Knobs:
        knobs = resolve(base, self.knobs)
        return knobs if self.source is None else replace(knobs, source=cast(Any, self.source))

    def as_json(self) -> dict[str, Any]:
        """The rule as it was given, with its name and its counts."""
        return {"name": self.name, **self.document, "fitted": self.fitted, "applied": self.applied}


class Rules:
    """The rules of one simulator, in order, with their counts."""

    def __init__(self, documents: Sequence[Any] = ()) -> None:
        self.list: list[Rule] = []
        self._numbered = 0
        self.replace(documents)

    def replace(self, documents: Sequence[Any]) -> None:
        """Other rules in the place of all. All or nothing: raises RuleError."""
        if len(documents) > MOST_RULES:
            raise RuleError(f"expected at most {MOST_RULES} rules")
        rules: list[Rule] = []
        for number, document in enumerate(documents, 1):
            rule = parse_rule(document, f"rule-{number}")
            if any(rule.name == other.name for other in rules):
                raise RuleError(f"name: there are two rules {rule.name!r}")
            rules.append(rule)
        self.list = rules
        self._numbered = len(rules)

    def add(self, document: Any) -> Rule:
        """One more rule, behind the others. Raises RuleError."""
        if len(self.list) >= MOST_RULES:
            raise RuleError(f"expected at most {MOST_RULES} rules")
        names = {rule.name for rule in self.list}
        number = self._numbered + 1
        while f"rule-{number}" in names:
            number += 1
        rule = parse_rule(document, f"rule-{number}")
        if rule.name in names:
            raise RuleError(f"name: there is a rule {rule.name!r} already")
        self.list = [*self.list, rule]
        self._numbered = number
        return rule

    def find(self, name: str) -> Rule | None:
        return next((rule for rule in self.list if rule.name == name), None)

    def remove(self, name: str) -> bool:
        """Whether there was such a rule."""
        kept = [rule for rule in self.list if rule.name != name]
        found = len(kept) < len(self.list)
        self.list = kept
        return found

    def apply(self, facts: Facts, random_for: Callable[[Rule], Random]) -> Rule | None:
        """The rule that applies to this request, counted; `random_for` gives the generator of a rule's die."""
        for rule in self.list:
            if rule.fits(facts):
                rule.fitted += 1
                if rule.when.holds(rule.fitted, lambda rule=rule: random_for(rule).random()):  # type: ignore[misc]
                    rule.applied += 1
                    return rule
        return None


def parse_rule(document: Any, name: str) -> Rule:
    """Read a rule, which is called `name` unless it says otherwise. Raises RuleError, which names the key."""
    if not isinstance(document, dict):
        raise RuleError(f"expected an object such as {{'match': …, 'fault': …}}, not {str(document)[:80]!r}")
    for key in document:
        if key not in _OWN_KEYS and key not in VOCABULARY:
            raise RuleError(f"{str(key)[:80]}: no such key; expected {', '.join((*_OWN_KEYS, *VOCABULARY))}")
    given = document.get("name", name)
    if not isinstance(given, str) or not _NAME.fullmatch(given):
        raise RuleError("name: expected 1 to 64 letters, digits and . _ ~ : -")
    source = document.get("source")
    if source not in (None, "upstream", "gateway"):
        raise RuleError(f"source: expected upstream or gateway, not {str(source)[:80]!r}")
    knobs: dict[str, str] = {}
    for key, value in document.items():
        if key in VOCABULARY:
            try:
                knobs[key] = as_text(value)
            except ValueError as error:
                raise RuleError(f"{key}: {error}") from None
    rule = Rule(given, _tests(document.get("match", {})), _when(document.get("when", {})), knobs, source, document)
    try:
        rule.over(Knobs())
    except KnobError as error:
        raise RuleError(str(error)) from None
    return rule


def _model_in(body: bytes) -> str:
    if b'"model"' not in body:
        return ""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    model = document.get("model") if isinstance(document, dict) else None
    return model if isinstance(model, str) else ""


def _tests(match: Any) -> tuple[Test, ...]:
    if not isinstance(match, dict):
        raise RuleError(f"match: expected an object, not {str(match)[:80]!r}")
    tests: list[Test] = []
    for key, value in match.items():
        make = _TESTS.get(key)
        if make is None:
            raise RuleError(f"match.{str(key)[:80]}: no such key; expected {', '.join(_TESTS)}")
        tests.append(make(f"match.{key}", value))
    return tuple(tests)


def _when(when: Any) -> When:
    if not isinstance(when, dict):
        raise RuleError(f"when: expected an object, not {str(when)[:80]!r}")
    for key, value in when.items():
        if key not in ("probability", "first", "every", "after"):
            raise RuleError(f"when.{str(key)[:80]}: no such key; expected probability, first, every, after")
        low = 1 if key == "every" else 0
        if key == "probability":
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
                raise RuleError(f"when.probability: expected a number from 0 to 1, not {str(value)[:80]!r}")
        elif isinstance(value, bool) or not isinstance(value, int) or not low <= value < 2**63:
            raise RuleError(f"when.{key}: expected a whole number from {low} up, not {str(value)[:80]!r}")
    return When(**when)


def _glob(where: str, value: Any) -> re.Pattern[str]:
    if not isinstance(value, str) or len(value) > 1000:
        raise RuleError(f"{where}: expected a text, not {str(value)[:80]!r}")
    return re.compile(translate(value))


def _words(where: str, value: Any) -> list[str]:
    words = value if isinstance(value, list) else [value]
    if not words or not all(isinstance(word, str) for word in words):
        raise RuleError(f"{where}: expected a text or a list of texts, not {str(value)[:80]!r}")
    return words


def _alias(where: str, value: Any) -> Test:
    aliases = frozenset(_words(where, value))
    return lambda facts: facts.alias in aliases


def _path(where: str, value: Any) -> Test:
    pattern = _glob(where, value.removeprefix("/") if isinstance(value, str) else value)
    return lambda facts: pattern.match(facts.path) is not None


def _method(where: str, value: Any) -> Test:
    methods = frozenset(word.upper() for word in _words(where, value))
    return lambda facts: facts.method in methods


def _header(where: str, value: Any) -> Test:
    if not isinstance(value, dict):
        raise RuleError(f"{where}: expected an object of header names and globs, not {str(value)[:80]!r}")
    patterns = [(str(name), _glob(f"{where}.{str(name)[:80]}", glob)) for name, glob in value.items()]

    def test(facts: Facts) -> bool:
        for name, pattern in patterns:
            found = facts.headers.get(name)
            if found is None or pattern.match(found) is None:
                return False
        return True

    return test


def _body(where: str, value: Any) -> Test:
    if not isinstance(value, str):
        raise RuleError(f"{where}: expected a text, not {str(value)[:80]!r}")
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
