"""The few points of a percentile plot from many values. Pure functions of counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

#: Points of one plot.
POINTS = 200


def percentile_points(counts: Sequence[tuple[float, int]], points: int = POINTS) -> list[list[float]]:
    """`[percentile, value]` pairs of values, rising, with their numbers: denser towards 100, the last the maximum.

    >>> percentile_points([(1.0, 90), (2.0, 9), (5.0, 1)], 4)
    [[90.0, 1.0], [99.0, 2.0], [100.0, 5.0]]
    """
    whole = sum(count for _, count in counts)
    found: list[list[float]] = []
    seen = 0
    for value, count in counts:
        if count:
            seen += count
            found.append([100 * seen / whole, value])
    if len(found) <= points:
        return found
    # The same number per decade of the remaining tail, so that the far end keeps its detail.
    kept: list[list[float]] = []
    step = whole ** (1 / points)
    left = 100.0
    for point in found:
        rest = 100 - point[0]
        if rest <= left:
            kept.append(point)
            left = rest / step
    return kept if kept[-1] == found[-1] else [*kept, found[-1]]


def counted(values: Iterable[float]) -> list[tuple[float, int]]:
    """Single values, rising, each counted once."""
    return [(value, 1) for value in sorted(values)]
