"""Make docs/performance.md and its pictures of what was measured: ``python -m benchmarks.report [--load FILE] ...``"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from benchmarks import machine
from benchmarks.load import Result
from benchmarks.measure import RESULTS, load_results
from benchmarks.scenarios import SCENARIOS
from benchmarks.servers import SERVERS

LATENCIES = machine.CACHE / "latency.json"
DOCS = machine.HERE.parent / "docs"

#: Server → its runs.
Runs = dict[str, list[Result]]
Measured = dict[str, Runs]


class Bar(NamedTuple):
    """A figure, what it should be, and whether it is."""

    what: str
    figure: str
    bar: str
    is_met: bool

    def row(self) -> list[str]:
        return [self.what, self.figure, self.bar, "yes" if self.is_met else "**no**"]


def value(runs: Runs, server: str, *path: str) -> float:
    """The median over a server's runs of one figure of their results."""

    def figure(run: Result) -> float:
        found: Any = run
        for key in path:
            found = found[key]
        return float(found)

    return median(map(figure, runs[server]))


def late(runs: Runs, key: str, server: str = "simulator") -> float:
    """Milliseconds. The earliest is the earliest of all runs: one event before its time is one too many."""
    if key == "min":
        return min(float(run["late_ms"]["min"]) for run in runs[server])
    return value(runs, server, "late_ms", key)


def steady(runs: Runs, server: str) -> float:
    """µs per event while all streams run; nan where there was no such time."""
    figures = [run["us_per_steady_event"] for run in runs.get(server, []) if run.get("us_per_steady_event")]
    return median(figures) if figures else float("nan")


def ratio_text(figure: float, ruler: float | None) -> str:
    return f"{figure / ruler:.2f}" if ruler and figure == figure else "–"


def middle_run(runs: list[Result]) -> Result:
    """The run whose p99 is the median one."""
    return sorted(runs, key=lambda run: float(run["late_ms"]["p99"]))[len(runs) // 2]


def bars(measured: Measured, latencies: dict[str, dict[str, Any]]) -> list[Bar]:
    """What the simulator is built for, of what was measured."""
    found: list[Bar] = []

    def has(scenario: str, *servers: str) -> bool:
        return all(server in measured.get(scenario, {}) for server in ("simulator", *servers))

    if has("streams-1000", "floor"):
        runs = measured["streams-1000"]
        ratio = value(runs, "simulator", "us_per_event") / value(runs, "floor", "us_per_event")
        found.append(Bar("CPU per event, 1,000 streams × 20/s", f"{ratio:.2f} × floor", "≤ 1.8 × floor", ratio <= 1.8))
        for key, most in (("p50", 0.7), ("p99", 3.0)):
            figure = late(runs, key)
            found.append(Bar(f"… lateness, {key}", f"{figure:.2f} ms", f"≤ {most:g} ms", figure <= most))
        earliest = late(runs, "min")
        found.append(Bar("… the earliest event", f"{earliest:.2f} ms late", "never early", earliest >= 0))
    for scenario, what in (("streams-2000", "2,000 streams × 20/s"), ("streams-9500", "9,500 streams × 1/s")):
        if has(scenario):
            figure = late(measured[scenario], "p99")
            found.append(Bar(f"Lateness, {what}, p99", f"{figure:.2f} ms", "≤ 10 ms, all complete", figure <= 10))
    if has("streams-9500"):
        peak = value(measured["streams-9500"], "simulator", "peak_mb")
        found.append(Bar("… peak resident memory", f"{peak:.0f} MB", "≤ 80 MB", peak <= 80))
    if has("streams-1000") and has("streams-4000"):
        ratio = value(measured["streams-4000"], "simulator", "us_per_event")
        ratio /= value(measured["streams-1000"], "simulator", "us_per_event")
        found.append(Bar("CPU per event, 4,000 streams against 1,000", f"{ratio:.2f} ×", "≤ 1.0 ×", ratio <= 1.0))
    if has("slow-readers"):
        figure = late(measured["slow-readers"], "p99")
        what = "Lateness for 800 that read beside 200 that do not, p99"
        found.append(Bar(what, f"{figure:.2f} ms", "≤ 3 ms, all complete", figure <= 3))
    if has("requests", "aiohttp"):
        runs = measured["requests"]
        ratio = value(runs, "simulator", "us_per_request") / value(runs, "aiohttp", "us_per_request")
        found.append(Bar("CPU per small request", f"{ratio:.2f} × aiohttp", "≤ 0.9 × aiohttp", ratio <= 0.9))
    if start := latencies.get("test_start_up"):
        ratio = start["ratio"]
        what, bar = "Start-up, spawn to first healthy reply", "≤ 1.35 × `import tornado.web`"
        found.append(Bar(what, f"{ratio:.2f} × `import tornado.web`", bar, ratio <= 1.35))
    return found


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    heads = list(heads)
    lines = [heads, ["---"] + ["--:"] * (len(heads) - 1), *rows]
    return ["| " + " | ".join(cells) + " |" for cells in lines] + [""]


def stream_table(runs: Runs) -> list[str]:
    heads = ["", "µs/event", "× floor", "steady", "× floor"]
    heads += ["late p50", "p99", "max", "earliest", "peak MB", "KiB/stream"]
    floor = value(runs, "floor", "us_per_event") if "floor" in runs else None
    steady_floor = steady(runs, "floor")
    rows = []
    for name in SERVERS:
        if name not in runs:
            continue
        cost = value(runs, name, "us_per_event")
        figures = [late(runs, key, name) for key in ("p50", "p99", "max", "min")]
        memory = value(runs, name, "peak_mb"), value(runs, name, "kb_per_stream")
        rows.append(
            [SERVERS[name].title, f"{cost:.1f}", ratio_text(cost, floor)]
            + [f"{steady(runs, name):.1f}".replace("nan", "–"), ratio_text(steady(runs, name), steady_floor)]
            + [f"{figure:,.2f}" for figure in figures]
            + [f"{memory[0]:.0f}", f"{memory[1]:.1f}"]
        )
    return table(heads, rows)


def request_table(runs: Runs) -> list[str]:
    heads = ["", "µs/request", "× aiohttp", "requests/s", "p50 ms", "p99 ms"]
    ruler = value(runs, "aiohttp", "us_per_request") if "aiohttp" in runs else None
    rows = []
    for name in SERVERS:
        if name not in runs:
            continue
        cost = value(runs, name, "us_per_request")
        latency = [f"{value(runs, name, 'latency_ms', key):.2f}" for key in ("p50", "p99")]
        rate = f"{value(runs, name, 'requests_per_second'):,.0f}"
        rows.append([SERVERS[name].title, f"{cost:.1f}", ratio_text(cost, ruler), rate, *latency])
    return table(heads, rows)


def latency_table(latencies: dict[str, dict[str, Any]]) -> list[str]:
    rows = [
        [
            name.removeprefix("test_").replace("_", " "),
            f"{info['median_ms']:.2f}",
            info["target_ms"],
            f"{info['yardstick_ms']:.2f}",
            f"{info['ratio']:.2f}",
            f"`{info['yardstick']}`" if info["yardstick"].startswith("python") else info["yardstick"],
        ]
        for name, info in latencies.items()
    ]
    return table(["", "median ms", "target ms", "yardstick ms", "ratio", "yardstick"], rows)


def page(measured: Measured, latencies: dict[str, dict[str, Any]], pictures: Iterable[str]) -> str:
    """docs/performance.md."""
    shown = {"lateness.png": "How late events are, 1,000 streams", "cost.png": "Cost of an event and memory"}
    images = [f"![{shown[name]}](performance/{name})" for name in pictures]
    lines = [
        "# Performance",
        "",
        "Made by `scripts/bench`; do not edit. "
        f"Measured on {machine.description()}. Only ratios between servers measured in one go hold elsewhere.",
        "",
        *(machine.HERE / "method.md").read_text().splitlines(),
        "",
        "## What it is built for",
        "",
        *table(["", "measured", "bar", "met"], [bar.row() for bar in bars(measured, latencies)]),
        *[line for image in images for line in (image, "")],
    ]
    for name, scenario in SCENARIOS.items():
        if runs := measured.get(name):
            rounds = max(map(len, runs.values()))
            title = f"{scenario.title[0].upper()}{scenario.title[1:]}"
            lines += [f"## {title}", "", f"{'One round' if rounds == 1 else f'Medians of {rounds} rounds'}.", ""]
            if "us_per_request" in next(iter(runs.values()))[0]:
                lines += request_table(runs)
            else:
                lines += stream_table(runs)
    if latencies:
        lines += ["## One client, nothing else going on", "", *latency_table(latencies)]
    return "\n".join(lines).rstrip() + "\n"


def draw(measured: Measured, folder: Path) -> list[str]:
    """The pictures, where matplotlib is installed: the names of their files."""
    if find_spec("matplotlib") is None:
        print("no pictures: matplotlib is not installed")
        return []
    from benchmarks import pictures

    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    if runs := measured.get("streams-1000"):
        pictures.lateness(
            {SERVERS[name].title: middle_run(of)["late_ms"]["quantiles"] for name, of in runs.items()},
            folder / "lateness.png",
        )
        drawn.append("lateness.png")
    points: dict[str, list[tuple[int, float, float]]] = {}
    for scenario, runs in measured.items():
        if scenario in ("streams-100", "streams-1000", "streams-4000", "streams-9500"):
            for name in runs:
                cost, memory = steady(runs, name), value(runs, name, "peak_mb")
                points.setdefault(SERVERS[name].title, []).append((runs[name][0]["streams"], cost, memory))
    if points:
        pictures.cost({title: sorted(of) for title, of in points.items()}, folder / "cost.png")
        drawn.append("cost.png")
    return drawn


def load_latencies(path: Path) -> dict[str, dict[str, Any]]:
    """Name of the benchmark → its extra info, for those that have a yardstick."""
    try:
        benchmarks = json.loads(path.read_text())["benchmarks"]
    except FileNotFoundError:
        return {}
    return {bench["name"]: bench["extra_info"] for bench in benchmarks if "ratio" in bench["extra_info"]}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description="Write docs/performance.md.")
    parser.add_argument("--load", type=Path, default=RESULTS, help="what benchmarks.measure wrote")
    parser.add_argument("--latencies", type=Path, default=LATENCIES, help="what pytest --benchmark-json wrote")
    parser.add_argument("--docs", type=Path, default=DOCS, help="folder to write to")
    options = parser.parse_args(arguments)
    measured, latencies = load_results(options.load), load_latencies(options.latencies)
    if not measured:
        print("no load was measured, so there is nothing to report")
        return 0
    pictures = draw(measured, options.docs / "performance")
    (options.docs / "performance.md").write_text(page(measured, latencies, pictures))
    for bar in bars(measured, latencies):
        print(f"{'met   ' if bar.is_met else 'NOT   '} {bar.what}: {bar.figure} ({bar.bar})")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
