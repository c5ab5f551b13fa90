"""The state in Redis: counts, buckets and gates shared by several processes. Each decision is atomic."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Generator, Hashable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from hashlib import blake2b
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from oagw_tornado.knobs.rate_limit import LimitDecision, verdict_of
from oagw_tornado.knobs.when import MOST_SESSIONS
from oagw_tornado.state.link import Argument, Link
from oagw_tornado.state.shared_entries import SharedEntries
from oagw_tornado.state.shared_gates import SharedGates
from oagw_tornado.state.store import StateAway, Undecided

if TYPE_CHECKING:
    from oagw_tornado.knobs.facts import Facts
    from oagw_tornado.knobs.rate_limit import RateLimit
    from oagw_tornado.knobs.rule import Rule
    from oagw_tornado.knobs.rules import Applied, Rules

# No number in Lua is exact beyond this.
_END = 2**53


class _Candidate(NamedTuple):
    """A rule that fits, and what decides whether it applies."""

    rule: Rule
    session: str
    die: str
    """1: it lets the rule apply; 0: not; ?: the count is needed to throw it."""
    is_counted: bool
    """The count decides as well; else it is evidence alone, and kept here."""


class _Chosen(NamedTuple):
    """What the store said: which of the candidates applies (-1: none)."""

    keys: tuple[str, ...]
    place: int


class RedisStore:
    """A `store.Store` for one of several processes.

    An answer that was asked for is handed in by `answering` for the one request that it is for.
    """

    def __init__(self, link: Link, member: str) -> None:
        self.gates = SharedGates(link, member)
        self.entries = SharedEntries(link, member)
        self._link = link
        self._answers: dict[Hashable, Any] = {}
        # The highest counts that were seen: of a rule that fitted (f:) and applied (a:), and of its sessions.
        self._seen: dict[str, int] = {}
        self._seen_sessions: OrderedDict[tuple[str, str], int] = OrderedDict()

    @contextmanager
    def answering(self, answers: dict[Hashable, Any]) -> Iterator[None]:
        """Within it, decisions are for the request that these answers belong to."""
        self._answers = self.entries.answers = answers
        try:
            yield
        finally:
            self._answers = self.entries.answers = {}

    def choosing(
        self, rules: Rules, facts: Facts, random_for: Callable[[Rule], Random], by_count: bool = False
    ) -> Generator[None, None, Applied]:
        answer: _Chosen | None = self._answers.get("rule")
        if answer is not None:
            applied = yield from _as_answered(answer, rules, facts)
            if applied is not None:
                return applied  # else the rules are others by now
        candidates: list[_Candidate] = []

        def collect(rule: Rule) -> bool:
            candidate = _candidate(rule, facts, random_for, by_count)
            candidates.append(candidate)
            return not candidate.is_counted and candidate.die == "1"

        applied = yield from rules.deciding(facts, collect)
        if any(candidate.is_counted for candidate in candidates):
            raise Undecided("rule", partial(self._count, candidates, random_for))
        _count_here(candidates, applied.rule)
        return applied

    def take(self, alias: str, credential: str, limit: RateLimit, tokens: int) -> LimitDecision:
        question = ("limit", alias, credential, limit)
        verdict: LimitDecision | None = self._answers.get(question)
        if verdict is None:
            raise Undecided(question, partial(self._take, alias, credential, limit, tokens))
        return verdict

    def pass_gate(self) -> None:
        if self._link.is_away:
            raise Undecided("gate", self._refuse)

    def clear(self) -> None:
        self._seen.clear()
        self._seen_sessions.clear()
        self.entries.clear()

    def seen(self) -> list[Argument]:
        """The counts, for a store that has forgotten: field and value of each, an empty field, then rule, session and
        number of each."""
        counts = [each for pair in self._seen.items() for each in pair]
        sessions = [each for (key, session), number in self._seen_sessions.items() for each in (key, session, number)]
        return [*counts, "", *sessions]

    async def counts(self) -> dict[str, int]:
        """How often rules have fitted (``f:`` and their keys) and applied (``a:``). Raises StateAway."""
        told = await self._link.decide("counts")
        return {name.decode(): int(value) for name, value in zip(told[::2], told[1::2], strict=True)}

    async def _refuse(self) -> None:
        raise StateAway(self._link.error or "it is back by now")

    async def _count(self, candidates: list[_Candidate], random_for: Callable[[Rule], Random]) -> _Chosen | None:
        """Ask the store which of them applies; None: the state was reset meanwhile."""
        keys = tuple(candidate.rule.key for candidate in candidates)
        reached = 0  # candidates that are decided
        while True:
            asked = [number for number in range(reached, len(candidates)) if candidates[number].is_counted]
            told = await self._link.decide("count", MOST_SESSIONS, *_described([candidates[each] for each in asked]))
            if not told:
                return None
            self._note([candidates[each] for each in asked], told)
            if told[0] > 0:
                return self._chosen(candidates, keys, asked[told[0] - 1], told[1])
            if told[0] == 0:
                break
            index = asked[-told[0] - 1]
            rule = candidates[index].rule
            rule.counts.elsewhere = told[-2] - rule.counts.fitted, rule.counts.elsewhere[1]
            if random_for(rule).random() < rule.when.probability:
                self._link.send_decision("applied", rule.key)
                return self._chosen(candidates, keys, index, 0)
            reached = index + 1
            if not any(candidate.is_counted for candidate in candidates[reached:]):
                break
        last = candidates[-1]
        return self._chosen(candidates, keys, len(keys) - 1 if last.die == "1" and not last.is_counted else -1, 0)

    def _chosen(self, candidates: list[_Candidate], keys: tuple[str, ...], index: int, applied: int) -> _Chosen:
        rule = candidates[index].rule if index >= 0 else None
        _count_here(candidates[: index + 1] if rule else candidates, rule)
        if applied and rule is not None:
            self._see(f"a:{rule.key}", applied)
        return _Chosen(keys, index)

    def _note(self, asked: Sequence[_Candidate], told: Sequence[int]) -> None:
        """Remember the counts: the first two that were told are no counts."""
        for candidate, fitted, number in zip(asked, told[2::2], told[3::2], strict=False):
            key = candidate.rule.key
            self._see(f"f:{key}", fitted)
            if candidate.session:
                self._seen_sessions[key, candidate.session] = number
                self._seen_sessions.move_to_end((key, candidate.session))
                if len(self._seen_sessions) > MOST_SESSIONS:
                    self._seen_sessions.popitem(last=False)

    def _see(self, field: str, count: int) -> None:
        if count > self._seen.get(field, 0):
            self._seen[field] = count

    async def _take(self, alias: str, credential: str, limit: RateLimit, tokens: int) -> LimitDecision | None:
        digest = blake2b(f"{alias}\0{credential}\0{limit}".encode("utf-8", "surrogatepass"), digest_size=16)
        budget = limit.tokens
        told = await self._link.decide(
            "limit",
            digest.hexdigest(),
            limit.requests.amount / limit.requests.seconds,
            limit.burst,
            0 if budget is None else budget.amount / budget.seconds,
            0 if budget is None else budget.amount,
            tokens,
        )
        if not told:
            return None
        wait, wait_tokens, level, level_tokens = map(float, told)
        return verdict_of(limit, wait, level, wait_tokens, level_tokens)


def _candidate(rule: Rule, facts: Facts, random_for: Callable[[Rule], Random], by_count: bool) -> _Candidate:
    when = rule.when
    session = rule.session(facts) or ""
    if when.probability >= 1.0:
        die = "1"
    elif by_count and when.probability > 0:
        return _Candidate(rule, session, "?", True)
    else:
        die = "1" if when.probability > 0 and random_for(rule).random() < when.probability else "0"
    return _Candidate(rule, session, die, when.is_counted)


def _described(candidates: Sequence[_Candidate]) -> Iterator[Argument]:
    for rule, session, die, _ in candidates:
        when = rule.when
        first = -1 if when.first is None else min(when.first, _END)
        yield from (rule.key, session, first, min(when.every, _END), min(when.after, _END), die)


def _count_here(candidates: Sequence[_Candidate], chosen: Rule | None) -> None:
    """Count those that the store does not."""
    for candidate in candidates:
        if not candidate.is_counted:
            candidate.rule.counts.fitted += 1
            if candidate.rule is chosen:
                candidate.rule.counts.applied += 1


def _as_answered(answer: _Chosen, rules: Rules, facts: Facts) -> Generator[None, None, Applied | None]:
    """The decision that the store has made; None if it was about other rules."""
    met: list[str] = []

    def takes(rule: Rule) -> bool:
        met.append(rule.key)
        return len(met) - 1 == answer.place

    applied = yield from rules.deciding(facts, takes)
    return applied if tuple(met) == answer.keys[: len(met)] and (len(met) == len(answer.keys) or applied.rule) else None
