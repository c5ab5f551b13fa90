"""What one second comes to: as the page is told of it, and in a form that those of several processes can be added in.

Seconds of several processes do not begin together, and are a little longer than one. So of each process the figures of
a second of the clock are those of its own second that was under way in the middle of it, as rates.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from math import ceil, exp, log
from typing import Any, NamedTuple

from oagw_tornado.evidence.timing import BINS_PER_SECOND
from oagw_tornado.evidence.verdict import DEFAULT_BUDGET, Second, is_bad, merged, quantile

#: Seconds that are added up for those who come later.
KEPT = 600
#: Seconds that are added up in one go.
MOST_AT_ONCE = 20
# Seconds of the clock until those who are there have told of one, and until nobody waits for who has not.
_TOLD, _LATE = 1.3, 3.0
BIN = 1 / BINS_PER_SECOND
# Seconds of a bad time that a verdict is put down to, one by one; older ones are taken together.
_BAD_SECONDS = 20
# Times of first events are added in bins of this many to the power of e.
_FINE = 100


class Sample(NamedTuple):
    """A second of one process. Times in seconds; null where unknown."""

    ended: float
    length: float
    late: Mapping[int, int]
    latest: float
    blocked: int
    cpu: float
    requests: int | None
    first: Mapping[int, int] | None
    slowest: float
    faults: int | None
    left: int | None


class Samples:
    """Samples in the order of making."""

    def __init__(self) -> None:
        self.made: list[Any] = []
        # How many were dropped before the first of `made`.
        self.dropped = 0


class Judged:
    """Seconds for a verdict in two heaps: it needs to know what went wrong in the bad ones."""

    def __init__(self, seconds: Iterable[Second] = ()) -> None:
        self._good: Second | None = None
        self._bad: list[Second] = []
        for second in seconds:
            self.add(second)

    def add(self, second: Second) -> None:
        """Take in one more."""
        if is_bad(second, BIN, DEFAULT_BUDGET):
            self._bad.append(second)
            if len(self._bad) > _BAD_SECONDS:
                self._bad[:2] = [merged(self._bad[0], self._bad[1])]
        else:
            self._good = second if self._good is None else merged(self._good, second)

    @property
    def seconds(self) -> list[Second]:
        """All of them: the good ones as one, the bad ones one by one as far as these are few."""
        return [*([self._good] if self._good is not None else ()), *self._bad]


class SeriesOfAll(Samples):
    """Samples of several processes, added: one for each second of the clock, made again when more is known of it."""

    def __init__(self) -> None:
        super().__init__()
        self._of: dict[int, dict[str, Sample]] = {}
        self._changed: set[int] = set()

    def add(self, process: str, sample: Sample) -> None:
        """What one process tells of a second."""
        for second in range(ceil(sample.ended - sample.length - 0.5), ceil(sample.ended - 0.5)):
            self._of.setdefault(second, {})[process] = sample
            self._changed.add(second)

    def look(self, now: float, processes: Collection[str]) -> None:
        """Add up what can be, as `processes` are there."""
        ready = sorted(second for second in self._changed if self._is_ready(second, now, processes))
        for second in ready[-MOST_AT_ONCE:]:
            self._changed.discard(second)
            self.made.append(_added(second + 1, [*self._of[second].values()]))
        for second in [second for second in self._of if second < now - KEPT - 1]:
            del self._of[second]
            self._changed.discard(second)
        if len(self.made) > 3 * KEPT:
            del self.made[:KEPT]
            self.dropped += KEPT

    def clear(self) -> None:
        """Begin anew."""
        self.dropped += len(self.made)
        self.made.clear()
        self._of.clear()
        self._changed.clear()

    def _is_ready(self, second: int, now: float, processes: Collection[str]) -> bool:
        known = self._of[second]
        return now > second + _LATE or (now > second + _TOLD and all(each in known for each in processes))


def sample_of(
    second: Second,
    requests: int | None = None,
    first: Sequence[float] | None = None,
    faults: int | None = None,
    left: int | None = None,
) -> Sample:
    """A sample; `first` are the times of first events, which rise."""
    return Sample(
        second.ended,
        second.length,
        dict(second.late.items()),
        second.latest,
        second.blocked,
        second.cpu,
        requests,
        None if first is None else Counter(int(log(max(time, 1e-6)) * _FINE) for time in first),
        first[-1] if first else 0.0,
        faults,
        left,
    )


def _added(ended: int, samples: Sequence[Sample]) -> dict[str, Any]:
    late: Counter[int] = Counter()
    first: Counter[int] = Counter()
    for sample in samples:
        late.update(sample.late)
        first.update(sample.first or {})
    latest, slowest = max(each.latest for each in samples), max(each.slowest for each in samples)
    knows_first = all(each.first is not None for each in samples)
    return {
        "t": ended,
        "length": 1.0,
        "requests": _rate((each.requests, each.length) for each in samples),
        "events": _rate((sum(each.late.values()), each.length) for each in samples),
        "late": _late(late, latest),
        "first": [_first(first, share, slowest) for share in (0.5, 0.99, 1.0)] if knows_first else None,
        "blocked": _rate((each.blocked, each.length) for each in samples),
        "faults": _rate((each.faults, each.length) for each in samples),
        "left": _rate((each.left, each.length) for each in samples),
        "cpu": round(sum(each.cpu / each.length for each in samples if each.length), 4),
    }


def _rate(counts: Iterable[tuple[int | None, float]]) -> float | None:
    """All of them in a second; None if one is not known."""
    rate = 0.0
    for count, length in counts:
        if count is None:
            return None
        rate += count / length if length else 0.0
    return round(rate, 1)


def _late(late: Mapping[int, int], latest: float) -> list[float | None]:
    times = [quantile(late, share, BIN, latest) for share in (0.5, 0.99)]
    times.append(latest if late else None)
    return [None if time is None else round(time * 1000, 3) for time in times]


def _first(bins: Mapping[int, int], share: float, slowest: float) -> float | None:
    rank, seen = share * sum(bins.values()), 0
    for index in sorted(bins):
        seen += bins[index]
        if seen >= rank:
            return round(min(exp((index + 1) / _FINE), slowest) * 1000, 3)
    return None


def as_json(
    second: Second, requests: int | None, first: list[float] | None, faults: int | None, left: int | None
) -> dict[str, Any]:
    """One process' second as the page is told of it."""
    return {
        "t": round(second.ended, 3),
        "length": round(second.length, 4),
        "requests": requests,
        "events": sum(second.late.values()),
        "late": _late(second.late, second.latest),
        "first": None if first is None else [_milliseconds(first, share) for share in (0.5, 0.99, 1.0)],
        "blocked": second.blocked,
        "faults": faults,
        "left": left,
        "cpu": round(second.cpu / second.length, 4) if second.length else None,
    }


def _milliseconds(values: list[float], share: float) -> float | None:
    """The value of rank ceil(share * n) of `values`, which rise."""
    return round(values[max(0, -int(-share * len(values) // 1) - 1)] * 1000, 3) if values else None
