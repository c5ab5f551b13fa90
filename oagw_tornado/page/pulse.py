"""The figures of each second, for viewers: what the process measures anyway, and what it has counted since.

The lateness of events is measured for each second in any case (`evidence.vital_signs`). Requests and first-event times
are counted from the first viewer on; for the time before that, the journal supplies them as far back as it reaches.
"""

from __future__ import annotations

from collections.abc import Iterator
from time import time
from typing import TYPE_CHECKING, Any

from oagw_tornado.evidence.timing import BINS_PER_SECOND
from oagw_tornado.evidence.verdict import DEFAULT_BUDGET, Second, is_bad, judge, merged, quantile

if TYPE_CHECKING:
    from oagw_tornado.evidence.exchange import Exchange
    from oagw_tornado.evidence.ledger import Ledger
    from oagw_tornado.evidence.vital_signs import VitalSigns

#: Seconds that are kept for those who come later, and again as many from before the first came.
KEPT = 600
#: Exchanges of the journal, and seconds, that are looked at in one go.
SHARE = 300
_BIN = 1 / BINS_PER_SECOND
# Seconds of a bad time that a verdict is put down to, one by one; older ones are taken together.
_BAD_SECONDS = 20
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
        self.made.clear()
        self._past = iter(())

    def _begin(self) -> None:
        self.dropped += len(self.made)
        self.made.clear()
        self.since = self._signs.since
        whole = self._signs.whole_seconds()
        self._told = whole[-1].ended if whole else 0.0
        # All that was before, in two heaps: a verdict needs to know what went wrong in the bad ones.
        self._good: Second | None = None
        self._bad: list[Second] = []
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
            self._judge_later(second)
            self.made.append(self._sample(second))
        if len(self.made) > 3 * KEPT:
            del self.made[:KEPT]
            self.dropped += KEPT
        return False

    def verdict(self) -> dict[str, Any]:
        """As ``/_sim/verdict`` says it, on whole seconds."""
        seconds = [*([self._good] if self._good is not None else ()), *self._bad]
        verdict = judge(seconds, _BIN)
        length = sum(second.length for second in seconds)
        return {
            "verdict": verdict.word, "reasons": verdict.reasons, "since": self.since, "seconds": length,
            **verdict.figures,
        }  # fmt: skip

    def _judge_later(self, second: Second) -> None:
        if is_bad(second, _BIN, DEFAULT_BUDGET):
            self._bad.append(second)
            if len(self._bad) > _BAD_SECONDS:
                self._bad[:2] = [merged(self._bad[0], self._bad[1])]
        else:
            self._good = second if self._good is None else merged(self._good, second)

    def _sample(self, second: Second) -> dict[str, Any]:
        before = self._number, self._faults, self._left
        self._count()
        times = self._ledger.counters.first_event_times or []
        first, times[:] = sorted(times), []
        begun = second.ended - second.length
        if begun < self._counts_from - _GRACE:
            # What came in the first part of it was not counted.
            return _as_json(second, *self._journaled(begun, second.ended))
        return _as_json(
            second,
            requests=self._number - before[0],
            first=first,
            faults=self._faults - before[1],
            left=self._left - before[2],
        )

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
            self.made.append(
                _as_json(second, came.get(start, 0) if known else None, sorted(first.get(start, ())) if known else None)
            )
            self._judge_later(second)
            if number % (SHARE // 5) == 0:
                yield


def _all(exchange: Exchange) -> bool:
    return True


def _as_json(
    second: Second,
    requests: int | None = None,
    first: list[float] | None = None,
    faults: int | None = None,
    left: int | None = None,
) -> dict[str, Any]:
    late = [quantile(second.late, share, _BIN, second.latest) for share in (0.5, 0.99)]
    late.append(second.latest if second.late else None)
    return {
        "t": round(second.ended, 3),
        "length": round(second.length, 4),
        "requests": requests,
        "events": sum(second.late.values()),
        "late": [None if value is None else round(value * 1000, 3) for value in late],
        "first": None if first is None else [_milliseconds(first, share) for share in (0.5, 0.99, 1.0)],
        "blocked": second.blocked,
        "faults": faults,
        "left": left,
        "cpu": round(second.cpu / second.length, 4) if second.length else None,
    }


def _milliseconds(values: list[float], share: float) -> float | None:
    """The value of rank ceil(share * n) of `values`, which rise."""
    return round(values[max(0, -int(-share * len(values) // 1) - 1)] * 1000, 3) if values else None
