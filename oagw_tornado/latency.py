"""How long a thing takes: a fixed time or a distribution of times, drawn from a generator that is handed in."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat
from random import Random
from typing import Protocol

from oagw_tornado.durations import format_duration, parse_duration


class Latency(Protocol):
    """A time to wait, in seconds, perhaps another one at each draw."""

    @property
    def is_zero(self) -> bool:
        """Whether every draw is 0."""

    def draw(self, random: Random) -> float:
        """One time, >= 0."""

    def gaps(self, random: Random) -> Iterator[float]:
        """The times between the events of one stream, without end."""


class Fixed:
    """Always the same time."""

    __slots__ = ("seconds",)

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    @property
    def is_zero(self) -> bool:
        return self.seconds == 0

    def draw(self, random: Random) -> float:
        return self.seconds

    def gaps(self, random: Random) -> Iterator[float]:
        return repeat(self.seconds)

    def __str__(self) -> str:
        return format_duration(self.seconds)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fixed) and other.seconds == self.seconds

    def __hash__(self) -> int:
        return hash(self.seconds)


def parse_latency(text: str) -> Latency:
    """Read a duration or a distribution; raises ValueError, which says what was expected."""
    return Fixed(parse_duration(text))
