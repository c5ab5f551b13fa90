"""How late events left, and how long requests waited for their admission, in histograms that cost next to nothing to
update.

Lateness is actual minus planned instant, in seconds. Bins are 50 microseconds wide up to `SPAN`; anything later is
counted in one bin, and its maximum kept. Whoever sends an event only appends its lateness to `recent`; the bins are
counted later, many at a time.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

SPAN = 2.0
BINS_PER_SECOND = 20_000
_LAST_BIN = int(SPAN * BINS_PER_SECOND)


class Waits:
    """How long requests waited, in seconds, from when their last byte can have been there to their admission."""

    __slots__ = ("recent", "bins", "count", "seconds", "max")

    def __init__(self) -> None:
        # Those that `settle` has yet to count.
        self.recent: list[float] = []
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        # bins[i]: waits between i and i + 1 bins; the last one has all above `SPAN`.
        self.bins: Counter[int] = Counter()
        self.count = 0
        self.seconds = 0.0
        self.max = 0.0
        self.recent.clear()

    def settle(self) -> None:
        """Count what is `recent`. Call it before reading the other attributes."""
        recent = self.recent
        if recent:
            self.count += len(recent)
            self.seconds += sum(recent)
            self.max = max(self.max, max(recent))
            self.bins.update([min(int(wait * BINS_PER_SECOND), _LAST_BIN) for wait in recent])
            recent.clear()

    def quantiles(self, *shares: float) -> list[float | None]:
        """As `Timing.quantiles`, of the waits."""
        self.settle()
        if not self.count:
            return [None for _ in shares]
        found: list[float | None] = []
        seen = 0
        for index, count in sorted(self.bins.items()):
            seen += count
            while len(found) < len(shares) and seen >= shares[len(found)] * self.count:
                found.append(self.max if index == _LAST_BIN else min((index + 1) / BINS_PER_SECOND, self.max))
        return found

    def as_json(self) -> dict[str, float | None]:
        """Quantiles in milliseconds; null where there is nothing to say."""
        p50, p90, p99 = map(_milliseconds, self.quantiles(0.50, 0.90, 0.99))
        return {"p50": p50, "p90": p90, "p99": p99, "max": _milliseconds(self.max if self.count else None)}


class Timing:
    """Lateness of all events since the last `reset`, and of how many that cannot be said."""

    __slots__ = (
        "late",
        "later",
        "events",
        "seconds",
        "earliest",
        "max",
        "blocked_by_client",
        "recent",
        "waits",
        "_fresh",
        "_freshest",
        "_blocked_then",
    )

    def __init__(self) -> None:
        # Lateness of single events that `settle` has yet to count.
        self.recent: list[float] = []
        self.waits = Waits()
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.waits.reset()
        self.late = [0] * int(SPAN * BINS_PER_SECOND)  # late[i]: events between i and i + 1 bins late
        self.later = 0  # events later than all bins
        self.events = 0
        self.seconds = 0.0  # the lateness of all of them together
        self.earliest = float("inf")
        self.max = float("-inf")
        self.blocked_by_client = 0  # events that waited for their client to read; in no bin
        # Since `take_fresh` was last called: bins with their counts, the latest, and how many were blocked then.
        self._fresh: dict[int, int] = {}
        self._freshest = 0.0
        self._blocked_then = 0
        # In place, here and below, because the code that appends keeps a reference to this list.
        self.recent.clear()

    def settle(self) -> None:
        """Count what is `recent`. Call it before reading the other attributes."""
        recent = self.recent
        if not recent:
            return
        self.events += len(recent)
        self.seconds += sum(recent)
        self.earliest = min(self.earliest, min(recent))
        latest = max(recent)
        self.max = max(self.max, latest)
        self._freshest = max(self._freshest, latest)
        bins, fresh = self.late, self._fresh
        for index, events in Counter([int(late * BINS_PER_SECOND) for late in recent]).items():
            fresh[index] = fresh.get(index, 0) + events
            if index < len(bins):
                # Early must not be: it shows in `earliest`.
                bins[max(index, 0)] += events
            else:
                self.later += events
        recent.clear()

    def take_fresh(self) -> tuple[dict[int, int], float, int]:
        """Lateness of the events since the last call: bins with their counts, the latest, and how many were blocked."""
        self.settle()
        taken = self._fresh, self._freshest, self.blocked_by_client - self._blocked_then
        self._fresh, self._freshest, self._blocked_then = {}, 0.0, self.blocked_by_client
        return taken

    def quantiles(self, *shares: float) -> list[float | None]:
        """For each of `shares`, in rising order: the lateness below which that share of all events left, in seconds.

        The upper edge of a bin: at most 50 microseconds too much, never too little. None if there were no events.
        """
        self.settle()
        counted = sum(self.late) + self.later
        if counted == 0:
            return [None for _ in shares]
        found: list[float | None] = []
        ranks = [share * counted for share in shares]
        seen = 0
        for index, count in enumerate(self.late):
            if count:
                seen += count
                while len(found) < len(ranks) and seen >= ranks[len(found)]:
                    found.append(min((index + 1) / BINS_PER_SECOND, max(self.max, 0.0)))
                if seen == counted - self.later:
                    break
        return found + [self.max] * (len(ranks) - len(found))

    def as_json(self) -> dict[str, Any]:
        """As ``/_sim/timing`` gives it, in milliseconds; null where there is nothing to say."""
        p50, p90, p99 = self.quantiles(0.50, 0.90, 0.99)
        waits = self.waits.as_json()
        return {
            "events": self.events,
            "late_ms": {
                "p50": _milliseconds(p50),
                "p90": _milliseconds(p90),
                "p99": _milliseconds(p99),
                "max": _milliseconds(self.max if self.events else None),
            },
            "earliest_ms": _milliseconds(self.earliest if self.events else None),
            "blocked_by_client": self.blocked_by_client,
            "requests": self.waits.count,
            "admission_wait_ms": waits,
        }


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 6)
