"""The counts by which requests are decided, wherever they are kept: the protocol `Store`.

A store answers at once, or raises `Undecided`, which says how to get the missing answer; the request is then decided
again from the start. So no code needs two forms, one that waits and one that does not: a store in memory never raises
it, and a request that nothing counts never waits.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Hashable
from contextlib import AbstractContextManager
from math import inf
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

if TYPE_CHECKING:
    from oagw_tornado.knobs.facts import Facts
    from oagw_tornado.knobs.rate_limit import LimitDecision, RateLimit
    from oagw_tornado.knobs.rule import Rule
    from oagw_tornado.knobs.rules import Applied, Rules
    from oagw_tornado.playback.gates import Gates
    from oagw_tornado.reply.prompt_cache import Use


class StateAway(Exception):
    """The store cannot be reached, or did not answer in time. The text says why."""


class Undecided(Exception):
    """The answer to `question` has to be asked for first: `ask` gets it, or raises StateAway."""

    def __init__(self, question: Hashable, ask: Callable[[], Awaitable[Any]]) -> None:
        super().__init__(question)
        self.question = question
        self.ask = ask


class Kind(NamedTuple):
    """Entries of one kind, and how much there may be of them: beyond that the oldest go."""

    name: str
    most: int
    most_bytes: int


class Entry(NamedTuple):
    """What is known by a key."""

    value: bytes
    remaining: float = inf
    """Seconds that it is good for; from 0 down it is stale."""
    is_open: bool = False
    """Whoever made it will change it yet."""


class Entries(Protocol):
    """What upstreams have given out and are shown again: tokens, responses. By kind and key; bounded for each kind."""

    def put(
        self, kind: Kind, key: str, value: bytes, lifetime: float = inf, is_open: bool = False
    ) -> Awaitable[None] | None:
        """Have an entry, behind all others of its kind. Returns what to wait for before anybody may hear of it."""

    def replace(self, kind: Kind, key: str, value: bytes) -> None:
        """Have `value` be what an open entry comes to; one that is gone stays gone."""

    def get(self, kind: Kind, key: str) -> Entry | None:
        """The entry, if there is one. Raises Undecided."""

    def take(self, kind: Kind, key: str) -> Entry | None:
        """Take an entry out; of several who ask for it, one gets it. Raises Undecided."""

    def agree(self, name: str, make: Callable[[], bytes]) -> bytes:
        """What all go by: what `make` gives, or has given somebody before. A reset does not change it. Raises
        Undecided."""

    def advance(self, key: str, most: int) -> int:
        """How often this was asked, before this time; `most` - 1 from then on. Raises Undecided."""

    def prompts(self) -> Use:
        """Looks up beginnings of prompts in the cache, for one request. What it gives raises Undecided."""

    def clear(self) -> None:
        """Forget all but what is agreed."""


class Store(Protocol):
    """The counts of rules, the buckets of rate limits, the gates, and what upstreams have given out."""

    @property
    def gates(self) -> Gates:
        """Where replies wait for their next event."""

    @property
    def entries(self) -> Entries:
        """What upstreams have given out."""

    def answering(self, answers: dict[Hashable, Any]) -> AbstractContextManager[None]:
        """Within it, decisions are for the request that these answers belong to."""

    def choosing(
        self, rules: Rules, facts: Facts, random_for: Callable[[Rule], Random], by_count: bool = False
    ) -> Generator[None, None, Applied]:
        """The rule that applies to a request, counted, in steps: many rules and a long text need not be looked at in
        one go. `random_for` gives the generator of a rule's die, and `by_count` says that it depends on the rule's
        count. Raises Undecided."""

    def take(self, alias: str, credential: str, limit: RateLimit, tokens: int) -> LimitDecision:
        """One request of `tokens` tokens out of the buckets of `alias` and `credential`. Raises Undecided."""

    def pass_gate(self) -> None:
        """Raise Undecided if a reply that a gate is to hold cannot be begun now."""

    def clear(self) -> None:
        """All buckets are full again, and entries forgotten. Rules and gates have a reset of their own."""


T = TypeVar("T")

#: How often a decision is begun anew because what it rested on was changed meanwhile.
MOST_TRIES = 20


async def decided(store: Store, decide: Callable[[], T]) -> T:
    """What `decide` gives with every answer that it asks for. Raises StateAway, and what `decide` does."""
    answers: dict[Hashable, Any] = {}
    for _ in range(MOST_TRIES):
        try:
            with store.answering(answers):
                return decide()
        except Undecided as undecided:
            answers[undecided.question] = await undecided.ask()
    raise StateAway("what decides about this request was changed again and again")
