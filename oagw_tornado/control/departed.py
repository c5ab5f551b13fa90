"""What members of a state have left with the store that are gone: what they had measured, and their journals."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from oagw_tornado.control.turns import Turns
from oagw_tornado.evidence.carried import Numbered, progressed, received
from oagw_tornado.evidence.exchange import Exchange
from oagw_tornado.evidence.merging import late_of, second_of
from oagw_tornado.evidence.verdict import Second

if TYPE_CHECKING:
    from oagw_tornado.state.left_journals import LeftJournals
    from oagw_tornado.state.link import Link


class Measured(NamedTuple):
    """What one of them had measured."""

    member: str
    label: str
    totals: dict[str, Any]
    """Of its timing and its counters, as plain values."""
    seconds: list[Second]


class DepartedMembers:
    """Reads what is left of those that are gone."""

    def __init__(self, link: Link, journals: LeftJournals) -> None:
        self._link = link
        self._journals = journals

    async def measured(self, there: Iterable[str]) -> list[Measured]:
        """What those have measured that are not `there`. Raises StateAway."""
        found, turns = [], Turns()
        for name, label, packed, rows in await self._link.call("departed", *there):
            totals = msgspec.msgpack.decode(packed)
            seconds = []
            for row in rows:
                seconds.append(second_of(msgspec.msgpack.decode(row)))
                if turns.is_over:
                    await turns.rest()
            totals["timing"]["late"] = late_of(seconds)
            found.append(Measured(name.decode(), label.decode() or name.decode(), totals, seconds))
        return found

    async def journals(self, there: Iterable[str]) -> AsyncIterator[tuple[str, list[Numbered]]]:
        """The journal of each that is not `there`, the latest request first. Raises StateAway."""
        for left in await self._journals.left(there):
            slices = [written async for written in self._journals.slices(left)]
            yield left.member, await _entries(slices, left.runs)


async def _entries(slices: Sequence[bytes], runs: bytes) -> list[Numbered]:
    """What is in these slices, each request once; what ran was killed with its process."""
    found: dict[int, Exchange] = {}
    turns = Turns()
    for written in slices:
        for number, exchange in received(written):
            found[number] = exchange
            if turns.is_over:
                await turns.rest()
    ages: dict[int, tuple[Sequence[Any], float]] = {}
    for some in msgspec.msgpack.decode(runs) if runs else ():
        ages.update((number, (progress, age)) for number, progress, age in msgspec.msgpack.decode(some))
    for number, exchange in found.items():
        if exchange.ended is None:
            progressed(exchange, *ages.get(number, ((), 0.0)))
    return sorted(found.items(), reverse=True)
