"""Which rules can apply at one place, an alias and a path: found once for each place that is asked for.

A thousand rules for a thousand places cost a request no more than the few that are for its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from oagw_tornado.knobs.facts import Facts
from oagw_tornado.knobs.rule import Rule

#: Misses that are told of one request.
MOST_MISSES = 3

_MOST_PLACES = 1024
_LONGEST_PATH = 512


class Miss(NamedTuple):
    """A rule that came near and did not apply: which of its predicates failed, what that wants and what it saw."""

    rule: str
    predicate: str
    wanted: str
    saw: str | None

    def as_json(self) -> dict[str, str | None]:
        return self._asdict()

    def __str__(self) -> str:
        return f"rule {self.rule}: {self.predicate} wants {self.wanted!r}, saw {self.saw!r}"


class Place(NamedTuple):
    """The rules that can apply at one place, in order, and those that come nearest among the others."""

    rules: tuple[Rule, ...]
    near: tuple[Miss, ...]


class RuleIndex:
    """The places of one list of rules, which never changes."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = rules
        self._places: dict[tuple[str, str], Place] = {}
        # Most places have the same few rules.
        self._same: dict[tuple[Rule, ...], tuple[Rule, ...]] = {}

    def place(self, facts: Facts) -> Place:
        """The place that a request asks for."""
        key = (facts.alias, facts.path)
        place = self._places.get(key)
        if place is None:
            place = self._find(facts)
            if len(facts.path) <= _LONGEST_PATH:
                if len(self._places) >= _MOST_PLACES:
                    self._places.clear()
                    self._same.clear()
                self._places[key] = place
        return place

    def _find(self, facts: Facts) -> Place:
        found: list[Rule] = []
        others: list[tuple[int, Miss]] = []
        for rule in self.rules:
            if not rule.meets_pages and facts.alias == "":
                continue
            for passed, predicate in enumerate(rule.placed):
                if not predicate.test(facts):
                    others.append((passed, Miss(rule.name, predicate.name, predicate.wanted, predicate.saw(facts))))
                    break
            else:
                found.append(rule)
        rules = tuple(found)
        near = sorted(others, key=lambda other: -other[0])[:MOST_MISSES]
        return Place(self._same.setdefault(rules, rules), tuple(miss for _, miss in near))
