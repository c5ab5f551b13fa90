"""Access tokens issued while the server runs, with their expiry times: what `--token @oauth` accepts."""

from __future__ import annotations

from collections.abc import Awaitable
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

from oagw_tornado.gateway.refusal import STALE
from oagw_tornado.state.store import Kind

if TYPE_CHECKING:
    from oagw_tornado.gateway.service_states import ServiceStates
    from oagw_tornado.reply.reply import Reply

#: Tokens that are remembered, stale ones too; the oldest go.
MOST_TOKENS = 10_000

_TOKENS = Kind("tokens", MOST_TOKENS, 2**20)


class IssuedTokens:
    """The tokens of one simulator, or of all that share a state. Kept by their digests: how long a look-up takes says
    nothing of a token."""

    def __init__(self, states: ServiceStates) -> None:
        self._states = states

    @property
    def is_shared(self) -> bool:
        """Whether others issue tokens, too, so that what is not known here has to be asked for."""
        return self._states.store is not None

    def add(self, token: str, lifetime: float) -> Awaitable[None] | None:
        """One more, good for so many seconds. Returns what to wait for before anybody may hear of it."""
        return self._states.entries.put(_TOKENS, _digest(token), b"", lifetime)

    def revoke(self, token: str) -> Awaitable[None] | None:
        """Have a token be stale from now on; as `add`, and raises Undecided."""
        if self.state(token) == "good":
            return self.add(token, 0.0)
        return None

    def state(self, token: str) -> Literal["good", "stale", "unknown"]:
        """What a request that shows this token is worth. Raises Undecided."""
        entry = self._states.entries.get(_TOKENS, _digest(token))
        if entry is None:
            return "unknown"
        return "good" if entry.remaining > 0 else "stale"

    def refusal(self, token: str, unknown: Reply) -> Reply | None:
        """What a request that shows this token is refused with, `unknown` if nobody has issued it; None: it is good.
        Raises Undecided."""
        state = self.state(token)
        return None if state == "good" else STALE if state == "stale" else unknown


def _digest(token: str) -> str:
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
