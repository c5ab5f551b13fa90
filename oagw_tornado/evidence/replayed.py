"""The accuracy of a replay: the instants of its events against those of the recording."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any


class Replayed:
    """The recording that one exchange replays. Times are in seconds from the admission of the request."""

    __slots__ = ("recording", "number", "of", "speed", "offsets", "ends_at", "overridden")

    def __init__(
        self,
        recording: str,
        number: int,
        of: int,
        speed: float,
        offsets: array[float] | None,
        ends_at: float,
        overridden: tuple[str, ...],
    ) -> None:
        self.recording = recording
        # Its position among the recordings of this request, and their number.
        self.number = number
        self.of = of
        self.speed = speed
        # When each event was recorded, at this speed, as far as kept; None for a buffered reply.
        self.offsets = offsets
        self.ends_at = ends_at
        # The knobs that stand in the place of recorded times.
        self.overridden = overridden

    @property
    def server_timing(self) -> bytes:
        """The header line that states the plan (W3C Server Timing): the first event and the end, as recorded."""
        first = f"ttft;dur={self.offsets[0] * 1000:.3f}, " if self.offsets else ""
        name = ", ".join((f"replay x{self.speed:g}", *self.overridden))
        return f'Server-Timing: {first}total;dur={self.ends_at * 1000:.3f};desc="{name}"\r\n'.encode()

    def errors(self, actual: Sequence[float] | None, ended: float | None) -> list[float]:
        """For each event that left, how much later than recorded; of a reply that was sent whole, for its end."""
        if self.offsets is None:
            return [] if ended is None else [ended - self.ends_at]
        return [left - recorded for left, recorded in zip(actual or (), self.offsets, strict=False)]

    def as_json(self, actual: Sequence[float] | None, ended: float | None, with_events: bool = False) -> dict[str, Any]:
        """What the evidence shows; errors in milliseconds, null where nothing has left yet."""
        errors = self.errors(actual, ended)
        view: dict[str, Any] = {
            "recording": self.recording,
            "number": self.number,
            "of": self.of,
            "speed": self.speed,
            "overridden": list(self.overridden),
            "events": len(errors),
            "error_ms": error_figures(errors),
        }
        if with_events:
            view["recorded"] = list(self.offsets or ())
            view["errors_ms"] = [_milliseconds(error) for error in errors]
        return view


def error_figures(errors: Sequence[float]) -> dict[str, float | None]:
    """Quantiles of errors, in milliseconds: the least value that so many of them do not exceed."""
    ordered = sorted(errors)
    names = {"earliest": 0.0, "p50": 0.50, "p99": 0.99, "max": 1.0}
    return {
        name: _milliseconds(ordered[_rank(share, len(ordered))]) if ordered else None for name, share in names.items()
    }


def _rank(share: float, count: int) -> int:
    return max(0, -int(-share * count // 1) - 1)


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 6)
