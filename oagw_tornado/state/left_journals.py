"""The journals of members in the store: each member leaves its entries there, and the others read them when it has
gone."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import NamedTuple

from oagw_tornado.state.link import Link
from oagw_tornado.state.store import StateAway

#: Of one member at most so many entries, and bytes; bytes of all together; members that are gone.
MOST_ENTRIES = 20_000
MOST_BYTES = 16 * 2**20
MOST_BYTES_OF_ALL = 64 * 2**20
MOST_GONE = 32
#: Seconds that they are kept when nobody is there any more.
KEPT = 3600
# Seconds after which those of members that are gone are kept on.
_RENEWED = 60.0
# Slices that are read at once.
_AT_ONCE = 8


class Slice(NamedTuple):
    """Some entries of a journal."""

    entries: int
    written: bytes


class Left(NamedTuple):
    """What a member has left that is gone."""

    member: str
    slices: int
    runs: bytes
    """How far what ran then had come; empty: nothing did."""


class LeftJournals:
    """What this member leaves, and what others have left."""

    def __init__(self, link: Link, member: str) -> None:
        self._link = link
        self._member = member
        self._renewed = 0.0
        # Slices that the store has of this member.
        self._slices = 0

    @property
    def is_away(self) -> bool:
        """Whether the store cannot be reached."""
        return self._link.is_away

    async def keep(self, slices: Sequence[Slice], runs: bytes, most_entries: int) -> bool:
        """Leave more; False: the store has forgotten what was left before, and all is to be left again.

        It is sent at once, or not at all, if another epoch begins meanwhile. Raises StateAway.
        """
        now = time.monotonic()
        is_renewal = now - self._renewed > _RENEWED
        if is_renewal:
            self._renewed = now
        expected = self._slices + len(slices)
        asked = self._link.decide(
            "keep",
            self._member,
            self._slices,
            min(most_entries, MOST_ENTRIES),
            MOST_BYTES,
            MOST_BYTES_OF_ALL,
            MOST_GONE,
            KEPT,
            int(is_renewal),
            runs,
            *(each for slice in slices for each in slice),
        )
        self._slices = 0
        if await asked != expected:
            return False
        self._slices = expected
        return True

    async def left(self, there: Iterable[str]) -> list[Left]:
        """What those have left that are not `there`. Raises StateAway."""
        return [
            Left(member.decode(), int(slices), runs) for member, slices, runs in await self._link.call("left", *there)
        ]

    async def slices(self, left: Left) -> AsyncIterator[bytes]:
        """The slices of a member that is gone, the oldest first. Raises StateAway."""
        for number in range(0, left.slices, _AT_ONCE):
            for each in (await self._link.call("slices", left.member, number, _AT_ONCE))[1::2]:
                yield each

    async def forget(self, with_others: bool) -> None:
        """Forget what this member has left and, `with_others`, what those have that are gone."""
        self._slices = 0
        try:
            await self._link.call("forget", self._member, int(with_others))
        except StateAway:
            pass  # it has forgotten, or who asked is told
