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


def lateness(quantiles: Mapping[str, Sequence[float]], path: Path) -> None:
    """What share of the events is at most so late. `quantiles` are evenly spaced, in milliseconds."""
    figure, axes = plt.subplots(figsize=(8, 4.5), dpi=110)
    style = styles(quantiles)
    for title, values in quantiles.items():
        shares = [100 * index / (len(values) - 1) for index in range(len(values))]
        axes.plot([max(value, LEAST) for value in values], shares, **style[title])
    axes.set_xscale("log")
    axes.set_xticks([0.1, 1, 10, 100, 1000], ["0.1", "1", "10", "100", "1,000"])
    axes.set_xlabel(f"milliseconds after the planned instant (at {LEAST}: so much or less, or early)")
    axes.set_ylabel("% of the events")
    axes.set_title("How late events are: 1,000 streams × 20 events/s")
    axes.set_ylim(0, 100)
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
    time.set_title("20/s per stream at 100 and 1,000, 5/s at 4,000, 1/s at 9,500", fontsize=9)
    finish(figure, time, path, memory)


def finish(figure: Figure, axes: Axes, path: Path, *others: Axes) -> None:
    for each in (axes, *others):
        each.grid(visible=True, which="major", alpha=0.3)
    axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)
