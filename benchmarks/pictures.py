"""The pictures of docs/performance.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

mpl.use("agg")  # no screen

OURS = "oagw-tornado"
OTHERS = ("#7f7f7f", "#9467bd", "#1f77b4", "#2ca02c", "#e6a400", "#8c564b")

#: Milliseconds: what is earlier or less late than this is drawn here, a logarithm has no zero.
LEAST = 0.05


def styles(titles: Iterable[str]) -> dict[str, dict[str, Any]]:
    """How each one's line is drawn."""
    others = iter(OTHERS)
    return {
        title: {"label": title.replace("`", ""), "color": "#d62728", "linewidth": 2.4}
        if title == OURS
        else {"label": title.replace("`", ""), "color": next(others), "linewidth": 1.3}
        for title in titles
    }


def lateness(curves: Mapping[str, Sequence[tuple[float, float]]], path: Path) -> None:
    """How late the events are at each percentile, as HdrHistogram plots it.

    A curve is pairs: the share of the events that is later, and milliseconds.
    """
    figure, axes = plt.subplots(figsize=(8, 4.5), dpi=110)
    style = styles(curves)
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
    finish(figure, axes, path)


def cost(points: Mapping[str, Sequence[tuple[int, float, float]]], path: Path) -> None:
    """Processor time of an event and peak memory, against the number of streams."""
    figure, (time, memory) = plt.subplots(1, 2, figsize=(11, 4.5), dpi=110)
    style = styles(points)
    for title, of in points.items():
        streams, costs, peaks = zip(*of, strict=True)
        for axes, values in ((time, costs), (memory, peaks)):
            axes.plot(streams, values, marker="o", markersize=4, **style[title])
    labels = {time: "µs of processor time per event, all streams open", memory: "MB of memory, at the peak"}
    for axes, label in labels.items():
        axes.set_xscale("log")
        axes.set_xticks([100, 1000, 4000, 9500], ["100", "1,000", "4,000", "9,500"], minor=False)
        axes.minorticks_off()
        axes.set_xlabel("streams")
        axes.set_ylabel(label)
        axes.set_ylim(bottom=0)
    time.set_title("Cost of an event: 20/s per stream at 100 and 1,000, 5/s at 4,000, 1/s at 9,500", fontsize=9)
    memory.set_title("Memory of the whole server", fontsize=9)
    finish(figure, time, path, memory)


def finish(figure: Figure, axes: Axes, path: Path, *others: Axes) -> None:
    for each in (axes, *others):
        each.grid(visible=True, which="major", alpha=0.3)
    axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)
