"""Copies the journal of this process to the store, so that it outlives the process.

Nothing is written on the path of a request. Twice a second, new and finished entries are written in
slices of less than a millisecond; for a running request, a first version and then its progress.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import msgspec

from oagw_tornado.evidence.carried import Bodies, Numbered, carried, progress_of
from oagw_tornado.state.left_journals import MOST_ENTRIES, LeftJournals, Slice

if TYPE_CHECKING:
    from oagw_tornado.evidence.exchange import Exchange
    from oagw_tornado.evidence.journal import Journal

#: Entries that are written in one go, and bytes that these hold in the journal.
TOGETHER = 250
#: Seconds after which the store is asked whether it still has the entries, although there are no new ones.
_LOOK_AGAIN = 5.0
_SLICE = 2**20
# Running requests that are reported in one go.
_AT_A_TIME = 1000
#: Bytes of bodies that are left at a time; of all further ones only the beginning is.
MOST_OF_BODIES = 2 * 2**20
LEAST_OF_A_BODY = 1024
#: Running requests whose progress is reported.
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
        self._left_at = 0.0

    async def push(self, with_progress: bool = True) -> None:
        """Leave what is new, and how far has come what runs. Raises StateAway."""
        journal = self._journal
        if not journal.size or self._left.is_away:
            return
        if journal.first != self._first:
            self._begin()
        is_kept, before = False, self._runs
        try:
            slices = [each async for each in self._slices(journal.newest)]
            if with_progress:
                self._runs = msgspec.msgpack.encode([each async for each in self._progress()])
            if not slices and self._runs == before and time.monotonic() - self._left_at < _LOOK_AGAIN:
                is_kept = True
                return
            self._left_at = time.monotonic()
            # Entries that were removed meanwhile must not come back.
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

    async def _slices(self, newest: int) -> AsyncIterator[Slice]:
        bodies = Bodies(MOST_OF_BODIES, LEAST_OF_A_BODY)
        for batch in self._batches(newest):
            if batch:
                yield Slice(len(batch), carried(batch, bodies))
            await asyncio.sleep(0)

    def _batches(self, newest: int) -> Iterator[list[Numbered]]:
        """What is to be left now, a little at a time."""
        journal, running = self._journal, self._running
        begin = max(self._newest, newest - min(journal.size, MOST_ENTRIES))
        self._newest = newest
        over = [each for each in running.items() if each[1].ended is not None or not each[1].held]
        for number, _ in over:
            del running[number]
        yield from _cut([each for each in over if each[1].held])
        arrived = [each for number in self._arriving for each in journal.between(number, number)]
        self._arriving.clear()
        yield from _cut(self._admitted(arrived))
        for number in range(begin + 1, newest + 1, TOGETHER):
            yield from _cut(self._admitted(journal.between(number, min(number + TOGETHER - 1, newest))))

    def _admitted(self, fresh: list[Numbered]) -> list[Numbered]:
        """Those of which the request is known; what runs is kept in mind."""
        unended = [each for each in fresh if each[1].ended is None]
        if not unended:
            return fresh
        for number, exchange in unended:
            kept = self._running if exchange.wall else self._arriving
            if len(kept) < MOST_RUNNING:
                kept[number] = exchange
        return [each for each in fresh if each[1].wall]

    async def _progress(self) -> AsyncIterator[bytes]:
        running, now = [*self._running.items()], time.monotonic()
        for begin in range(0, len(running), _AT_A_TIME):
            await asyncio.sleep(0)
            some = running[begin : begin + _AT_A_TIME]
            yield msgspec.msgpack.encode(
                [progress_of(number, exchange, now - exchange.admitted) for number, exchange in some]
            )


def _cut(entries: list[Numbered]) -> Iterator[list[Numbered]]:
    """Pieces of which each is written in a moment."""
    if len(entries) <= TOGETHER and sum(exchange.held for _, exchange in entries) <= _SLICE:
        yield entries
        return
    piece: list[Numbered] = []
    size = 0
    for each in entries:
        piece.append(each)
        size += each[1].held
        if len(piece) == TOGETHER or size > _SLICE:
            yield piece
            piece, size = [], 0
    yield piece
