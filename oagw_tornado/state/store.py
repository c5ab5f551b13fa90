"""What is counted to decide about a request, wherever the counts are: the protocol `Store`.

A store answers at once, or raises `Undecided`, which says how to get what lacks; then the request is decided again from
the start. Nothing that decides has two forms, one that waits and one that does not: a store in memory never raises it,
and a request that nothing counts never waits.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from random import Random
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from oagw_tornado.knobs.facts import Facts
    from oagw_tornado.knobs.rate_limit import RateLimit, Verdict
    from oagw_tornado.knobs.rule import Rule
    from oagw_tornado.knobs.rules import Applied, Rules
    from oagw_tornado.playback.gates import Gates


class StateAway(Exception):
    """The store cannot be reached, or did not answer in time. The text says why."""


class Undecided(Exception):
    """The answer to `question` has to be asked for first: `ask` gets it, or raises StateAway."""

    def __init__(self, question: Hashable, ask: Callable[[], Awaitable[Any]]) -> None:
        super().__init__(question)
        self.question = question
        self.ask = ask


class Store(Protocol):
    """The counts of rules, the buckets of rate limits, the gates."""

    @property
    def gates(self) -> Gates:
        """Where replies wait for their next event."""

    def choose(
        self, rules: Rules, facts: Facts, random_for: Callable[[Rule], Random], by_count: bool = False
    ) -> Applied:
        """The rule that applies to a request, counted; `random_for` gives the generator of a rule's die, and `by_count`
        says that it depends on the rule's count. Raises Undecided."""

    def take(self, alias: str, credential: str, limit: RateLimit, tokens: int) -> Verdict:
        """One request of `tokens` tokens out of the buckets of `alias` and `credential`. Raises Undecided."""

    def pass_gate(self) -> None:
        """Raise Undecided if a reply that a gate is to hold cannot be begun now."""

    def clear(self) -> None:
        """All buckets are full again. Rules and gates have a reset of their own."""
