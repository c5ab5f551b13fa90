"""How late events left: a histogram that costs next to nothing to count in.

Lateness is actual minus planned instant, in seconds. Bins are 50 microseconds wide up to `SPAN`; what is later is
counted in one bin and remembered by its maximum. `playback` counts inline: a call for each event would be dearer
than the counting.
"""

from __future__ import annotations

SPAN = 2.0
BINS_PER_SECOND = 20_000


class Timing:
    """Lateness of all events since the last `reset`, and of how many that cannot be said."""

    __slots__ = ("late", "later", "events", "earliest", "max", "blocked_by_client")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.late = [0] * int(SPAN * BINS_PER_SECOND)  # late[i]: events between i and i + 1 bins late
        self.later = 0  # events later than all bins
        self.events = 0
        self.earliest = float("inf")
        self.max = float("-inf")
        self.blocked_by_client = 0  # events that waited for their client to read; in no bin

    def count(self, late: float, events: int) -> None:
        """Count `events` that left `late` seconds after their planned instant."""
        self.events += events
        if 0.0 <= late < SPAN:
            self.late[int(late * BINS_PER_SECOND)] += events
        else:
            self.outlier(late, events)
        self.max = max(self.max, late)
        self.earliest = min(self.earliest, late)

    def outlier(self, late: float, events: int) -> None:
        """Count what fits in no bin: later than `SPAN`, or early (which must not be, and shows as a negative earliest)."""
        if late < 0:
            self.late[0] += events
        else:
            self.later += events

    def quantile(self, q: float) -> float | None:
        """The lateness below which the share `q` of all events left, in seconds; None if there were none.

        The upper edge of the bin: at most 50 microseconds too much, never too little.
        """
        counted = sum(self.late) + self.later
        if counted == 0:
            return None
        rank = q * counted
        seen = 0
        for index, count in enumerate(self.late):
            seen += count
            if count and seen >= rank:
                return min((index + 1) / BINS_PER_SECOND, max(self.max, 0.0))
        return self.max
