"""What the simulator is built for: figures, what each should be, and whether it is."""

from __future__ import annotations

from typing import Any, NamedTuple

from benchmarks.figures import Measured, late, ratio, value

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
    """Those of which there are figures."""
    found = [*_cost(measured), *_lateness(measured), *_size(measured)]
    for test, what, most in (
        ("test_start_up_to_listening", "Start-up, spawn to first connection accepted", 0.25),
        ("test_start_up", "Start-up, spawn to first healthy reply", 1.08),
    ):
        if start := latencies.get(test):
            found += _most(what, start["ratio"], most, " × `import tornado.web`")
    return found


def _most(what: str, figure: float | None, most: float, unit: str, more: str = "") -> list[Bar]:
    """A figure that is to be at most so much; nothing where there is none."""
    if figure is None:
        return []
    digits = 0 if unit.strip() == "MB" else 2
    return [Bar(what, f"{figure:.{digits}f}{unit}", f"≤ {most:g}{unit}{more}", figure <= most)]


def _cost(measured: Measured) -> list[Bar]:
    runs, requests = measured.get("streams-1000", {}), measured.get("requests", {})
    what = "CPU per event, 1,000 streams × 20/s"
    found = _most(what, ratio(runs, "simulator", "floor", "us_per_event"), 1.8, " × floor")
    found += _most("… in the steady state", ratio(runs, "simulator", "floor", "us_per_steady_event"), 1.45, " × floor")
    more = value(measured.get("streams-4000", {}), "simulator", "us_per_event")
    less = value(runs, "simulator", "us_per_event")
    if more and less:
        found += _most("… 4,000 streams against 1,000", more / less, 1.0, " ×")
    what = "CPU per small request"
    return found + _most(what, ratio(requests, "simulator", "aiohttp", "us_per_request"), 0.65, " × aiohttp")


def _lateness(measured: Measured) -> list[Bar]:
    runs = measured.get("streams-1000", {})
    found = _most("Lateness, 1,000 streams × 20/s, p50", late(runs, "p50"), 0.5, " ms")
    found += _most("… p99", late(runs, "p99"), 2.5, " ms")
    earliest = late(runs, "min")
    if earliest is not None:
        found.append(Bar("… the earliest event", f"{earliest:.2f} ms late", "never early", earliest >= 0))
    few = measured.get("streams-100", {})
    found += _most("Lateness, 100 streams × 20/s, p50", late(few, "p50"), 0.45, " ms")
    found += _most("… p99", late(few, "p99"), 1.1, " ms")
    for scenario, what in (("streams-2000", "2,000 streams × 20/s"), ("streams-9500", "9,500 streams × 1/s")):
        found += _most(f"Lateness, {what}, p99", late(measured.get(scenario, {}), "p99"), 10, " ms", ", all complete")
    what = "Lateness for 800 that read beside 200 that do not, p99"
    return found + _most(what, late(measured.get("slow-readers", {}), "p99"), 3, " ms", ", all complete")


def _size(measured: Measured) -> list[Bar]:
    peak = value(measured.get("streams-9500", {}), "simulator", "peak_mb")
    return _most("Peak resident memory, 9,500 streams", peak, 80, " MB")
