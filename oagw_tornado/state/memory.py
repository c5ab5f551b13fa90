"""The state of a single process: every decision is made at once, in memory."""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable
from contextlib import AbstractContextManager, nullcontext
from random import Random
from time import monotonic
from typing import TYPE_CHECKING, Any

from oagw_tornado.knobs.rate_limit import RateLimiter
from oagw_tornado.playback.gates import Gates
from oagw_tornado.state.local_entries import LocalEntries

if TYPE_CHECKING:
    from oagw_tornado.knobs.facts import Facts
    from oagw_tornado.knobs.rate_limit import LimitDecision, RateLimit
    from oagw_tornado.knobs.rule import Rule
    from oagw_tornado.knobs.rules import Applied, Rules


class MemoryStore:
    """A `store.Store`; the counts of a rule are kept with the rule."""

    def __init__(
        self,
        gates: Gates | None = None,
        clock: Callable[[], float] = monotonic,
        entries: LocalEntries | None = None,
    ) -> None:
        self.gates = Gates() if gates is None else gates
        self.entries = LocalEntries(clock) if entries is None else entries
        self.limiter = RateLimiter()
        self._clock = clock

    def answering(self, answers: dict[Hashable, Any]) -> AbstractContextManager[None]:
        return nullcontext()

    def choosing(
        self, rules: Rules, facts: Facts, random_for: Callable[[Rule], Random], by_count: bool = False
    ) -> Generator[None, None, Applied]:
        return rules.applying(facts, random_for)

    def take(self, alias: str, credential: str, limit: RateLimit, tokens: int) -> LimitDecision:
        return self.limiter.take(alias, credential, limit, tokens, self._clock())

    def pass_gate(self) -> None:
        pass

    def clear(self) -> None:
        self.limiter.clear()
        self.entries.clear()
