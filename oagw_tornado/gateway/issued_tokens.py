"""Access tokens that were issued while the server runs, with the end of each: what `--token @oauth` goes by."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from time import monotonic
from typing import Literal

#: Tokens that are remembered, stale ones too; the oldest go.
MOST_TOKENS = 10_000


class IssuedTokens:
    """The tokens of one simulator. Kept by their digests: how long a look-up takes says nothing of a token."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._ends: OrderedDict[bytes, float] = OrderedDict()

    def add(self, token: str, lifetime: float) -> None:
        """One more, good for so many seconds."""
        self._ends[_digest(token)] = self._clock() + lifetime
        if len(self._ends) > MOST_TOKENS:
            self._ends.popitem(last=False)

    def revoke(self, token: str) -> None:
        """Have a token be stale from now on."""
        digest = _digest(token)
        if digest in self._ends:
            self._ends[digest] = self._clock()

    def state(self, token: str) -> Literal["good", "stale", "unknown"]:
        """What a request that shows this token is worth."""
        ends = self._ends.get(_digest(token))
        if ends is None:
            return "unknown"
        return "good" if self._clock() < ends else "stale"

    def clear(self) -> None:
        """Forget all of them."""
        self._ends.clear()


def _digest(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogatepass")).digest()
