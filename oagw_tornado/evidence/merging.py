"""Merges the counts of several processes: counters to plain values, and many of these to one set of counters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from oagw_tornado.evidence.metrics import Counters
from oagw_tornado.evidence.timing import Timing
from oagw_tornado.evidence.verdict import Second

#: The fields of a `Timing` that are added, and those of which the extremes are kept.
_SUMS = ("later", "events", "seconds", "blocked_by_client")


def timing_totals(timing: Timing) -> dict[str, Any]:
    """A timing without its bins, which are costly to look through."""
    timing.settle()
    waits = timing.waits
    waits.settle()
    told = {"bins": dict(waits.bins), "count": waits.count, "seconds": waits.seconds, "max": waits.max}
    return {**{name: getattr(timing, name) for name in (*_SUMS, "earliest", "max")}, "waits": told}


def timing_as_plain(timing: Timing) -> dict[str, Any]:
    """All of a timing."""
    return {**timing_totals(timing), "late": {index: count for index, count in enumerate(timing.late) if count}}


def merged_timing(many: Iterable[Mapping[str, Any]]) -> Timing:
    """All of them as one."""
    timing = Timing()
    for each in many:
        for name in _SUMS:
            setattr(timing, name, getattr(timing, name) + each[name])
        timing.earliest = min(timing.earliest, each["earliest"])
        timing.max = max(timing.max, each["max"])
        waits, told = timing.waits, each["waits"]
        waits.bins.update({int(index): count for index, count in told["bins"].items()})
        waits.count += told["count"]
        waits.seconds += told["seconds"]
        waits.max = max(waits.max, told["max"])
        for index, count in each["late"].items():
            if int(index) < len(timing.late):
                timing.late[int(index)] += count
    return timing


def counters_as_plain(counters: Counters) -> dict[str, Any]:
    """All of the counters: pairs of a mapping, lists, numbers."""
    return {
        name: [(key, count) for key, count in value.items()] if isinstance(value, Counter) else value
        for name, value in vars(counters).items()
    }


def merged_counters(many: Iterable[Mapping[str, Any]]) -> Counters:
    """All of them as one."""
    counters = Counters()
    for each in many:
        for name, value in each.items():
            own = getattr(counters, name, None)
            if isinstance(own, Counter):
                for key, count in value:
                    own[tuple(key) if isinstance(key, (list, tuple)) else key] += count
            elif isinstance(own, list):
                setattr(counters, name, [one + other for one, other in zip(own, value, strict=True)])
            elif own is not None:
                setattr(counters, name, own + value)
    return counters


def second_as_plain(second: Second) -> list[Any]:
    """One second of a process."""
    return [dict(value.items()) if isinstance(value, Mapping) else value for value in second]


def second_of(plain: Iterable[Any]) -> Second:
    """The same second."""
    values: list[Any] = [
        {int(key): count for key, count in value.items()} if isinstance(value, dict) else value for value in plain
    ]
    return Second(*values)


def late_of(seconds: Iterable[Second]) -> dict[int, int]:
    """Events by lateness, of all these seconds."""
    late: Counter[int] = Counter()
    for second in seconds:
        late.update(second.late)
    return dict(late)
