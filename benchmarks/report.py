"""Make docs/performance.md and its pictures of what was measured: ``python -m benchmarks.report [--load FILE] ...``

The page is figures alone, the results first. What a person has to say about them stands in docs/measuring.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.bars import Latencies, bars
from benchmarks.figures import Measured, Runs, late, middle_run, ratios, table, text, value, values
from benchmarks.measure import RESULTS, load_results
from benchmarks.scenarios import SCENARIOS
from benchmarks.servers import SERVERS

LATENCIES = machine.CACHE / "latency.json"
DOCS = machine.HERE.parent / "docs"

PICTURES = {
    "lateness.png": "How late events are, by percentile: 1,000 streams",
    "cost.png": "Cost of an event and memory, against the number of streams",
}


def summary_table(measured: Measured) -> list[str]:
    """Everything in one table: ratios, and how late events are."""
    streams, requests = measured.get("streams-1000", {}), measured.get("requests", {})
    heads = ["", "CPU per event, × floor", "… steady", "late p50 ms", "p99 ms", "CPU per request, × aiohttp"]
    rows = [
        [
            server.title,
            text(ratios(streams, name, "floor", "us_per_event")),
            text(ratios(streams, name, "floor", "us_per_steady_event")),
            *(text(values(streams, name, "late_ms", key)) for key in ("p50", "p99")),
            text(ratios(requests, name, "aiohttp", "us_per_request")),
        ]
        for name, server in SERVERS.items()
        if name in streams or name in requests
    ]
    return table(heads, rows) if rows else []


def stream_table(runs: Runs) -> list[str]:
    heads = ["", "µs/event", "× floor", "steady µs", "× floor"]
    heads += ["late p50 ms", "p99", "max", "earliest", "peak MB", "KiB/stream"]
    rows = []
    for name, server in SERVERS.items():
        if name not in runs:
            continue
        cells = [server.title]
        for key in ("us_per_event", "us_per_steady_event"):
            cells += [text(values(runs, name, key), "{:.1f}".format), text(ratios(runs, name, "floor", key))]
        cells += [text(values(runs, name, "late_ms", key), "{:,.2f}".format) for key in ("p50", "p99", "max")]
        earliest = late(runs, "min", name)
        cells.append(text([] if earliest is None else [earliest]))
        cells += [text(values(runs, name, "peak_mb"), "{:.0f}".format)]
        rows.append([*cells, text(values(runs, name, "kb_per_stream"), "{:.1f}".format)])
    return table(heads, rows)


def request_table(runs: Runs) -> list[str]:
    heads = ["", "µs/request", "× aiohttp", "requests/s", "p50 ms", "p99 ms"]
    rows = [
        [
            server.title,
            text(values(runs, name, "us_per_request"), "{:.1f}".format),
            text(ratios(runs, name, "aiohttp", "us_per_request")),
            text(values(runs, name, "requests_per_second"), "{:,.0f}".format),
            *(text(values(runs, name, "latency_ms", key)) for key in ("p50", "p99")),
        ]
        for name, server in SERVERS.items()
        if name in runs
    ]
    return table(heads, rows)


def latency_table(latencies: Latencies) -> list[str]:
    rows = [
        [
            name.removeprefix("test_").replace("_", " "),
            text([info["median_ms"]]),
            info["target_ms"],
            text([info["yardstick_ms"]]),
            text([info["ratio"]]),
            f"`{info['yardstick']}`" if info["yardstick"].startswith("python") else info["yardstick"],
        ]
        for name, info in latencies.items()
    ]
    return table(["", "median ms", "target ms", "yardstick ms", "ratio", "yardstick"], rows)


def page(measured: Measured, latencies: Latencies, pictures: Iterable[str]) -> str:
    """docs/performance.md."""
    lines = [
        "<!-- Made by scripts/bench: what is written here by hand is lost. -->",
        "",
        "# Performance",
        "",
        f"Measured on {machine.description()}. Medians, with the lowest and the highest of several rounds behind them. "
        "Ratios are made round by round, and only they hold on another machine. [How it is measured](measuring.md).",
        "",
        *summary_table(measured),
        *[line for name in pictures for line in (f"![{PICTURES[name]}](performance/{name})", "")],
        "## What it is built for",
        "",
        *table(["", "measured", "bar", "met"], [bar.row() for bar in bars(measured, latencies)]),
    ]
    for name, scenario in SCENARIOS.items():
        if runs := measured.get(name):
            rounds = max(map(len, runs.values()))
            title = f"{scenario.title[0].upper()}{scenario.title[1:]}"
            lines += [f"## {title}", "", "One round." if rounds == 1 else f"{rounds} rounds.", ""]
            is_requests = "us_per_request" in next(iter(runs.values()))[0]
            lines += request_table(runs) if is_requests else stream_table(runs)
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
        curves = {SERVERS[name].title: middle_run(of)["late_ms"].get("percentiles", []) for name, of in runs.items()}
        pictures.lateness(curves, folder / "lateness.png")
        drawn.append("lateness.png")
    if points := _cost_points(measured):
        pictures.cost({title: sorted(of) for title, of in points.items()}, folder / "cost.png")
        drawn.append("cost.png")
    return drawn


def _cost_points(measured: Measured) -> dict[str, list[tuple[int, float, float]]]:
    """Title → streams, µs of a steady event (of any event, where no time was steady), MB."""
    points: dict[str, list[tuple[int, float, float]]] = {}
    for scenario in ("streams-100", "streams-1000", "streams-4000", "streams-9500"):
        for name, runs in measured.get(scenario, {}).items():
            named = {name: runs}
            cost = value(named, name, "us_per_steady_event") or value(named, name, "us_per_event")
            memory = value(named, name, "peak_mb")
            if cost is not None and memory is not None:
                points.setdefault(SERVERS[name].title, []).append((runs[0]["streams"], cost, memory))
    return points


def load_latencies(path: Path) -> Latencies:
    """Name of the benchmark → its extra info, for those that have a yardstick."""
    try:
        benchmarks: list[dict[str, Any]] = json.loads(path.read_text())["benchmarks"]
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
