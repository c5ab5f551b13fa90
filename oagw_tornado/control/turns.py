"""Long work in time slices, so that streams stay on time while the journal is listed."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import Any

#: Seconds that a control request works before the loop has its turn.
SHARE = 0.002


class Turns:
    """Tells when a share is over, and lets the loop have its turn then::

    turns = Turns()
    for item in many:
        ...
        if turns.is_over:
            await turns.rest()
    """

    def __init__(self, share: float = SHARE) -> None:
        self._share = share
        self._end = perf_counter() + share

    @property
    def is_over(self) -> bool:
        return perf_counter() >= self._end

    async def rest(self) -> None:
        """Let everything else have a turn; then a new share begins."""
        await asyncio.sleep(0)
        self._end = perf_counter() + self._share

    async def drop(self, values: list[Any]) -> None:
        """Empty a list: to free a million values at once takes a second."""
        while values:
            del values[-100:]
            if self.is_over:
                await self.rest()
