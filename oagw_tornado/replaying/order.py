"""Which of several recordings of one request is next: they are played in order, and the last one repeats."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oagw_tornado.gateway.service_states import ServiceStates


class Order:
    """How often each request was asked for, in all or in each session: by all processes that share a state."""

    def __init__(self, states: ServiceStates) -> None:
        self._states = states

    def take(self, alias: str, key: bytes, session: str, recordings: int) -> int:
        """Which of so many recordings of a request is next, from 0. Raises Undecided."""
        if recordings == 1:
            return 0
        digest = blake2b(key, digest_size=16)
        digest.update(f"{alias}\0{session}".encode("utf-8", "surrogatepass"))
        return self._states.entries.advance(digest.hexdigest(), recordings)
