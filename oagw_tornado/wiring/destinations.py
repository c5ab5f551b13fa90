"""The real upstreams of a simulator, and how they change on reload."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oagw_tornado.gateway.terms import Terms
    from oagw_tornado.proxying.destination import Destination


class Destinations:
    """The real upstreams of one simulator: the current ones, and those that requests in progress still use."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._all: list[Destination] = []

    def replace(self, destinations: Iterable[Destination], record_max: int) -> None:
        """Use these from now on; the others close after their last request."""
        current = list(destinations)
        for each in current:
            if each.recorder is not None:
                each.recorder.recorded = partial(self._recorded, each.alias)
                each.recorder.space.allow(record_max)
        gone = [each for each in self._all if each not in current]
        for each in gone:
            each.retire()
        # One that is closing is closed again in the end, which waits for it.
        self._all = [*current, *(each for each in gone if not each.is_closed)]

    async def close(self) -> None:
        """End all requests in progress."""
        for each in self._all:
            await each.close()

    def _recorded(self, alias: str, path: str) -> None:
        if self._terms.replays is not None:
            self._terms.replays.recorded(alias, path)
            if self._terms.tell_recorded is not None:
                self._terms.tell_recorded(alias, path)
