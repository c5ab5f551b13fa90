"""What the simulator is built for: figures, what each should be, and whether it is."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from typing import Any, NamedTuple

from benchmarks.figures import Measured, late, ratios, text, value, values

Latencies = dict[str, dict[str, Any]]


class Bar(NamedTuple):
    """A figure, what it should be, and whether it is."""

    what: str
    figure: str
    bar: str
    is_met: bool

    def row(self) -> list[str]:
        return [self.what, self.figure, self.bar, "yes" if self.is_met else "**no**"]


def bars(measured: Measured, latencies: Latencies) -> list[Bar]:
    """Those of what was measured."""
    found = [*_cost(measured), *_lateness(measured), *_size(measured)]
    for test, what, most in (
        ("test_start_up_to_listening", "Start-up, spawn to first connection accepted", 0.25),
        ("test_start_up", "Start-up, spawn to first healthy reply", 1.08),
    ):
        if start := latencies.get(test):
            found.append(_most(what, start.get("ratios", [start["ratio"]]), most, " × `import tornado.web`"))
    return found


def _most(what: str, figures: list[float], most: float, unit: str) -> Bar:
    """A figure that is to be at most so much; one that could not be had is not."""
    shown = text(figures, ("{:.0f}" if unit == " MB" else "{:.2f}").format)
    is_met = bool(figures) and median(figures) <= most
    return Bar(what, f"{shown}{unit}" if figures else shown, f"≤ {most:g}{unit}", is_met)


#: Title, scenario, case, to what, which figure, at most, unit.
RATIOS = (
    ("CPU per event, 1,000 streams × 20/s", "streams-1000", "simulator", "floor", "us_per_event", 1.8, " × floor"),
    ("… in the steady state", "steady", "simulator", "floor", "us_per_steady_event", 1.45, " × floor"),
    ("… lognormal gaps", "gaps", "lognormal", "fixed", "us_per_event", 1.15, " × a fixed gap"),
    ("… stream-test's events", "gaps", "stream-test", "fixed", "us_per_event", 1.15, " × a fixed gap"),
    ("… a fault at a late event", "gaps", "late-fault", "fixed", "us_per_event", 1.15, " × a fixed gap"),
    (
        "CPU per stream of 5 events, 2,000 opened/s",
        "openings",
        "simulator",
        "floor",
        "us_per_stream",
        3.0,
        " × floor",
    ),
    ("CPU per small request", "requests", "simulator", "aiohttp", "us_per_request", 0.65, " × aiohttp"),
    ("Memory per stream of 400 events", "lengths", "longer", "shorter", "kb_per_stream", 1.5, " × one of 200"),
)

#: Title, scenario, percentile, at most.
LATENESS = (
    ("Lateness, 1,000 streams × 20/s, p50", "streams-1000", "p50", 0.5),
    ("… p99", "streams-1000", "p99", 2.5),
    ("Lateness, 100 streams × 20/s, p50", "streams-100", "p50", 0.45),
    ("… p99", "streams-100", "p99", 1.1),
    ("Lateness, 2,000 streams × 20/s, p99", "streams-2000", "p99", 10),
    ("Lateness for 800 that read beside 200 that do not, p99", "slow-readers", "p99", 3),
)


def _cost(measured: Measured) -> Iterator[Bar]:
    for what, scenario, case, ruler, figure, most, unit in RATIOS:
        if scenario in measured:
            yield _most(what, ratios(measured[scenario], case, ruler, figure), most, unit)
    more = values(measured.get("streams-4000", {}), "simulator", "us_per_steady_event")
    less = value(measured.get("steady", {}), "simulator", "us_per_steady_event")
    if more and less:
        what = "CPU per steady event, 4,000 streams × 5/s against 1,000 × 20/s"
        yield _most(what, [each / less for each in more], 1.0, " ×")


def _lateness(measured: Measured) -> Iterator[Bar]:
    for what, scenario, key, most in LATENESS:
        if runs := measured.get(scenario):
            yield _most(what, values(runs, "simulator", "late_ms", key), most, " ms")
    earliest = [late(runs, "min") for runs in measured.values()]
    if found := [each for each in earliest if each is not None]:
        yield Bar("The earliest event of all", f"{min(found):.2f} ms late", "never early", min(found) >= 0)


def _size(measured: Measured) -> Iterator[Bar]:
    runs = measured.get("streams-20000")
    if not runs:
        return
    tried = runs.get("simulator", [])
    streams = f"{max((run['streams'] for run in tried if 'streams' in run), default=0):,} streams × 1/s"
    whole = sum(run.get("complete", 0) == run.get("streams", -1) for run in tried)
    yield Bar(f"{streams}, complete", f"{whole} of {len(tried)} runs", "all", whole == len(tried) > 0)
    yield _most("… the server's own p99", values(runs, "simulator", "own", "late_ms", "p99"), 3, " ms")
    yield _most("… peak resident memory", values(runs, "simulator", "peak_mb"), 105, " MB")
