"""Streams as the page draws them: the planned and actual instants of each, as they occur."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from oagw_tornado.page.numbering import Numbering
from oagw_tornado.page.rows import MOST_LOOKED_AT, row_of

if TYPE_CHECKING:
    from oagw_tornado.evidence.credentials import Disclosure
    from oagw_tornado.evidence.exchange import Exchange
    from oagw_tornado.evidence.journal import Journal
    from oagw_tornado.evidence.request_filter import RequestFilter

#: Streams that are drawn at once.
MOST_LANES = 60
#: Instants of one update.
MOST_INSTANTS = 3000
# Requests that may yet become a stream, and streams that wait for a lane.
_MOST_CANDIDATES = 500


class _Lane:
    __slots__ = ("exchange", "told", "is_over")

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.told = -1  # events; -1: not even that it is there
        self.is_over = False  # and the page knows


class Lanes:
    """The streams that one page draws, and how much of each it has been sent.

    A stream keeps its lane while it runs, and after that until another needs the room; ``gone`` tells the page.
    """

    def __init__(
        self, journal: Journal, fits: RequestFilter, disclosure: Disclosure, numbering: Numbering | None = None
    ) -> None:
        self._journal = journal
        self._numbering = numbering or Numbering()
        self._fits = fits
        self._disclosure = disclosure
        self._newest = 0
        self._lanes: dict[int, _Lane] = {}
        # Requests that may yet become a stream, and streams that wait for a lane, in the order in which they came.
        self._candidates: dict[int, Exchange] = {}
        self._waiting: dict[int, Exchange] = {}

    @property
    def running(self) -> set[Exchange]:
        """The exchanges whose latest events are of interest."""
        return {lane.exchange for lane in self._lanes.values() if lane.exchange.ended is None}

    @property
    def told(self) -> list[int]:
        """What the page calls those by that it knows."""
        return [self._numbering.of(number) for number, lane in self._lanes.items() if lane.told >= 0]

    def choose(self) -> list[int]:
        """Give lanes to streams that have come; the result are those that lost theirs. Call it before `take`."""
        journal, candidates = self._journal, self._candidates
        newest = journal.newest
        for number in range(max(self._newest, newest - MOST_LOOKED_AT) + 1, newest + 1):
            exchange = journal.numbered(number)
            if exchange is not None and self._fits(exchange):
                candidates[number] = exchange
        self._newest = newest
        waiting = self._waiting
        decided = [number for number, each in candidates.items() if each.planned is not None or each.ended is not None]
        for number in decided:
            exchange = candidates.pop(number)
            if exchange.planned is not None:
                waiting[number] = exchange
        gone: list[int] = []
        while waiting and self._make_room(gone):
            number = next(iter(waiting))
            self._lanes[number] = _Lane(waiting.pop(number))
        for kept in (candidates, waiting):
            while len(kept) > _MOST_CANDIDATES:
                del kept[next(iter(kept))]
        return gone

    def _make_room(self, gone: list[int]) -> bool:
        if len(self._lanes) < self._numbering.share(MOST_LANES):
            return True
        ended = next((number for number, lane in self._lanes.items() if lane.exchange.ended is not None), None)
        if ended is None:
            return False
        if self._lanes.pop(ended).told >= 0:
            gone.append(self._numbering.of(ended))
        return True

    def take(self, give_way: Callable[[], None] = lambda: None) -> list[dict[str, Any]]:
        """What has changed, the newest stream first. A lane that is not known has ``row``; ``from`` is the place of
        the first of its new instants. `give_way` is called after each."""
        found: list[dict[str, Any]] = []
        room = self._numbering.share(MOST_INSTANTS)
        for number, lane in reversed(self._lanes.items()):
            exchange = lane.exchange
            noted = 0 if exchange.planned is None else min(len(exchange.planned), len(exchange.actual or ()))
            begin = max(lane.told, 0)
            if lane.is_over or (lane.told >= noted and exchange.ended is None) or room <= 0:
                continue
            end = min(noted, begin + room)
            shown = self._numbering.of(number)
            change: dict[str, Any] = {"n": shown, "from": begin, "events": exchange.events}
            if lane.told < 0:
                change["row"] = row_of(shown, exchange, self._disclosure) | {"gate": exchange.gate}
            if exchange.planned is not None and exchange.actual is not None:
                change["planned"] = [round(offset, 5) for offset in exchange.planned.between(begin, end)]
                change["actual"] = [round(offset, 5) for offset in exchange.actual[begin:end]]
            if end == noted and exchange.ended is not None:
                change |= {"ended": exchange.ended, "outcome": exchange.outcome, "faults": exchange.faults}
                lane.is_over = True
            change["blocked"] = exchange.blocked
            lane.told = end
            room -= end - begin
            found.append(change)
            give_way()
        return found
