"""Whether the fixture itself was late, judged from measurements of each second. Pure: values in, a verdict out.

A load test is void if the server itself was late. Two figures are compared with the budget: how late events left, and
how late the loop reached its own timer (which also covers a server that sends no streams).
Events held up by a client that does not read count as neither. Only if a bound is exceeded are the causes
looked for, in the seconds in which it was: the process was stopped, other programs used its processor, it was busy
itself, it collected garbage.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

#: Default budget: seconds of lateness at p99 that an innocent server stays within.
DEFAULT_BUDGET = 0.002
#: The loop's timer is counted in steps of this many seconds, and is itself this much too coarse.
GRAIN = 0.002
#: One standstill of the loop of so many seconds (or of the budget, if that is more) voids a run, however many events
#: kept their time.
LONGEST_STANDSTILL = 0.1
#: Share of the listen queue that may be taken up: what comes to a full one is dropped, and tried again a second later.
FULLEST_QUEUE = 0.5
#: Share of a processor from which on a server is busy rather than waiting.
BUSY = 0.85


class Second(NamedTuple):
    """What was measured in about one second. Times and lengths in seconds."""

    ended: float
    """Unix time."""
    length: float
    late: Mapping[int, int]
    """Events by lateness, in bins of `bin_width`."""
    latest: float
    """The largest lateness; 0 without events."""
    blocked: int
    """Events that waited for their client to read."""
    lags: Mapping[int, int]
    """How late the loop came to its own timer, in the same bins."""
    longest: float
    """The longest of these lags."""
    stopped: float
    """Of the longest lag: the part in which the process neither ran nor waited for a processor."""
    cpu: float
    """Processor time of the process."""
    busy: float
    """Processor time of the loop's own thread."""
    starved: float | None
    """Time in which the loop's thread could have run and got no processor; None where the system does not tell."""
    queue: float
    """The fullest that the listen queue was seen, as a share of its size."""
    queued: int
    """Connections in it then."""
    pause: float
    """The longest pass of the garbage collector."""
    memory: int
    """Resident bytes."""


class Verdict(NamedTuple):
    """`void` if the server is to blame, and why. `figures` is what that rests on, as ``/_sim/verdict`` gives it."""

    void: bool
    reasons: tuple[str, ...]
    figures: dict[str, Any]

    @property
    def word(self) -> str:
        return "void" if self.void else "innocent"


def judge(seconds: Sequence[Second], bin_width: float, budget: float = DEFAULT_BUDGET) -> Verdict:
    """The verdict on what was measured, with `budget` seconds of lateness at p99."""
    figures = _figures(seconds, bin_width, budget)
    lagging = sum(
        events for second in seconds for index, events in second.lags.items() if index * bin_width > budget + GRAIN
    )
    reasons = _symptoms(figures, budget, lagging)
    if reasons:
        reasons += _causes([second for second in seconds if is_bad(second, bin_width, budget)] or seconds)
    return Verdict(bool(reasons), tuple(reasons), figures)


def merged(first: Second, then: Second) -> Second:
    """Both as one, for a history that is too long to keep second by second."""
    starved = None if first.starved is None or then.starved is None else first.starved + then.starved
    return Second(
        ended=then.ended,
        length=first.length + then.length,
        late=Counter(first.late) + Counter(then.late),
        latest=max(first.latest, then.latest),
        blocked=first.blocked + then.blocked,
        lags=Counter(first.lags) + Counter(then.lags),
        longest=max(first.longest, then.longest),
        stopped=max(first.stopped, then.stopped),
        cpu=first.cpu + then.cpu,
        busy=first.busy + then.busy,
        starved=starved,
        queue=max(first.queue, then.queue),
        queued=max(first.queued, then.queued),
        pause=max(first.pause, then.pause),
        memory=max(first.memory, then.memory),
    )


def quantile(late: Mapping[int, int], share: float, bin_width: float, latest: float) -> float | None:
    """The lateness within which that share of all events left: a bin's upper edge. None without events."""
    rank = share * sum(late.values())
    seen = 0
    for index in sorted(late):
        seen += late[index]
        if seen >= rank:
            return min((index + 1) * bin_width, max(latest, 0.0))
    return None


def _figures(seconds: Sequence[Second], bin_width: float, budget: float) -> dict[str, Any]:
    late: Counter[int] = Counter()
    for second in seconds:
        late.update(second.late)
    latest = max((second.latest for second in seconds), default=0.0)
    lags: Counter[int] = Counter()
    for second in seconds:
        lags.update(second.lags)
    longest = max((second.longest for second in seconds), default=0.0)
    length = sum(second.length for second in seconds)
    starved = [second.starved for second in seconds if second.starved is not None]
    p50, p99 = (quantile(late, share, bin_width, latest) for share in (0.5, 0.99))
    return {
        "events": sum(late.values()),
        "late_ms": {
            "p50": _milliseconds(p50),
            "p99": _milliseconds(p99),
            "max": _milliseconds(latest if late else None),
            "budget": _milliseconds(budget),
        },
        "blocked_by_client": sum(second.blocked for second in seconds),
        "loop_lag_ms": {
            "p99": _milliseconds(quantile(lags, 0.99, bin_width, longest)),
            "max": _milliseconds(longest if lags else None),
        },
        "cpu_share": _share(sum(second.cpu for second in seconds), length),
        "starved_share": _share(sum(starved), length) if starved else None,
        "listen_queue": {
            "max": max((second.queued for second in seconds), default=0),
            "share": round(max((second.queue for second in seconds), default=0.0), 4),
        },
        "collector_ms": _milliseconds(max((second.pause for second in seconds), default=0.0)),
        "memory_bytes": max((second.memory for second in seconds), default=0),
    }


def _symptoms(figures: Mapping[str, Any], budget: float, lagging: int) -> list[str]:
    late, lag = figures["late_ms"], figures["loop_lag_ms"]
    allowed = (budget + GRAIN) * 1000
    found = []
    if late["p99"] is not None and late["p99"] > budget * 1000:
        found.append(f"late: p99 of the lateness of {figures['events']} events is {late['p99']:.3g} ms, "
                     f"the budget {budget * 1000:.3g} ms")  # fmt: skip
    if lag["p99"] is not None and lag["p99"] > allowed and lagging > 1:
        found.append(
            f"lag: the loop came to its own timer {lag['p99']:.3g} ms late at p99, allowed are {allowed:.3g} ms"
        )
    if lag["max"] is not None and lag["max"] > max(LONGEST_STANDSTILL, budget) * 1000:
        found.append(f"standstill: the loop stood still for {lag['max']:.0f} ms")
    if figures["listen_queue"]["share"] > FULLEST_QUEUE:
        found.append(f"listen-queue: {figures['listen_queue']['max']} connections waited to be accepted")
    return found


def is_bad(second: Second, bin_width: float, budget: float) -> bool:
    """Whether something in that second was over its bound."""
    p99 = quantile(second.late, 0.99, bin_width, second.latest)
    return (p99 is not None and p99 > budget) or second.longest > budget + GRAIN


def _causes(seconds: Sequence[Second]) -> list[str]:
    length = sum(second.length for second in seconds)
    causes = []
    stopped = max((second.stopped for second in seconds), default=0.0)
    if stopped > LONGEST_STANDSTILL / 2:
        causes.append(f"stopped: for {stopped * 1000:.0f} ms the process neither ran nor waited for a processor")
    starved = sum(second.starved or 0.0 for second in seconds)
    if starved > 0.05 * length:
        causes.append(f"starved: it waited for a processor for {starved / length:.0%} of {length:.0f} s; others had it")
    busy = sum(second.busy for second in seconds)
    # It cannot have used time that it did not get.
    if length > stopped + starved and busy > BUSY * (length - stopped - starved):
        causes.append(f"overloaded: the loop was busy for {busy / length:.0%} of {length:.0f} s")
    pause = max((second.pause for second in seconds), default=0.0)
    if pause > 0.005:
        causes.append(f"collector: a pass of the garbage collector took {pause * 1000:.0f} ms")
    return causes


def history(seconds: Iterable[Second], bin_width: float) -> list[dict[str, Any]]:
    """The seconds one by one, the oldest first, as ``/_sim/verdict?history=1`` gives them."""
    return [
        {
            "ended": second.ended,
            "events": sum(second.late.values()),
            "late_p99_ms": _milliseconds(quantile(second.late, 0.99, bin_width, second.latest)),
            "late_max_ms": _milliseconds(second.latest if second.late else None),
            "blocked_by_client": second.blocked,
            "loop_lag_max_ms": _milliseconds(second.longest),
            "cpu_share": _share(second.cpu, second.length),
            "starved_share": None if second.starved is None else _share(second.starved, second.length),
            "listen_queue": second.queued,
            "collector_ms": _milliseconds(second.pause),
            "memory_bytes": second.memory,
        }
        for second in seconds
    ]


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)


def _share(part: float, whole: float) -> float:
    return round(part / whole, 4) if whole > 0 else 0.0
