"""A memory that those who ask for many different things do not empty for those who ask for the same again and again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_UNKNOWN: Any = object()


class Remembered(Generic[P, R]):
    """`function`, remembering what it gave to arguments that it got twice lately.

    What is asked for once is never kept, so it pushes out nothing. Of `most` that are kept the one goes that nobody has
    asked for for the longest time. The arguments are hashable, and the function is pure; what it raises is not kept.
    """

    def __init__(self, function: Callable[P, R], most: int) -> None:
        self._function = function
        self._most = most
        # The one that was asked for last stands last.
        self._known: dict[object, R] = {}
        # Asked for once, lately.
        self._seen: set[object] = set()

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        known = self._known
        found: Any = known.pop(args, _UNKNOWN)
        if found is _UNKNOWN:
            found = self._function(*args, **kwargs)
            if not self._is_known_again(args):
                return found  # type: ignore[no-any-return]
        known[args] = found
        return found  # type: ignore[no-any-return]

    def _is_known_again(self, key: object) -> bool:
        seen, known = self._seen, self._known
        if key not in seen:
            if len(seen) >= self._most:
                seen.clear()
            seen.add(key)
            return False
        seen.discard(key)
        if len(known) >= self._most:
            del known[next(iter(known))]
        return True
