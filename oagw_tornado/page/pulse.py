"""The figures of each second, for viewers: what the process measures anyway, and what it has counted since.

The lateness of events is measured for each second in any case (`evidence.vital_signs`). Requests and first-event times
are counted from the first viewer on; for the time before that, the journal supplies them as far back as it reaches.
"""

from __future__ import annotations

from collections.abc import Iterator
from time import time
from typing import TYPE_CHECKING, Any

from oagw_tornado.evidence.verdict import Second
from oagw_tornado.page.samples import Judged, Samples, as_json, sample_of

if TYPE_CHECKING:
    from oagw_tornado.evidence.exchange import Exchange
    from oagw_tornado.evidence.ledger import Ledger
    from oagw_tornado.evidence.vital_signs import VitalSigns

#: Seconds kept for later viewers, and the same number from before the first viewer.
KEPT = 600
#: Exchanges of the journal, and seconds, examined in one go.
SHARE = 300
# Seconds of a second that may have passed before counting began: a reset is noticed with the next update.
_GRACE = 0.2


class Pulse:
    """Samples of one simulator from `start` to `stop`, each a JSON object; `made` has them in the order of making.

    A sample has ``t`` (Unix time of its end) and, null where that is not known: ``requests`` that came, ``events`` that
    left, ``late`` and ``first`` (milliseconds: p50, p99, max), ``blocked``, ``faults``, ``left`` (clients), ``cpu``
    (share of a processor).
    """

    def __init__(self, ledger: Ledger, signs: VitalSigns) -> None:
        self._ledger = ledger
        self._signs = signs
        self.made: list[dict[str, Any]] = []
        # How many were dropped before the first of `made`.
        self.dropped = 0
        #: The same samples in a form that those of several processes can be added in; None: nobody adds them.
        self.apart: Samples | None = None
        self.since = 0.0
        self._past: Iterator[None] = iter(())
        self._told = 0.0

    def start(self) -> None:
        """Begin to count, and to look back."""
        self._ledger.counters.first_event_times = []
        self._begin()

    def stop(self) -> None:
        """Nobody watches."""
        self._ledger.counters.first_event_times = None
        self._drop(len(self.made))
        self._past = iter(())

    def _drop(self, number: int) -> None:
        del self.made[:number]
        self.dropped += number
        if self.apart is not None:
            del self.apart.made[:number]
            self.apart.dropped = self.dropped

    def _begin(self) -> None:
        self._drop(len(self.made))
        self.since = self._signs.since
        whole = self._signs.whole_seconds()
        self._told = whole[-1].ended if whole else 0.0
        self._judged = Judged()
        self._past = self._look_back(whole)
        self._counts_from = time()
        self._count()

    def _count(self) -> None:
        counters = self._ledger.counters
        self._number = self._ledger.journal.newest
        self._faults = sum(counters.faults.values())
        self._left = sum(counters.clients_left.values())

    def look(self) -> bool:
        """Make samples of the seconds that have ended, and one step into the past; True if all began anew."""
        if self._signs.since != self.since:
            self._begin()
            return True
        next(self._past, None)
        for second in self._signs.whole_seconds(self._told):
            self._told = second.ended
            self._judged.add(second)
            self._add(second, *self._counted_in(second))
        if len(self.made) > 3 * KEPT:
            self._drop(KEPT)
        return False

    def judged(self) -> list[Second]:
        """The whole seconds that a verdict is on: bad ones apart, as far as these are few, and all good ones as one."""
        return self._judged.seconds

    def _add(
        self,
        second: Second,
        requests: int | None,
        first: list[float] | None,
        faults: int | None = None,
        left: int | None = None,
    ) -> None:
        self.made.append(as_json(second, requests, first, faults, left))
        if self.apart is not None:
            self.apart.made.append(sample_of(second, requests, first, faults, left))

    def _counted_in(self, second: Second) -> tuple[int | None, list[float] | None, int | None, int | None]:
        before = self._number, self._faults, self._left
        self._count()
        times = self._ledger.counters.first_event_times or []
        first, times[:] = sorted(times), []
        begun = second.ended - second.length
        if begun < self._counts_from - _GRACE:
            # What came in the first part of it was not counted.
            return (*self._journaled(begun, second.ended), None, None)
        return self._number - before[0], first, self._faults - before[1], self._left - before[2]

    def _journaled(self, begin: float, end: float) -> tuple[int | None, list[float] | None]:
        """How many came between two instants, and the times of their first events; None if it takes long to tell."""
        came = 0
        first: list[float] = []
        for looked, (_, exchange) in enumerate(self._ledger.journal.scan(_all)):
            if exchange is None or exchange.wall < begin:
                return came, sorted(first)
            if looked > SHARE:
                return None, None
            came += exchange.wall < end
            if exchange.actual and exchange.wall + exchange.actual[0] < end:
                first.append(exchange.actual[0])
        return (None, None) if self._ledger.journal.has_forgotten else (came, sorted(first))

    def _look_back(self, seconds: list[Second]) -> Iterator[None]:
        """Samples of these seconds, the latest first, as far as the journal tells; a few in each step."""
        came: dict[int, int] = {}
        first: dict[int, list[float]] = {}
        earliest = None
        journal = self._ledger.journal
        for looked, (_, exchange) in enumerate(journal.scan(_all), 1):
            if exchange is not None:
                earliest = exchange.wall
                came[int(exchange.wall)] = came.get(int(exchange.wall), 0) + 1
                if exchange.actual:
                    first.setdefault(int(exchange.wall + exchange.actual[0]), []).append(exchange.actual[0])
            if looked % SHARE == 0:
                yield
        # A journal that has forgotten tells nothing of the time before, and half of the second in which it begins.
        known_from = -1.0 if not journal.has_forgotten else earliest or float("inf")
        for number, second in enumerate(reversed(seconds), 1):
            start = int(second.ended - second.length / 2)
            known = start > known_from
            self._add(second, came.get(start, 0) if known else None, sorted(first.get(start, ())) if known else None)
            self._judged.add(second)
            if number % (SHARE // 5) == 0:
                yield


def _all(exchange: Exchange) -> bool:
    return True
