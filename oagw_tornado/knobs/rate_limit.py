"""Request and token limits as the real services have them: token buckets per alias and key.

``60/min``, ``60/min;burst=10;tokens=10000/min``. Nothing is throttled unless asked for.

A bucket holds at most its burst and fills evenly. A request takes one from the bucket of requests and, if tokens
are limited too, its estimated tokens from the other; if either has too few, it takes nothing and is told
when there will be enough. The clock is passed in.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple

from oagw_tornado.reply.budgets import Budget

EXPECTED = "a rate such as 60/min, optionally followed by ;burst=N or ;tokens=N/min"

_RATE = re.compile(r"(\d{1,9})\s*/\s*(s|sec|second|m|min|minute|h|hour|d|day)", re.ASCII)
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class Rate(NamedTuple):
    """So many in so many seconds."""

    amount: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.amount}/{_NAMES[self.seconds]}"


_NAMES = {1.0: "s", 60.0: "min", 3600.0: "h", 86400.0: "day"}


class RateLimit(NamedTuple):
    """A limit on requests, with a burst, and perhaps one on tokens."""

    requests: Rate
    burst: int
    tokens: Rate | None = None

    def __str__(self) -> str:
        text = str(self.requests)
        if self.burst != self.requests.amount:
            text += f";burst={self.burst}"
        return text if self.tokens is None else f"{text};tokens={self.tokens}"


def parse_rate_limit(text: str) -> RateLimit:
    """Read a limit. The burst is the whole amount unless given. Raises ValueError, which says what was expected."""
    first, *parameters = (part.strip() for part in text.split(";"))
    requests = _rate(first)
    burst, tokens = requests.amount, None
    for parameter in parameters:
        key, _, value = (part.strip() for part in parameter.partition("="))
        if key == "burst" and value.isascii() and value.isdigit() and 0 < len(value) < 10 and int(value) > 0:
            burst = int(value)
        elif key == "tokens":
            tokens = _rate(value)
        else:
            raise ValueError(f"{parameter[:80]!r} is not burst=N or tokens=N/min; expected {EXPECTED}")
    return RateLimit(requests, burst, tokens)


def _rate(text: str) -> Rate:
    match = _RATE.fullmatch(text)
    if match is None or int(match[1]) == 0:
        raise ValueError(f"{text[:80]!r} is not {EXPECTED}")
    return Rate(int(match[1]), _SECONDS[match[2][0]])


class LimitDecision(NamedTuple):
    """Whether a request may pass, and what its reply says of the limit."""

    allowed: bool
    budgets: tuple[Budget, ...]
    """What is left: of requests, and of tokens where these are limited too."""
    retry_after: float
    """Seconds until the same request could pass; 0 if it does now."""
    limited: str
    """``requests`` or ``tokens``: what is short; empty if nothing is."""


class RateLimiter:
    """The buckets of one simulator, one pair for each alias, key and limit; the least used are forgotten."""

    def __init__(self, most: int = 10_000) -> None:
        self._most = most
        self._buckets: OrderedDict[tuple[str, str, RateLimit], tuple[_Bucket, _Bucket | None]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def clear(self) -> None:
        """All buckets are full again."""
        self._buckets.clear()

    def take(self, alias: str, credential: str, limit: RateLimit, tokens: int, now: float) -> LimitDecision:
        """One request of `tokens` tokens at `now`, in seconds of any clock that does not go back."""
        key = (alias, credential, limit)
        pair = self._buckets.get(key)
        if pair is None:
            budget = limit.tokens
            pair = (
                _Bucket(limit.requests, limit.burst, now),
                _Bucket(budget, budget.amount, now) if budget is not None else None,
            )
            self._buckets[key] = pair
            if len(self._buckets) > self._most:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(key)
        requests, budgeted = pair
        wait, wait_tokens = requests.wait(1, now), 0.0
        if budgeted is not None:
            wait_tokens = budgeted.wait(tokens, now)
        if wait == wait_tokens == 0:
            requests.level -= 1
            if budgeted is not None:
                budgeted.level -= tokens
        return verdict_of(limit, wait, requests.level, wait_tokens, 0.0 if budgeted is None else budgeted.level)


def verdict_of(
    limit: RateLimit, wait: float, level: float, wait_tokens: float = 0.0, level_tokens: float = 0.0
) -> LimitDecision:
    """The verdict on a request that would have to wait so many seconds for its turn and for its tokens; the levels are
    what is left in the buckets after it."""
    budgets: tuple[Budget, ...] = (_budget("requests", limit.requests, limit.burst, level),)
    if limit.tokens is not None:
        budgets += (_budget("tokens", limit.tokens, limit.tokens.amount, level_tokens),)
    longest = max(wait, wait_tokens)
    limited = "" if longest == 0 else "tokens" if wait_tokens >= wait else "requests"
    return LimitDecision(longest == 0, budgets, longest, limited)


def _budget(name: str, rate: Rate, capacity: int, level: float) -> Budget:
    remaining = max(0, int(level + 1e-9))
    return Budget(name, rate.amount, remaining, (capacity - level) / (rate.amount / rate.seconds))


class _Bucket:
    __slots__ = ("rate", "capacity", "level", "filled_at")

    def __init__(self, rate: Rate, capacity: int, now: float) -> None:
        self.rate = rate.amount / rate.seconds
        self.capacity = float(capacity)
        self.level = float(capacity)
        self.filled_at = now

    def wait(self, amount: float, now: float) -> float:
        """Seconds until `amount` is there; until it is full if it never can be."""
        self.level = min(self.capacity, self.level + (now - self.filled_at) * self.rate)
        self.filled_at = now
        missing = min(amount, self.capacity) - self.level
        if missing > 1e-9:
            return missing / self.rate
        return 0.0 if amount <= self.capacity else 1 / self.rate


def estimated_tokens(body: bytes) -> int:
    """What a request counts against a token limit: a token for each four bytes of its body, rounded up, and as many
    as it asks for with ``max_completion_tokens``, ``max_tokens`` or ``max_output_tokens``."""
    return -(-len(body) // 4) + _asked_for(body)


def _asked_for(body: bytes) -> int:
    if b"_tokens" not in body:
        return 0
    from orjson import JSONDecodeError, loads

    try:
        document: Any = loads(body)
    except JSONDecodeError:
        return 0
    if not isinstance(document, Mapping):
        return 0
    for name in ("max_completion_tokens", "max_tokens", "max_output_tokens"):
        value = document.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**9:
            return value
    return 0
