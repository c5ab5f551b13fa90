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
from collections.abc import Callable, Collection, Container, Iterator, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any, cast

import orjson

from oagw_tornado.knobs.match import Facts, RuleError, Test, tests_of, unknown_key, words
from oagw_tornado.knobs.vocabulary import VOCABULARY, Knobs, as_text, resolve
from oagw_tornado.units.documents import quoted
from oagw_tornado.units.knob_errors import KnobError
from oagw_tornado.units.nearest import nearest

#: Rules in one list.
MOST_RULES = 1000

#: Bytes of all rules in one list, as JSON.
LARGEST_RULES = 4 * 2**20

_NAME = re.compile(r"[A-Za-z0-9._~:-]{1,64}", re.ASCII)
_OWN_KEYS = ("name", "match", "when", "source")
_WHEN_KEYS = ("probability", "first", "every", "after")


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
        # True if it may meet the gateway's own pages: it names the path of one, and no upstream.
        self.meets_pages = _names_page(document.get("match", {}))
        self.size = 0  # bytes of the document as JSON
        self.fitted = 0
        self.applied = 0
        # The server's knobs, and this rule's over them.
        self._resolved: tuple[Knobs, Knobs] | None = None

    @property
    def aliases(self) -> tuple[str, ...]:
        """The upstreams that it looks at; empty: at all of them."""
        aliases = words("match.alias", self.document.get("match", {}).get("alias", ["*"]))
        return () if "*" in aliases else tuple(aliases)

    def fits(self, facts: Facts) -> bool:
        return (self.meets_pages or facts.alias != "") and all(test(facts) for test in self.tests)

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
    """The rules of one simulator, in order, with their counts.

    `aliases` are the upstreams there are, None if that is not known; `places` say where each of the first rules
    stands, such as ``sim.yaml: line 4``, for an error to name. `check` may raise RuleError for a rule that asks for
    what its upstreams have not.
    """

    def __init__(
        self,
        documents: Sequence[Any] = (),
        aliases: Collection[str] | None = None,
        places: Sequence[str] = (),
        check: Callable[[Rule], None] = lambda rule: None,
    ) -> None:
        self.list: list[Rule] = []
        self._check = check
        self._aliases = aliases
        self._numbered = 0
        for _ in self.replacing(documents, places):
            pass
        self._first = self.list

    def replace(self, documents: Sequence[Any]) -> None:
        """Other rules in the place of all. All or nothing: raises RuleError."""
        for _ in self.replacing(documents):
            pass

    def replacing(self, documents: Sequence[Any], places: Sequence[str] = ()) -> Iterator[None]:
        """As `replace`, one rule a step, so that a long list need not be read in one go; done with the last step."""
        if len(documents) > MOST_RULES:
            raise RuleError(f"expected at most {MOST_RULES} rules")
        rules: dict[str, Rule] = {}
        size = 0
        for number, document in enumerate(documents, 1):
            try:
                rule = self._read(document, f"rule-{number}", rules, size)
            except RuleError as error:
                place = f"{places[number - 1]}: " if places else ""
                raise RuleError(f"{place}{_name_in(document, number)}: {error}") from None
            rules[rule.name] = rule
            size += rule.size
            yield
        self.list = list(rules.values())
        self._numbered = len(rules)

    def reset(self) -> None:
        """The first rules again, their counts at zero."""
        self.list = self._first
        self._numbered = len(self.list)
        for rule in self.list:
            rule.fitted = rule.applied = 0

    def add(self, document: Any) -> Rule:
        """One more rule, behind the others. Raises RuleError."""
        if len(self.list) >= MOST_RULES:
            raise RuleError(f"expected at most {MOST_RULES} rules")
        names = {rule.name for rule in self.list}
        number = self._numbered + 1
        while f"rule-{number}" in names:
            number += 1
        rule = self._read(document, f"rule-{number}", names, sum(rule.size for rule in self.list))
        self.list = [*self.list, rule]
        self._numbered = number
        return rule

    def _read(self, document: Any, name: str, names: Container[str], size: int) -> Rule:
        """A rule that goes with those of these names, which take `size` bytes."""
        rule = parse_rule(document, name)
        if rule.name in names:
            raise RuleError(f"name: there would be two rules {rule.name!r}")
        if size + rule.size > LARGEST_RULES:
            raise RuleError(f"rules: expected at most {LARGEST_RULES} bytes of rules in all")
        if self._aliases is not None:
            aliases = words("match.alias", document.get("match", {}).get("alias", ["*"]))
            for alias in set(aliases).difference(self._aliases, "*"):
                hint = nearest(alias, self._aliases)
                raise RuleError(f"match.alias: no upstream {quoted(alias)}; expected {', '.join(self._aliases)}{hint}")
        self._check(rule)
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
        raise RuleError(f"expected an object such as {{'match': …, 'fault': …}}, not {quoted(document)}")
    for key in document:
        if key not in _OWN_KEYS and key not in VOCABULARY:
            raise RuleError(unknown_key(key, (*_OWN_KEYS, *VOCABULARY)))
    given = document.get("name", name)
    if not isinstance(given, str) or not _NAME.fullmatch(given):
        raise RuleError("name: expected 1 to 64 letters, digits and . _ ~ : -")
    source = document.get("source")
    if source not in (None, "upstream", "gateway"):
        raise RuleError(f"source: expected upstream or gateway, not {quoted(source)}")
    knobs: dict[str, str] = {}
    for key, value in document.items():
        if key in VOCABULARY:
            try:
                knobs[key] = as_text(value)
            except ValueError as error:
                raise RuleError(f"{key}: {error}") from None
    rule = Rule(given, tests_of(document.get("match", {})), _when(document.get("when", {})), knobs, source, document)
    try:
        rule.over(Knobs())
    except KnobError as error:
        raise RuleError(str(error)) from None
    rule.size = _size(document)
    return rule


def _names_page(match: Any) -> bool:
    path = match.get("path") if isinstance(match, dict) and "alias" not in match else None
    return isinstance(path, str) and path[:1] == "/" and path[1:2] not in ("", "*", "?", "[")


def _name_in(document: Any, number: int) -> str:
    name = document.get("name") if isinstance(document, dict) else None
    return name if isinstance(name, str) and _NAME.fullmatch(name) else f"rule-{number}"


def _size(document: Any) -> int:
    try:
        return len(orjson.dumps(document))
    except TypeError as error:  # YAML has values that JSON has not; and what nests too deep is none either
        raise RuleError(f"expected what JSON can say: {error}") from None


def _when(when: Any) -> When:
    if not isinstance(when, dict):
        raise RuleError(f"when: expected an object, not {quoted(when)}")
    for key, value in when.items():
        if key not in _WHEN_KEYS:
            raise RuleError(f"when.{unknown_key(key, _WHEN_KEYS)}")
        low = 1 if key == "every" else 0
        if key == "probability":
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
                raise RuleError(f"when.probability: expected a number from 0 to 1, not {quoted(value)}")
        elif isinstance(value, bool) or not isinstance(value, int) or not low <= value < 2**63:
            raise RuleError(f"when.{key}: expected a whole number from {low} up, not {quoted(value)}")
    return When(**when)
