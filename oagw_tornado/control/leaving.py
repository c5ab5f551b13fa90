"""Leaves the journal of this process with the store, so that it outlives it: what is over once, what runs as it goes.

Nothing is written on the path of a request. Twice a second what has come since, and what has ended, is written in
slices of less than a millisecond; of a request that runs a first version is left, and then how far it has come.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import msgspec

from oagw_tornado.control.turns import Turns
from oagw_tornado.evidence.carried import Bodies, Numbered, carried, progress_of
from oagw_tornado.state.left_journals import MOST_ENTRIES, LeftJournals, Slice

if TYPE_CHECKING:
    from oagw_tornado.evidence.exchange import Exchange
    from oagw_tornado.evidence.journal import Journal

#: Entries that are written in one go, and bytes of their bodies and events.
TOGETHER = 100
_SLICE = 256 * 2**10
# Seconds that are looked at requests in one go, and requests that run which are told of in one.
_SHARE = 0.0005
_AT_A_TIME = 1000
#: Bytes of bodies that are left at a time; of all further ones only the beginning is.
MOST_OF_BODIES = 2 * 2**20
LEAST_OF_A_BODY = 1024
#: Requests that run of which it is told how far they have come.
MOST_RUNNING = 10_000


class Leaving:
    """What of `journal` has been left, and what has yet to be."""

    def __init__(self, journal: Journal, left: LeftJournals) -> None:
        self._journal = journal
        self._left = left
        # What the journal began with when this did.
        self._first = 0
        # All up to this number were looked at; those of them that are not there yet, and that run.
        self._newest = 0
        self._arriving: dict[int, Exchange] = {}
        self._running: dict[int, Exchange] = {}
        self._runs = b""

    async def push(self, with_progress: bool = True) -> None:
        """Leave what is new, and how far has come what runs. Raises StateAway."""
        journal = self._journal
        if not journal.size or self._left.is_away:
            return
        if journal.first != self._first:
            self._begin()
        is_kept = False
        try:
            slices = [each async for each in self._slices(journal.newest)]
            if with_progress:
                self._runs = msgspec.msgpack.encode([each async for each in self._progress()])
            # What was emptied meanwhile is not to be there again.
            is_kept = journal.first == self._first and await self._left.keep(slices, self._runs, journal.size)
        finally:
            if not is_kept:
                self._begin()

    def _begin(self) -> None:
        """Leave everything from the beginning."""
        self._first = self._journal.first
        self._newest = self._first - 1
        self._arriving.clear()
        self._running.clear()

    def _new(self, newest: int) -> Iterator[Numbered | None]:
        """What is to be left now; None for each that is not."""
        journal = self._journal
        begin = max(self._newest, newest - min(journal.size, MOST_ENTRIES))
        self._newest = newest
        arriving, running = self._arriving, self._running
        for number in [*running]:
            exchange = running[number]
            if exchange.ended is not None or not exchange.held:
                del running[number]
                yield (number, exchange) if exchange.held else None
            else:
                yield None
        for number in [*arriving, *range(begin + 1, newest + 1)]:
            found = journal.numbered(number)
            arriving.pop(number, None)
            if found is not None and found.ended is None:
                kept = running if found.wall else arriving
                if len(kept) < MOST_RUNNING:
                    kept[number] = found
            yield (number, found) if found is not None and found.wall else None

    async def _slices(self, newest: int) -> AsyncIterator[Slice]:
        batch: list[Numbered] = []
        bodies = Bodies(MOST_OF_BODIES, LEAST_OF_A_BODY)
        size = 0
        turns = Turns(_SHARE)
        for each in self._new(newest):
            if each is not None:
                batch.append(each)
                size += len(each[1].body_head) + 16 * len(each[1].actual or ())
                if len(batch) == TOGETHER or size > _SLICE:
                    yield Slice(len(batch), carried(batch, bodies))
                    batch, size = [], 0
                    await turns.rest()
            elif turns.is_over:
                await turns.rest()
        if batch:
            yield Slice(len(batch), carried(batch, bodies))

    async def _progress(self) -> AsyncIterator[bytes]:
        running, now = [*self._running.items()], time.monotonic()
        for begin in range(0, len(running), _AT_A_TIME):
            await asyncio.sleep(0)
            some = running[begin : begin + _AT_A_TIME]
            yield msgspec.msgpack.encode(
                [progress_of(number, exchange, now - exchange.admitted) for number, exchange in some]
            )
