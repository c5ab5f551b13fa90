"""Figures of several runs, and how they are written: a median with its spread, and a dash where there is none."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from statistics import median
from typing import Any

from benchmarks.load import Result

#: Server → its runs.
Runs = dict[str, list[Result]]
Measured = dict[str, Runs]

#: What stands where nothing was measured.
NOTHING = "–"


def by_round(runs: Runs, server: str, *path: str) -> dict[int, float]:
    """One figure of each of a server's runs, by their round; of those that have it."""
    found = {}
    for index, run in enumerate(runs.get(server, [])):
        figure: Any = run
        for key in path:
            figure = figure.get(key) if isinstance(figure, dict) else None
        if figure is not None and math.isfinite(figure):
            found[int(run.get("round", index))] = float(figure)
    return found


def values(runs: Runs, server: str, *path: str) -> list[float]:
    """One figure of each of a server's runs; of those that have it."""
    return list(by_round(runs, server, *path).values())


def value(runs: Runs, server: str, *path: str) -> float | None:
    """The median of `values`; None if there are none."""
    found = values(runs, server, *path)
    return median(found) if found else None


def ratios(runs: Runs, server: str, ruler: str, *path: str) -> list[float]:
    """The figure of `server` by that of `ruler`, round by round: only what was measured in one go is compared."""
    of = by_round(runs, ruler, *path)
    return [figure / of[number] for number, figure in by_round(runs, server, *path).items() if of.get(number)]


def ratio(runs: Runs, server: str, ruler: str, *path: str) -> float | None:
    """The median of `ratios`."""
    found = ratios(runs, server, ruler, *path)
    return median(found) if found else None


def text(found: Iterable[float], form: Callable[[float], str] = "{:.2f}".format) -> str:
    """The median, and the lowest and the highest where they are written otherwise; a dash for nothing.

    >>> text([1.0, 2.0, 4.0]), text([1.0]), text([1.001, 1.002]), text([])
    ('2.00 (1.00–4.00)', '1.00', '1.00', '–')
    """
    figures = [figure for figure in found if math.isfinite(figure)]
    if not figures:
        return NOTHING
    middle, low, high = (form(figure) for figure in (median(figures), min(figures), max(figures)))
    return middle if low == middle == high else f"{middle} ({low}–{high})"


def late(runs: Runs, key: str, server: str = "simulator") -> float | None:
    """Milliseconds. The earliest is the earliest of all runs: one event before its time is one too many."""
    if key == "min":
        return min(values(runs, server, "late_ms", "min"), default=None)
    return value(runs, server, "late_ms", key)


def middle_run(runs: list[Result]) -> Result | None:
    """The run whose p99 is the median one; None if events of none of them had a plan."""
    late = [run for run in runs if "late_ms" in run]
    return sorted(late, key=lambda run: float(run["late_ms"]["p99"]))[len(late) // 2] if late else None


def errors(runs: Runs) -> list[tuple[str, str]]:
    """Who failed, and why; once each."""
    return list(dict.fromkeys((name, run["error"]) for name, of in runs.items() for run in of if "error" in run))


def without_empty(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> tuple[list[str], list[list[str]]]:
    """A table without the columns in which there is nothing but dashes."""
    columns = list(zip(heads, *rows, strict=True))
    kept = [column for column in columns if not column[1:] or any(cell != NOTHING for cell in column[1:])]
    first, *rest = zip(*kept, strict=True)
    return list(first), [list(row) for row in rest]


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """The lines of a table in Markdown, with an empty one behind it."""
    heads = list(heads)
    lines = [heads, ["---"] + ["--:"] * (len(heads) - 1), *rows]
    return ["| " + " | ".join(cells) + " |" for cells in lines] + [""]
