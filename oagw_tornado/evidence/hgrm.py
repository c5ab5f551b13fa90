"""Percentiles in HdrHistogram's text format (``.hgrm``), for its plotters: https://hdrhistogram.github.io/HdrHistogram/

Values are counted as by the hdrhistogram library, to three digits; it is an extra (``hdr``), loaded on first use. It
could write the text itself, but takes a tenth of a second in one go.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping

#: What there is a histogram of: lateness of events, time to the first one, time between two.
FIGURES = ("lateness", "first_event", "gaps")

#: Steps per halving of the distance to 100 %, HdrHistogram's default.
TICKS = 5
DIGITS = 3
#: Values are whole microseconds; the text has milliseconds.
SCALE = 1000.0


def hgrm(counts: Mapping[int, int]) -> Iterator[bytes]:
    """The text, piece by piece, some of them empty: `counts` are microseconds with their numbers.

    Raises ModuleNotFoundError without the library.
    """
    from hdrh.histogram import HdrHistogram

    histogram = HdrHistogram(1, max(2, *counts, 2), DIGITS)
    equal: Counter[int] = Counter()
    for number, (value, count) in enumerate(counts.items()):
        equal[histogram.get_highest_equivalent_value(value)] += count
        if number % 100 == 0:
            yield b""
    yield b"%12s %14s %10s %14s\n\n" % (b"Value", b"Percentile", b"TotalCount", b"1/(1-Percentile)")
    yield from _percentiles(equal)
    total = sum(counts.values())
    mean = sum(value * count for value, count in counts.items()) / total if total else 0.0
    square = sum((value - mean) ** 2 * count for value, count in counts.items()) / total if total else 0.0
    yield b"#[Mean    = %12.3f, StdDeviation   = %12.3f]\n" % (mean / SCALE, math.sqrt(square) / SCALE)
    yield b"#[Max     = %12.3f, TotalCount     = %12.3f]\n" % (max(equal, default=0) / SCALE, total)
    yield b"#[Buckets = %12d, SubBuckets     = %12d]\n" % (histogram.bucket_count, histogram.sub_bucket_count)


def _percentiles(equal: Mapping[int, int]) -> Iterator[bytes]:
    total = sum(equal.values())
    level, seen = 0.0, 0
    for value in sorted(equal):
        seen += equal[value]
        while 100 * seen / total >= level:
            left = 1 / (1 - level / 100) if level < 100 else math.inf
            yield b"%12.3f %2.12f %10d %14.2f\n" % (value / SCALE, level / 100, seen, left)
            if seen == total:
                yield b"%12.3f %2.12f %10d\n" % (value / SCALE, 1.0, total)
                break
            level = _next_level(level)
        else:
            yield b""


def _next_level(level: float) -> float:
    """Half as far from 100 % in `TICKS` steps."""
    gap = 100.0 - level
    if gap <= 0:
        return math.inf
    half = math.pow(2, math.log(100 / gap) / math.log(2) + 1)
    return level + 100.0 / (TICKS * half)
