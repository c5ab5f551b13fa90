"""One connection to a real upstream, driven by aiohttp's client, that reports arriving data at once.

aiohttp wakes the reader of a body in the next turn of the loop, after everything that became readable in this one has
been parsed: if a hundred streams receive data together, the first one waits for the hundredth. Here a reply in
progress is notified within the read itself. Only public methods of aiohttp's protocol are extended; `Connector` makes
these connections instead of aiohttp's own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler

from oagw_tornado.proxying.trailers import WANTED, ReplyTrailers


class UpstreamConnection(ResponseHandler):
    """Where the bytes of an upstream come in."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        #: Told when more of a body may have come, or its end; must not raise.
        self.came: Callable[[], None] | None = None
        self._is_paused = False
        self._trailers: ReplyTrailers | None = None

    def set_response_params(self, **options: Any) -> None:
        """A request is about to be sent, by the task that this is called in."""
        self._trailers = WANTED.get()
        super().set_response_params(**options)

    def data_received(self, data: bytes) -> None:
        if self._trailers is not None:
            self._trailers.feed(data)
        super().data_received(data)
        # Without data it is what was held up that is parsed, in the middle of a read.
        if self.came is not None and data:
            self.came()

    def connection_lost(self, error: BaseException | None) -> None:
        super().connection_lost(error)
        came, self.came = self.came, None
        if came is not None:
            came()

    # What is read is taken from a reader that resumes with each read, and parses nothing again then.

    def pause_reading(self) -> None:
        self._is_paused = True
        super().pause_reading()

    def resume_reading(self, resume_parser: bool = True) -> None:
        if self._is_paused:
            self._is_paused = False
            super().resume_reading(resume_parser)


class Connector(aiohttp.TCPConnector):
    """Makes such connections. To be made on a running loop."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._factory: Any = partial(UpstreamConnection, loop=self._loop)
