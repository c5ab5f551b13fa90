"""How long the loop of a server is held, measured from inside."""

from __future__ import annotations

import asyncio
import gc
import threading
import time

from wire import VisibleServer


class LongestTurn:
    """The longest time that the loop of a server was held, measured from inside while the block runs.

    Processor time of the loop's thread, so that what else the machine does is not counted; and without the garbage
    collector, which looks at all that the tests themselves hold.
    """

    def __init__(self, oagw: VisibleServer) -> None:
        self._oagw = oagw
        self._stop = threading.Event()
        self.seconds = 0.0

    async def _watch(self) -> None:
        last = time.thread_time()
        while not self._stop.is_set():
            await asyncio.sleep(0)
            now = time.thread_time()
            self.seconds = max(self.seconds, now - last)
            last = now

    def __enter__(self) -> LongestTurn:
        gc.disable()
        self._watching = asyncio.run_coroutine_threadsafe(self._watch(), self._oagw._loop)
        return self

    def __exit__(self, *rest: object) -> None:
        self._stop.set()
        gc.enable()
        self._watching.result(10)
