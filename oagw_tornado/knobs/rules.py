"""Rules: which requests get which knobs or replies, for clients and gateways that cannot send a header. ::

    {"match": {"alias": "openai", "path": "v1/chat/*"}, "when": {"first": 2}, "fault": "status;code=429"}

A rule applies to a request that matches every part of its `match` if its `when` holds. The first rule that applies
wins; one that matches but whose `when` does not hold is skipped, so "two failures, then success" is one rule.
Each rule counts the requests that match it: `after` skips the first n, `first` stops after n of the
rest, `every` takes every n-th of these, `probability` draws for what remains.

Matching and counting are pure functions of the request and the rule's own count; the random generator is passed in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Generator, Iterator, Mapping, Sequence
from random import Random
from typing import Any, NamedTuple, TypeVar

from oagw_tornado.knobs.facts import Facts
from oagw_tornado.knobs.predicate import RuleError, words
from oagw_tornado.knobs.rule import NAME, Rule, parse_rule
from oagw_tornado.knobs.rule_index import MANY_RULES, MOST_MISSES, NearMiss, Place, RuleIndex
from oagw_tornado.units.documents import quoted
from oagw_tornado.units.nearest import nearest

#: Rules in one list.
MOST_RULES = 1000

#: Bytes of all rules in one list, as JSON.
LARGEST_RULES = 4 * 2**20


#: Bytes of a body from which on the rules are tried in turns.
LONG = 64 * 2**10

T = TypeVar("T")


class Applied(NamedTuple):
    """The rule that applies to a request, if one does, and those before it that came nearest."""

    rule: Rule | None
    nearest: tuple[NearMiss, ...] = ()


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
        self._index = RuleIndex(self.list)
        self._check = check
        self._aliases = aliases
        self._numbered = 0
        #: Of the rules that are read from now on: see `Rule.birth`.
        self.birth = ""
        for _ in self.replacing(documents, places):
            pass
        self._first = self.list

    def replace(self, documents: Sequence[Any]) -> None:
        """Other rules in the place of all. All or nothing: raises RuleError."""
        for _ in self.replacing(documents):
            pass

    def replacing(
        self,
        documents: Sequence[Any],
        places: Sequence[str] = (),
        check: Callable[[Any], object] = lambda document: None,
    ) -> Iterator[None]:
        """As `replace`, one rule a step, so that a long list need not be read in one go; done with the last step.

        `check` may raise for a document before it is read.
        """
        if len(documents) > MOST_RULES:
            raise RuleError(f"expected at most {MOST_RULES} rules")
        rules: dict[str, Rule] = {}
        size = 0
        for number, document in enumerate(documents, 1):
            try:
                check(document)
                rule = self._read(document, f"rule-{number}", rules, size)
            except RuleError as error:
                place = f"{places[number - 1]}: " if places else ""
                raise RuleError(f"{place}{_name_in(document, number)}: {error}") from None
            rules[rule.name] = rule
            size += rule.size
            if len(documents) >= MANY_RULES:
                from oagw_tornado.knobs.text_index import offered_by

                offered_by(rule)  # here in steps, else all of them in the first request
            yield
        self.list = list(rules.values())
        self._numbered = len(rules)

    def take_over(self, other: Rules) -> None:
        """Those of `other` in the place of all, and as the first ones."""
        self.list = self._first = other.list
        self._numbered = other._numbered

    def restore(self, described: Sequence[tuple[str, str, Any]]) -> None:
        """The rules that are `described` by birth, name and document; those that are here already keep their counts.

        Raises RuleError.
        """
        known = {rule.key: rule for rule in (*self._first, *self.list)}
        rules = []
        for birth, name, document in described:
            rule = known.get(f"{birth}/{name}")
            if rule is None:
                rule = parse_rule(document, name)
                rule.birth = birth
                self._check(rule)
            rules.append(rule)
        self.list = rules
        self._numbered = len(rules)

    def reset(self) -> None:
        """The first rules again, their counts at zero."""
        self.list = self._first
        self._numbered = len(self.list)
        for rule in self.list:
            rule.counts.clear()

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

    def check(self, document: Any) -> Rule:
        """The rule that `document` describes, if it could be one here; nothing is added. Raises RuleError."""
        return self._read(document, "unnamed", (), 0)

    def put(self, name: str, document: Any) -> tuple[Rule, bool]:
        """Have `document` in the place of the rule of that name, or behind the others if there is none; it may give
        another name. Its counts begin anew, those of the others go on. The result says if it is new, too.

        Raises RuleError.
        """
        place = next((number for number, rule in enumerate(self.list) if rule.name == name), len(self.list))
        if place == len(self.list) >= MOST_RULES:
            raise RuleError(f"expected at most {MOST_RULES} rules")
        others = [*self.list[:place], *self.list[place + 1 :]]
        names = {rule.name for rule in others}
        rule = self._read(document, name, names, sum(other.size for other in others))
        is_new = place == len(self.list)
        self.list = [*others[:place], rule, *others[place:]]
        return rule, is_new

    def reorder(self, names: Sequence[Any]) -> None:
        """Have the same rules in another order; their counts go on. Raises RuleError unless each is named once."""
        rules = {rule.name: rule for rule in self.list}
        if len(names) != len(rules) or {name for name in names if isinstance(name, str)} != rules.keys():
            raise RuleError("order: expected the name of each rule there is, once")
        self.list = [rules[name] for name in names]

    def _read(self, document: Any, name: str, names: Container[str], size: int) -> Rule:
        """A rule that goes with those of these names, which take `size` bytes."""
        rule = parse_rule(document, name)
        if rule.name in names:
            raise RuleError(f"name: another rule is called {rule.name!r}")
        if size + rule.size > LARGEST_RULES:
            raise RuleError(f"rules: expected at most {LARGEST_RULES} bytes of rules in all")
        if self._aliases is not None:
            aliases = words("match.alias", document.get("match", {}).get("alias", ["*"]))
            for alias in set(aliases).difference(self._aliases, "*"):
                hint = nearest(alias, self._aliases)
                raise RuleError(f"match.alias: no upstream {quoted(alias)}; expected {', '.join(self._aliases)}{hint}")
        self._check(rule)
        rule.birth = self.birth
        return rule

    def find(self, name: str) -> Rule | None:
        return next((rule for rule in self.list if rule.name == name), None)

    def remove(self, name: str) -> bool:
        """Whether there was such a rule."""
        kept = [rule for rule in self.list if rule.name != name]
        found = len(kept) < len(self.list)
        self.list = kept
        return found

    @property
    def index(self) -> RuleIndex:
        """The places of the rules as they are now."""
        if self._index.rules is not self.list:
            self._index = RuleIndex(self.list)
        return self._index

    def apply(self, facts: Facts, random_for: Callable[[Rule], Random]) -> Applied:
        """The rule that applies to this request, counted; `random_for` gives the generator of a rule's die."""
        return finished(self.applying(facts, random_for))

    def applying(self, facts: Facts, random_for: Callable[[Rule], Random]) -> Generator[None, None, Applied]:
        """As `apply`, in steps: many rules and a long text need not be looked at in one go."""
        return self.deciding(facts, lambda rule: _takes(rule, facts, random_for))

    def explain(self, facts: Facts) -> Applied:
        """As `apply`, for a request that is only described: nothing is counted, and no die is thrown."""
        return self.decide(facts, lambda rule: _would_take(rule, facts))

    def decide(self, facts: Facts, takes: Callable[[Rule], bool]) -> Applied:
        """The first rule that fits and `takes` the request; nothing is counted but by `takes`."""
        return finished(self.deciding(facts, takes))

    def deciding(self, facts: Facts, takes: Callable[[Rule], bool]) -> Generator[None, None, Applied]:
        """As `decide`, in steps."""
        place = self.index.place(facts)
        rules = place.bucket.rules
        is_long = len(facts.body) > LONG
        tried: dict[int, int] = {}
        for number in (yield from place.bucket.likely(facts)):
            if is_long:
                yield
            rule = rules[number]
            failed = rule.failed(facts)
            if failed is None:
                if takes(rule):
                    return Applied(rule, _told(place, tried, facts, number))
                failed = len(rule.predicates)
            tried[number] = failed
        return Applied(None, _told(place, tried, facts, len(self.list)))


def finished(steps: Generator[None, None, T]) -> T:
    """What `steps` come to, all of them done at once."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]


def _takes(rule: Rule, facts: Facts, random_for: Callable[[Rule], Random]) -> bool:
    number = rule.counts.take(rule.session(facts))
    if not rule.when.holds(number, lambda: random_for(rule).random()):
        return False
    rule.counts.applied += 1
    return True


def _would_take(rule: Rule, facts: Facts) -> bool:
    return rule.when.counts(rule.counts.next(rule.session(facts))) and rule.when.probability > 0


def _told(place: Place, tried: Mapping[int, int], facts: Facts, before: int) -> tuple[NearMiss, ...]:
    """The misses before the rule of the number `before` as they are told, the nearest first: how many predicates held,
    by number in `tried`. Those of other places come last."""
    rules = place.bucket.rules
    missed = [(-failed, number) for number, failed in tried.items()]
    missed += [(-failed, number) for failed, number in place.bucket.unlikely(facts, tried, before)]
    told = [_miss(rules[number], -failed, facts) for failed, number in sorted(missed)[:MOST_MISSES]]
    return (*told, *place.near[: MOST_MISSES - len(told)])


def _miss(rule: Rule, failed: int, facts: Facts) -> NearMiss:
    if failed < len(rule.predicates):
        predicate = rule.predicates[failed]
        return NearMiss(rule.name, predicate.name, predicate.wanted, predicate.saw(facts))
    return NearMiss(rule.name, "when", str(rule.when), f"{rule.fitted} requests that fit")


def _name_in(document: Any, number: int) -> str:
    name = document.get("name") if isinstance(document, dict) else None
    return name if isinstance(name, str) and NAME.fullmatch(name) else f"rule-{number}"
