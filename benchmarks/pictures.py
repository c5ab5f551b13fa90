"""The pictures of docs/performance.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from benchmarks.curves import Curves, Width
from benchmarks.scenarios import ALL

mpl.use("agg")  # no screen

#: Milliseconds: what is earlier or less late than this is drawn here, a logarithm has no zero.
LEAST = 0.05

OURS = {"color": "#d62728", "linewidth": 2.6, "zorder": 5}
FLOOR = {"color": "black", "linewidth": 1.6}
OTHERS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf")


def styles() -> dict[str, dict[str, Any]]:
    """How each server's line is drawn, the same in all pictures."""
    ours, floor, *others = (server.title for server in ALL.values())
    found: dict[str, dict[str, Any]] = {ours: OURS, floor: FLOOR}
    found |= {title: {"color": color, "linewidth": 1.3} for title, color in zip(others, OTHERS, strict=True)}
    return {title: {"label": title.replace("`", ""), **style} for title, style in found.items()}


def lateness(curves: Mapping[str, Sequence[tuple[float, float]]], path: Path) -> None:
    """How late the events are at each percentile, as HdrHistogram plots it.

    A curve is pairs: the share of the events that is later, and milliseconds.
    """
    figure, axes = plt.subplots(figsize=(9, 5.2), dpi=110)
    style = styles()
    for title, points in curves.items():
        axes.plot([1 / above for above, _ in points], [max(late, LEAST) for _, late in points], **style[title])
    axes.set_xscale("log")
    axes.set_yscale("log")
    shares = {1: "0 %", 10: "90 %", 100: "99 %", 1000: "99.9 %", 10_000: "99.99 %", 100_000: "99.999 %"}
    axes.set_xticks(list(shares), list(shares.values()))
    axes.minorticks_off()
    axes.set_yticks([0.1, 1, 10, 100, 1000], ["0.1", "1", "10", "100", "1,000"])
    axes.set_xlabel("percentile of the events")
    axes.set_ylabel(f"ms after the planned instant (at {LEAST}: less, or early)")
    axes.set_title("How late events are: 1,000 streams × 20 events/s")
    finish(figure, path, axes)


def draw(axes: Axes, curves: Curves) -> None:
    """Lines through medians, with the lowest and the highest of several rounds as bars."""
    style = styles()
    for title, points in curves.items():
        at, middle, low, high = zip(*points, strict=True)
        spread = [
            [figure - least for figure, least in zip(middle, low, strict=True)],
            [most - figure for figure, most in zip(middle, high, strict=True)],
        ]
        axes.errorbar(at, middle, yerr=spread, marker="o", markersize=4, capsize=3, **style[title])


def streams(costs: Curves, peaks: Curves, path: Path) -> None:
    """Processor time of an event and peak memory, against the number of streams."""
    figure, (time, memory) = plt.subplots(1, 2, figsize=(11, 4.5), dpi=110)
    for axes, curves in ((time, costs), (memory, peaks)):
        draw(axes, curves)
        logarithmic(axes, (250, 1000, 4000, 10_000), "streams")
        axes.set_ylim(bottom=0)
    time.set_ylabel("µs of processor time per event, all streams open")
    memory.set_ylabel("MB of memory, at the peak")
    time.set_title("Cost of an event: 20,000 events/s in all", fontsize=10)
    memory.set_title("Memory of the whole server", fontsize=10)
    finish(figure, path, time, memory)


def rates(costs: Curves, late: Curves, path: Path) -> None:
    """Processor time of an event and how late it is, against how fast streams are."""
    figure, (time, lateness_axes) = plt.subplots(1, 2, figsize=(11, 4.5), dpi=110)
    for axes, curves in ((time, costs), (lateness_axes, late)):
        draw(axes, curves)
        logarithmic(axes, (5, 20, 40), "events/s of each of 1,000 streams")
    time.set_ylim(bottom=0)
    logarithmic_milliseconds(lateness_axes)
    time.set_ylabel("µs of processor time per event, all streams open")
    lateness_axes.set_ylabel("ms late, p99")
    time.set_title("Cost of an event: 1,000 streams", fontsize=10)
    lateness_axes.set_title("Lateness, p99", fontsize=10)
    finish(figure, path, time, lateness_axes)


def terms(costs: Curves, path: Path) -> None:
    """What the journal and rules add to a small request."""
    figure, axes = plt.subplots(figsize=(9, 3.2), dpi=110)
    titles = list(costs)[::-1]
    points = [costs[title][0] for title in titles]
    spread = [[each.figure - each.low for each in points], [each.high - each.figure for each in points]]
    middles = [each.figure for each in points]
    drawn = axes.barh(titles, middles, xerr=spread, capsize=3, color=OURS["color"], alpha=0.75)
    axes.bar_label(drawn, [f"{middle:.1f}" for middle in middles], label_type="center", color="white")
    axes.set_xlabel("µs of processor time per small request, median and spread of the rounds")
    axes.set_title("What the journal and rules cost")
    finish(figure, path, axes, legend=False)


def widths(found: Sequence[Width], bars: tuple[float, float], path: Path) -> None:
    """What slots of the pacer cost, against how late events are; `bars` are those of the cost and of the p50."""
    figure, axes = plt.subplots(figsize=(9, 4.8), dpi=110)
    fixed = [width for width in found if width.name != "auto"]
    follows = [width for width in found if width.name == "auto"]
    for key, marker, color in (("p50", "o", OURS["color"]), ("p99", "s", OTHERS[0])):
        for some, label, shape, size in ((fixed, "", marker, 6), (follows, ", auto", "*", 14)):
            if some:
                look = {"color": color, "marker": shape, "markersize": size, "label": f"late {key}{label}"}
                axes.plot([width.cost for width in some], [getattr(width, key) for width in some], **look)
    for width in fixed:
        name = width.name.replace("us", " µs").replace("ms", " ms")
        axes.annotate(name, (width.cost, width.p50), (4, 6), textcoords="offset points")
    axes.axvline(bars[0], color="gray", linestyle="--", linewidth=1, label=f"bar of the cost, {bars[0]:g} × floor")
    axes.axhline(bars[1], color="gray", linestyle=":", linewidth=1, label=f"bar of the lateness, {bars[1]:g} ms at p50")
    logarithmic_milliseconds(axes)
    axes.set_xlabel("processor time per event in the steady state, × floor")
    axes.set_ylabel("ms late")
    axes.set_title("The width of the pacer's slots: 1,000 streams × 20 events/s")
    finish(figure, path, axes)


def logarithmic(axes: Axes, ticks: Iterable[float], label: str) -> None:
    axes.set_xscale("log")
    axes.set_xticks(list(ticks), [f"{tick:,}" for tick in ticks], minor=False)
    axes.minorticks_off()
    axes.set_xlabel(label)


def logarithmic_milliseconds(axes: Axes) -> None:
    axes.set_yscale("log")
    ticks = (0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500)
    least, most = axes.get_ylim()
    shown = [tick for tick in ticks if least / 2 <= tick <= most * 2]
    axes.set_yticks(shown, [f"{tick:g}" for tick in shown])
    axes.yaxis.set_minor_formatter(NullFormatter())


def finish(figure: Figure, path: Path, axes: Axes, *others: Axes, legend: bool = True) -> None:
    for each in (axes, *others):
        each.grid(visible=True, which="major", alpha=0.3)
    if legend:
        axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)
