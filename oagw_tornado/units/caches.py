"""Caches that one-off keys cannot flush: only a key that is used again is kept."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import Any, Generic, ParamSpec, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
P = ParamSpec("P")
R = TypeVar("R")

# Values examined per eviction, and the most uses that count.
_LOOKS = 4
_USES_COUNTED = 64


class RepeatCache(Generic[K, V]):
    """At most `most` values by key: those offered twice recently.

    A value offered once is not kept, so it evicts nothing. Eviction takes a value that was not used since it was last
    examined; each examination halves the use count of those that stay. So a caller who keeps offering new values, each
    of them twice, evicts only what is used less than once for every `most` / 4 of them.
    """

    __slots__ = ("_most", "_kept", "_seen", "_seen_before")

    def __init__(self, most: int) -> None:
        self._most = most
        # Each value with its use count; the one examined longest ago comes first.
        self._kept: dict[K, list[Any]] = {}
        # Keys offered once, recently and before that.
        self._seen: set[K] = set()
        self._seen_before: set[K] = set()

    def get(self, key: K) -> V | None:
        """The value of that key, which counts as a use; None if there is none."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        kept[1] += 1
        return kept[0]  # type: ignore[no-any-return]

    def offer(self, key: K, value: V) -> None:
        """Keep a value other than None, unless the key is offered for the first time."""
        if self._is_seen_again(key) and (len(self._kept) < self._most or self._makes_room()):
            self._kept[key] = [value, 0]

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[K]:
        return iter(self._kept)

    def _is_seen_again(self, key: K) -> bool:
        for seen in (self._seen, self._seen_before):
            if key in seen:
                seen.discard(key)
                return True
        if len(self._seen) >= self._most:
            self._seen, self._seen_before = set(), self._seen
        self._seen.add(key)
        return False

    def _makes_room(self) -> bool:
        """Whether one could go."""
        kept = self._kept
        for _ in range(_LOOKS):
            key = next(iter(kept))
            value = kept.pop(key)
            if not value[1]:
                return True
            value[1] = min(value[1], _USES_COUNTED) // 2
            kept[key] = value
        return False


class CachedFunction(Generic[P, R]):
    """`function`, with its results cached for arguments that it got twice recently: see `RepeatCache`.

    The arguments are hashable, and the function is pure; exceptions are not cached.
    """

    def __init__(self, function: Callable[P, R], most: int) -> None:
        self._function = function
        self._known: RepeatCache[object, tuple[R]] = RepeatCache(most)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        known = self._known.get(args)
        if known is not None:
            return known[0]
        found = self._function(*args, **kwargs)
        self._known.offer(args, (found,))
        return found
