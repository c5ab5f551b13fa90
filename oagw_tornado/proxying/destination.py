"""Where the requests of one alias are passed on to, and what they share."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oagw_tornado.knobs.real_upstream import RealUpstream
    from oagw_tornado.proxying.pool import Pool
    from oagw_tornado.proxying.recorder import Recorder


class Destination:
    """One real upstream, the connections to it, and who records what it says. `key_header` is where the gateway takes
    its key beside ``Authorization``."""

    def __init__(
        self, alias: str, real: RealUpstream, pool: Pool, key_header: str = "", recorder: Recorder | None = None
    ) -> None:
        self.alias = alias
        self.real = real
        self.pool = pool
        self.key_header = key_header
        self.recorder = recorder
        authorization = (("Authorization", real.authorization),) if real.authorization else ()
        #: Headers sent with each request.
        self.own_headers = authorization + real.headers
        # Requests under way.
        self._passing: set[asyncio.Task[None]] = set()
        # True once another one stands in its place.
        self._is_retired = False
        self._closing: asyncio.Task[None] | None = None

    def begin(self, passing: asyncio.Task[None]) -> None:
        """A request is passed on."""
        self._passing.add(passing)
        passing.add_done_callback(self._passed)

    def retire(self) -> None:
        """No more requests come, but those that are on their way here: close all connections when the last is over."""
        self._is_retired = True
        self._close_if_idle()

    async def close(self) -> None:
        """End what is under way, and close all connections."""
        for task in list(self._passing):
            task.cancel()
        if self._closing is not None:
            await self._closing
        await self.pool.close()

    @property
    def is_closed(self) -> bool:
        """Whether it is retired, and nothing is under way."""
        return self._is_retired and not self._passing and (self._closing is None or self._closing.done())

    def _passed(self, passing: asyncio.Task[None]) -> None:
        self._passing.discard(passing)
        if self._is_retired:
            self._close_if_idle()

    def _close_if_idle(self) -> None:
        if not self._passing:
            self._closing = asyncio.ensure_future(self.pool.close())
