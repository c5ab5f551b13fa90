"""What the pictures show, taken out of the results: titles, points, and the spread of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from benchmarks.figures import Measured, Runs, middle_run, ratios, value, values
from benchmarks.load import StreamLoad
from benchmarks.scenarios import ALL, SCENARIOS
from benchmarks.variants import RESOLUTIONS, TERMS

#: The same number of events a second on more and more streams; the same streams, faster and faster.
STREAMS = ("streams-250", "steady", "streams-4000", "streams-10000")
RATES = ("rate-5", "steady", "rate-40")


class Point(NamedTuple):
    """A median with the lowest and the highest of its rounds, somewhere on an axis."""

    at: float
    figure: float
    low: float
    high: float


Curves = dict[str, list[Point]]


def point(at: float, found: list[float], runs: Runs, name: str, *path: str) -> list[Point]:
    """None, or one."""
    middle = value(runs, name, *path) if found else None
    return [] if middle is None else [Point(at, middle, min(found), max(found))]


def lateness(measured: Measured) -> dict[str, list[tuple[float, float]]]:
    """Title → shares of the events that are later, and milliseconds; of the run whose p99 is the median one."""
    curves = {}
    for name, runs in measured.get("streams-1000", {}).items():
        if middle := middle_run(runs):
            curves[ALL[name].title] = [(above, late) for above, late in middle["late_ms"]["percentiles"]]
    return curves


def against(measured: Measured, scenarios: Iterable[str], at: Mapping[str, float], *path: str) -> Curves:
    """Title → a figure in each of the scenarios, of the servers that most of them have."""
    curves: Curves = {}
    for scenario in scenarios:
        runs = measured.get(scenario, {})
        for name in runs:
            found = values(runs, name, *path)
            curves.setdefault(ALL[name].title, []).extend(point(at[scenario], found, runs, name, *path))
    return {title: sorted(points) for title, points in curves.items() if len(points) > 1}


def streams_of(scenario: str) -> float:
    load = SCENARIOS[scenario].cases[0].load
    return load.count if isinstance(load, StreamLoad) else 0


def rate_of(scenario: str) -> float:
    load = SCENARIOS[scenario].cases[0].load
    return round(1 / load.streams.gap, 3) if isinstance(load, StreamLoad) else 0


def by_streams(measured: Measured, *path: str) -> Curves:
    return against(measured, STREAMS, {name: streams_of(name) for name in STREAMS}, *path)


def by_rate(measured: Measured, *path: str) -> Curves:
    return against(measured, RATES, {name: rate_of(name) for name in RATES}, *path)


def by_terms(measured: Measured) -> Curves:
    """Title of the terms → µs per request."""
    runs = measured.get("terms", {})
    found = {name: values(runs, name, "us_per_request") for name in TERMS}
    points = {TERMS[name].title: point(0, of, runs, name, "us_per_request") for name, of in found.items()}
    return {title: of for title, of in points.items() if of}


class Width(NamedTuple):
    """What a width of the pacer's slots costs in the steady state, × floor, and how late it has events be."""

    name: str
    cost: float
    p50: float
    p99: float


def by_width(measured: Measured) -> list[Width]:
    """From the narrowest to the widest, `auto` at last."""
    runs = measured.get("resolutions", {})
    found = []
    for name in RESOLUTIONS:
        costs = ratios(runs, name, "floor", "us_per_steady_event")
        p50, p99 = (value(runs, name, "late_ms", key) for key in ("p50", "p99"))
        if costs and p50 is not None and p99 is not None:
            found.append(Width(name, sorted(costs)[len(costs) // 2], p50, p99))
    return found
