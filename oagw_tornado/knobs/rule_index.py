"""Which rules can apply at a place (an alias, a method and a path), looked up once per place.

With a thousand rules for a thousand places, a request costs no more than with only the few for its own place; with a
thousand at one place that differ by texts, little more than with those whose texts occur (see `text_index`).
"""

from __future__ import annotations

from collections.abc import Container, Generator, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice, takewhile
from typing import TYPE_CHECKING, NamedTuple

from oagw_tornado.knobs.facts import Facts
from oagw_tornado.knobs.rule import Rule
from oagw_tornado.units.caches import RepeatCache

if TYPE_CHECKING:
    from oagw_tornado.knobs.text_index import TextIndex

#: Near misses recorded per request.
MOST_MISSES = 3

#: Rules at one place from which on it pays to look for texts first.
MANY_RULES = 16

#: Beginnings of rules that are tried for a request only to tell how near the rules came that have them.
MOST_BEGINNINGS = 32

_MOST_PLACES = 1024
_LONGEST_PATH = 512


class NearMiss(NamedTuple):
    """A rule that came near and did not apply: which of its predicates failed, what that wants and what it saw."""

    rule: str
    predicate: str
    wanted: str
    saw: str | None

    def as_json(self) -> dict[str, str | None]:
        return self._asdict()

    def __str__(self) -> str:
        return f"rule {self.rule}: {self.predicate} wants {self.wanted!r}, saw {self.saw!r}"


class Unlikely(NamedTuple):
    """Rules that begin with the same predicates, and fail by the next one if their texts are not there."""

    begin: Rule
    passed: int
    """The predicates they begin with."""
    numbers: list[int]

    def failed(self, facts: Facts) -> int:
        """The first predicate that does not hold for any of them."""
        for number, predicate in enumerate(self.begin.predicates[: self.passed]):
            if not predicate.test(facts):
                return number
        return self.passed


class Bucket:
    """Rules that can apply at some places, in order, by their numbers in the list of all."""

    def __init__(self, rules: dict[int, Rule], texts: TextIndex | None) -> None:
        self.rules = rules
        self._texts = texts if len(rules) >= MANY_RULES else None

    @cached_property
    def _always(self) -> list[int]:
        decided = {} if self._texts is None else self._texts.decided_by
        return [number for number in self.rules if number not in decided]

    @cached_property
    def _unlikely(self) -> list[Unlikely]:
        """The other rules, by what they begin with; those that begin with most come first."""
        decided = {} if self._texts is None else self._texts.decided_by
        alike: dict[object, Unlikely] = {}
        for number, rule in self.rules.items():
            if (passed := decided.get(number)) is not None:
                alike.setdefault(rule.beginning(passed), Unlikely(rule, passed, [])).numbers.append(number)
        return sorted(alike.values(), key=lambda each: -each.passed)

    def likely(self, facts: Facts) -> Generator[None, None, Iterable[int]]:
        """The rules that can fit the request, in order. Steps through a long text."""
        if self._texts is None:
            return self.rules
        found = yield from self._texts.finding(facts)
        return sorted([*self._always, *(number for number in found if number in self.rules)])

    def unlikely(self, facts: Facts, tried: Container[int], before: int) -> Iterator[tuple[int, int]]:
        """How far the rules before the number `before` came that were not `tried`, and their numbers: those that
        can be among the nearest."""
        if self._texts is None:
            return
        for each in self._unlikely[:MOST_BEGINNINGS]:
            left = (number for number in takewhile(lambda number: number < before, each.numbers) if number not in tried)
            if numbers := list(islice(left, MOST_MISSES)):
                failed = each.failed(facts)
                yield from ((failed, number) for number in numbers)


class Place(NamedTuple):
    """The rules that can apply at one place, and those that come nearest among the others."""

    bucket: Bucket
    near: tuple[NearMiss, ...]


class RuleIndex:
    """The places of one list of rules, which never changes."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = rules
        self._places: RepeatCache[tuple[str, str], Place] = RepeatCache(_MOST_PLACES)
        # Most places have the same few rules.
        self._same: dict[tuple[int, ...], Bucket] = {}

    @cached_property
    def _texts(self) -> TextIndex | None:
        if len(self.rules) < MANY_RULES:
            return None
        from oagw_tornado.knobs.text_index import TextIndex

        return TextIndex(self.rules)

    def place(self, facts: Facts) -> Place:
        """The place that a request asks for."""
        key = (facts.alias, facts.path)
        place = self._places.get(key)
        if place is None:
            place = self._find(facts)
            if len(facts.path) <= _LONGEST_PATH:
                self._places.offer(key, place)
        return place

    def _find(self, facts: Facts) -> Place:
        found: dict[int, Rule] = {}
        others: list[tuple[int, NearMiss]] = []
        for number, rule in enumerate(self.rules):
            if not rule.meets_pages and facts.alias == "":
                continue
            for passed, predicate in enumerate(rule.placed):
                if not predicate.test(facts):
                    others.append((passed, NearMiss(rule.name, predicate.name, predicate.wanted, predicate.saw(facts))))
                    break
            else:
                found[number] = rule
        near = sorted(others, key=lambda other: -other[0])[:MOST_MISSES]
        bucket = self._same.get(tuple(found))
        if bucket is None:
            if len(self._same) >= _MOST_PLACES:
                self._same.clear()
            bucket = self._same[tuple(found)] = Bucket(found, self._texts)
        return Place(bucket, tuple(miss for _, miss in near))
