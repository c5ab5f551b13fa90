"""Where the requests of one alias are passed on to, and what all of them share."""

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
        #: What is sent with each request.
        self.own_headers = authorization + real.headers
        #: Requests under way.
        self.passing: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """End what is under way, and close all connections."""
        for task in list(self.passing):
            task.cancel()
        await self.pool.close()
