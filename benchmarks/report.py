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

from benchmarks import curves, machine
from benchmarks.bars import Latencies, bars
from benchmarks.figures import Measured, table
from benchmarks.measure import RESULTS, load_results
from benchmarks.scenarios import SCENARIOS
from benchmarks.tables import latency_table, notes, rounds, scenario_table, summary_table

LATENCIES = machine.CACHE / "latency.json"
DOCS = machine.HERE.parent / "docs"

PICTURES = {
    "lateness.png": "How late events are, by percentile: 1,000 streams × 20 events/s",
    "streams.png": "Cost of an event and memory, against the number of streams",
    "rates.png": "Cost of an event and its lateness, against the events a second of a stream",
    "terms.png": "What the journal and rules cost a small request",
    "resolutions.png": "What slots of the pacer cost, against how late events are",
}


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
        *notes(measured),
        *[line for name in pictures for line in (f"![{PICTURES[name]}](performance/{name})", "")],
        "## What it is built for",
        "",
        *table(["", "measured", "bar", "met"], [bar.row() for bar in bars(measured, latencies)]),
    ]
    for name, scenario in SCENARIOS.items():
        if runs := measured.get(name):
            title = f"{scenario.title[0].upper()}{scenario.title[1:]}"
            lines += [f"## {title}", "", rounds(runs), "", *scenario_table(scenario, runs)]
    if latencies:
        lines += ["## One client, nothing else going on", "", *latency_table(latencies)]
    return "\n".join(lines).rstrip() + "\n"


def draw(measured: Measured, folder: Path) -> list[str]:
    """The pictures for which there are figures, where matplotlib is installed: the names of their files."""
    if find_spec("matplotlib") is None:
        print("no pictures: matplotlib is not installed")
        return []
    from benchmarks import pictures

    folder.mkdir(parents=True, exist_ok=True)
    for earlier in folder.glob("*.png"):
        earlier.unlink()
    steady, peak, p99 = ("us_per_steady_event",), ("peak_mb",), ("late_ms", "p99")
    found: dict[str, tuple[Any, ...]] = {
        "lateness": (curves.lateness(measured),),
        "streams": (curves.by_streams(measured, *steady), curves.by_streams(measured, *peak)),
        "rates": (curves.by_rate(measured, *steady), curves.by_rate(measured, *p99)),
        "terms": (curves.by_terms(measured),),
        "widths": (curves.by_width(measured), (1.45, 0.5)),
    }
    drawn = []
    for name, (kind, figures) in zip(PICTURES, found.items(), strict=True):
        if figures[0]:
            getattr(pictures, kind)(*figures, folder / name)
            drawn.append(name)
    return drawn


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
