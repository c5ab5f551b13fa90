"""The tables of docs/performance.md."""

from __future__ import annotations

from benchmarks.bars import Latencies
from benchmarks.figures import Measured, Runs, errors, late, ratios, table, text, values, without_empty
from benchmarks.peers.installation import PRODUCTS
from benchmarks.products import COMPARED
from benchmarks.scenarios import ALL, Scenario

#: Figure → what its column is called, and how it is written.
COSTS = {
    "us_per_event": ("µs/event", "{:.1f}"),
    "us_per_steady_event": ("steady µs", "{:.1f}"),
    "us_per_stream": ("µs/stream", "{:.0f}"),
    "kb_per_stream": ("KiB/stream", "{:.1f}"),
    "us_per_request": ("µs/request", "{:.1f}"),
}

FOOTNOTE = "<sup>1</sup>"


def summary_table(measured: Measured) -> list[str]:
    """All servers in one table: what they cost, as ratios, and how late their events are."""
    usual, long, short, small = (measured.get(name, {}) for name in ("streams-1000", "steady", "openings", "requests"))
    heads = ["", "CPU per event, × floor", "… steady", "CPU per opened stream, × floor"]
    heads += ["CPU per request, × aiohttp", "late p50 ms", "late p99 ms", "peak MB"]
    rows = [
        [
            server.title + (FOOTNOTE if server.note else ""),
            text(ratios(usual, name, "floor", "us_per_event")),
            text(ratios(long, name, "floor", "us_per_steady_event")),
            text(ratios(short, name, "floor", "us_per_stream")),
            text(ratios(small, name, "aiohttp", "us_per_request")),
            *(text(values(usual, name, "late_ms", key), "{:,.2f}".format) for key in ("p50", "p99")),
            text(values(usual, name, "peak_mb"), "{:.0f}".format),
        ]
        for name, server in ALL.items()
        if any(name in runs for runs in (usual, long, short, small))
    ]
    return table(*without_empty(heads, rows)) if rows else []


def notes(measured: Measured) -> list[str]:
    """How products were asked for the same, which were not there, and what failed."""
    lines = []
    there = {name for runs in measured.values() for name in runs}
    if told := [_asked(name) for name, server in COMPARED.items() if name in there and server.note]:
        lines += [f"{FOOTNOTE} Asked for the same streams as near as it gets. {' '.join(told)}", ""]
    if absent := [server.title for name, server in COMPARED.items() if name not in there]:
        lines += [f"Not installed where this was measured: {', '.join(absent)}.", ""]
    for scenario, runs in measured.items():
        lines += [line for name, why in errors(runs) for line in (f"Failed in `{scenario}`: {name}: {why}", "")]
    return lines


def _asked(name: str) -> str:
    server = COMPARED[name]
    return f"{server.title.partition(' ')[0]} {PRODUCTS[name].shown_version}: {server.note}."


def scenario_table(scenario: Scenario, runs: Runs) -> list[str]:
    """The figures of a scenario, a line for each of its cases that was run."""
    rows = [
        [case.server.title, *_costs(scenario, runs, case.name), *_others(scenario, runs, case.name)]
        for case in scenario.cases
        if case.name in runs
    ]
    return table(*without_empty(_heads(scenario), rows))


def _heads(scenario: Scenario) -> list[str]:
    ruler = next(case.server.title for case in scenario.cases if case.name == scenario.ruler)
    ruler = "floor" if scenario.ruler == "floor" else ruler.partition(":")[0]
    heads = [""]
    for figure in scenario.costs:
        heads += [COSTS[figure][0], f"× {ruler}"]
    if scenario.is_requests:
        return [*heads, "requests/s", "p50 ms", "p99 ms"]
    late_heads = [f"late {PERCENTILES[0]} ms", *PERCENTILES[1:], "earliest", "own p99", "waited p99"]
    return [*heads, *late_heads, "peak MB", "KiB/stream", "client busy"]


PERCENTILES = ("p50", "p99", "p99.9", "max")


def _costs(scenario: Scenario, runs: Runs, name: str) -> list[str]:
    cells = []
    for figure in scenario.costs:
        cells.append(text(values(runs, name, figure), COSTS[figure][1].format))
        cells.append(text(ratios(runs, name, scenario.ruler, figure)))
    return cells


def _others(scenario: Scenario, runs: Runs, name: str) -> list[str]:
    if scenario.is_requests:
        rate = text(values(runs, name, "requests_per_second"), "{:,.0f}".format)
        return [rate, *(text(values(runs, name, "latency_ms", key)) for key in ("p50", "p99"))]
    earliest = late(runs, "min", name)
    return [
        *(text(values(runs, name, "late_ms", key), "{:,.2f}".format) for key in PERCENTILES),
        text([] if earliest is None else [earliest]),
        text(values(runs, name, "own", "late_ms", "p99")),
        text(values(runs, name, "own", "admission_wait_ms", "p99")),
        text(values(runs, name, "peak_mb"), "{:.0f}".format),
        text([] if "kb_per_stream" in scenario.costs else values(runs, name, "kb_per_stream"), "{:.1f}".format),
        text(values(runs, name, "client_busy"), "{:.0%}".format),
    ]


def latency_table(latencies: Latencies) -> list[str]:
    rows = [
        [
            name.removeprefix("test_").replace("_", " "),
            text(info.get("ms", [info["median_ms"]])),
            info["target_ms"],
            text([info["yardstick_ms"]]),
            text(info.get("ratios", [info["ratio"]])),
            f"`{info['yardstick']}`" if info["yardstick"].startswith("python") else info["yardstick"],
        ]
        for name, info in latencies.items()
    ]
    return table(["", "median ms", "target ms", "yardstick ms", "ratio", "yardstick"], rows)


def rounds(runs: Runs) -> str:
    """How often each was run, in words."""
    counts = sorted({len(of) for of in runs.values()})
    if counts == [1]:
        return "One round."
    return f"{counts[-1]} rounds." if len(counts) == 1 else f"{counts[-1]} rounds, and one where there is no spread."
