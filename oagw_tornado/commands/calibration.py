"""The search for the load that a machine carries within a budget of lateness, and its result. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

#: Of the asked load, what must have been there for a step to count.
LEAST_SHARE = 0.95
#: Load of a step over that of the one before, while nothing has broken; how near the two ends have to come then.
GROWTH = 1.6
NEAR = 1.08


class CalibrationError(ValueError):
    """The file is not a calibration. The text says what is wrong."""


class LoadStep(NamedTuple):
    """What came of one load. Times in milliseconds."""

    load: int
    """Streams, or requests a second."""
    per_second: float
    """Events, or requests, that there were in a second."""
    p50: float | None
    p99: float | None
    cpu_share: float
    reasons: tuple[str, ...]
    """Why it does not hold; empty: it does."""


class Search:
    """Which load comes next: more until one breaks, then between the two."""

    def __init__(self, first: int, most: int) -> None:
        self.holds = 0
        self._next = first
        self._most = most
        self._breaks: int | None = None

    def next_load(self) -> int | None:
        """The load to try; None: it is known well enough."""
        return self._next or None

    def note(self, load: int, holds: bool) -> None:
        """`load` was tried."""
        if holds:
            self.holds = max(self.holds, load)
        elif self._breaks is None or load < self._breaks:
            self._breaks = load
        if self._breaks is None:
            self._next = 0 if load >= self._most else min(self._most, max(load + 1, int(load * GROWTH)))
        elif self._breaks <= max(1, self.holds) * NEAR or self._breaks - self.holds <= 1:
            self._next = 0
        else:
            self._next = (self.holds + self._breaks) // 2 or 1


def judged(
    load: int, expected: float, there: float, p50: float | None, p99: float | None, verdict: Mapping[str, Any]
) -> LoadStep:
    """A step out of what was asked for a second, what there was of it, its quantiles and the server's verdict."""
    reasons = [str(reason) for reason in verdict["reasons"]]
    budget = verdict["late_ms"]["budget"]
    if there < LEAST_SHARE * expected:
        reasons.append(f"behind: {there:.0f} of {expected:.0f} a second were there")
    if p99 is not None and p99 > budget and not any(reason.startswith("late:") for reason in reasons):
        reasons.append(f"waits: p99 is {p99:.3g} ms, the budget {budget:.3g} ms")
    return LoadStep(load, there, p50, p99, verdict["cpu_share"], tuple(reasons))


def document(
    budget: float,
    rate: float,
    streams: Sequence[LoadStep],
    requests: Sequence[LoadStep],
    machine: Mapping[str, Any],
) -> dict[str, Any]:
    """The result as JSON: what `verdict --calibration` reads. `budget` is in seconds."""
    return {
        "calibration": 1,
        "machine": dict(machine),
        "budget_ms": budget * 1000,
        "streams": _told(streams, events_per_second=rate),
        "requests": _told(requests),
    }


def _told(steps: Sequence[LoadStep], **more: Any) -> dict[str, Any]:
    best = best_of(steps)
    return {
        "holds": 0 if best is None else best.load,
        "per_second": 0.0 if best is None else round(best.per_second, 1),
        **more,
        "steps": [step._asdict() for step in steps],
    }


def best_of(steps: Sequence[LoadStep]) -> LoadStep | None:
    """The largest load that held; None: none did."""
    return max((step for step in steps if not step.reasons), key=lambda step: step.load, default=None)


def read_calibration(text: str) -> dict[str, Any]:
    """A file that `document` was written to. Raises CalibrationError."""
    try:
        read = json.loads(text)
        if read["calibration"] != 1:
            raise CalibrationError(f"calibration: expected 1, not {str(read['calibration'])[:40]}")
        for name in ("streams", "requests"):
            float(read[name]["per_second"])
        float(read["budget_ms"])
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, CalibrationError):
            raise
        raise CalibrationError("it is not what oagw-tornado calibrate writes") from None
    return dict(read)


def load_against(calibration: Mapping[str, Any], verdict: Mapping[str, Any]) -> str:
    """How much of what the machine holds was asked of it, in a line."""
    seconds, holds = verdict["seconds"], calibration["streams"]["per_second"]
    if not seconds or not holds:
        return "  load: the calibration holds no events"
    rate = verdict["events"] / seconds
    said = f"{rate / holds:.0%} of the {holds:,.0f} that this machine holds within {calibration['budget_ms']:.3g} ms"
    return f"  load: {rate:,.0f} events/s, {said}"


def table(title: str, unit: str, steps: Sequence[LoadStep]) -> str:
    """The steps as lines of text, in rising order."""
    lines = [f"{title:>18}{unit:>14}{'p50':>10}{'p99':>10}{'processor':>11}"]
    lines += [
        f"{step.load:>18,}{step.per_second:>14,.0f}{_milliseconds(step.p50):>10}{_milliseconds(step.p99):>10}"
        f"{step.cpu_share:>11.0%}  {step.reasons[0] if step.reasons else 'holds'}"
        for step in sorted(steps)
    ]
    return "\n".join(lines)


def _milliseconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} ms"
