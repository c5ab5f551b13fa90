"""Latencies: a fixed time or a distribution of times, drawn from a generator that is passed in.

As people write them::

    50ms                     always that
    uniform(20ms,80ms)       evenly between the two
    normal(50ms,10ms)        mean and standard deviation; what falls below 0 becomes 0
    lognormal(50ms,0.4)      median and sigma, the standard deviation of the logarithm
    exponential(50ms)        mean
    trace(0ms,48ms,51ms)     recorded offsets, replayed: the times between events are their differences

All times are float seconds. Every draw lies between 0 and a day, so that sums of draws stay finite.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from itertools import cycle, pairwise, repeat
from random import Random
from typing import NamedTuple, Protocol

from oagw_tornado.units.durations import LONGEST, did_you_mean, format_duration, parse_duration, parse_durations

EXPECTED = (
    "a duration with its unit (250ms, 1.5s, 750us, 0) or uniform(LOW,HIGH), normal(MEAN,DEVIATION), "
    "lognormal(MEDIAN,SIGMA), exponential(MEAN) or trace(OFFSET,OFFSET,…)"
)

# Of the method by which `Random.normalvariate` draws: the ratio of uniform deviates (Kinderman and Monahan, 1977).
_RATIO = 4 * math.exp(-0.5) / math.sqrt(2.0)
# -4 log(u) is at least 5 - 4 exp(1/4) u: what is below that is accepted, as nearly all is, without a logarithm.
_SURE, _SLOPE = 5.0, 4 * math.exp(0.25)

#: Offsets in one trace.
LONGEST_TRACE = 100_000

_DISTRIBUTION = re.compile(r"([a-z]+)\s*\((.*)\)", re.ASCII | re.DOTALL)
_TRACE_FILE = re.compile(r"trace\(\s*@([^()]+)\)")


class Latency(Protocol):
    """A time to wait, in seconds, perhaps another one at each draw."""

    @property
    def is_zero(self) -> bool:
        """Whether every draw is 0."""

    @property
    def is_fixed(self) -> bool:
        """Whether every draw is the same and every gap too, so that no generator is needed."""

    @property
    def typical(self) -> float:
        """The stated centre, in seconds: median or mean."""

    def draw(self, random: Random) -> float:
        """One time, >= 0."""

    def gaps(self, random: Random) -> Iterator[float]:
        """The times between the events of one stream, without end."""


class Fixed(NamedTuple):
    """Always the same time."""

    seconds: float

    @property
    def is_zero(self) -> bool:
        return self.seconds == 0

    @property
    def is_fixed(self) -> bool:
        return True

    @property
    def typical(self) -> float:
        return self.seconds

    def draw(self, random: Random) -> float:
        return self.seconds

    def gaps(self, random: Random) -> Iterator[float]:
        return repeat(self.seconds)

    def __str__(self) -> str:
        return format_duration(self.seconds)


class Uniform(NamedTuple):
    """Evenly between two times."""

    low: float
    high: float

    @property
    def is_zero(self) -> bool:
        return self.high == 0

    @property
    def is_fixed(self) -> bool:
        return self.low == self.high

    @property
    def typical(self) -> float:
        return (self.low + self.high) / 2

    def draw(self, random: Random) -> float:
        return self.low + (self.high - self.low) * random.random()

    def gaps(self, random: Random) -> Iterator[float]:
        low, width, uniform = self.low, self.high - self.low, random.random
        while True:
            yield low + width * uniform()

    def __str__(self) -> str:
        return f"uniform({format_duration(self.low)},{format_duration(self.high)})"


class Normal(NamedTuple):
    """The bell curve, cut at 0."""

    mean: float
    deviation: float

    @property
    def is_zero(self) -> bool:
        return self.mean == 0 and self.deviation == 0

    @property
    def is_fixed(self) -> bool:
        return self.deviation == 0

    @property
    def typical(self) -> float:
        return self.mean

    def draw(self, random: Random) -> float:
        return min(max(random.normalvariate(self.mean, self.deviation), 0.0), LONGEST)

    def gaps(self, random: Random) -> Iterator[float]:
        mean, deviation = self.mean, self.deviation
        for z in _normal_deviates(random):
            gap = mean + z * deviation
            yield 0.0 if gap <= 0.0 else gap if gap < LONGEST else LONGEST  # noqa: FURB136 - min() costs as much as the draw

    def __str__(self) -> str:
        return f"normal({format_duration(self.mean)},{format_duration(self.deviation)})"


class Lognormal(NamedTuple):
    """What network and inference times look like: a long tail to the right of the median."""

    median: float
    sigma: float

    @property
    def is_zero(self) -> bool:
        return self.median == 0

    @property
    def is_fixed(self) -> bool:
        return self.median == 0 or self.sigma == 0

    @property
    def typical(self) -> float:
        return self.median

    def draw(self, random: Random) -> float:
        # Nothing overflows: with a sigma of at most 10 no exponent that can be drawn reaches 130.
        return min(self.median * math.exp(random.normalvariate(0.0, self.sigma)), LONGEST)

    def gaps(self, random: Random) -> Iterator[float]:
        # As `draw`, without a call into another module for each event of a stream; so is `_normal_deviates`.
        median, sigma, uniform, log, exp = self.median, self.sigma, random.random, math.log, math.exp
        while True:
            first, second = uniform(), 1.0 - uniform()
            z = _RATIO * (first - 0.5) / second
            if z * z <= _SURE - _SLOPE * second or z * z / 4.0 <= -log(second):
                gap = median * exp(z * sigma)
                yield gap if gap < LONGEST else LONGEST  # noqa: FURB136 - min() costs as much as the draw

    def __str__(self) -> str:
        return f"lognormal({format_duration(self.median)},{self.sigma:.15g})"


class Exponential(NamedTuple):
    """Times between events that know nothing of each other."""

    mean: float

    @property
    def is_zero(self) -> bool:
        return self.mean == 0

    @property
    def is_fixed(self) -> bool:
        return self.mean == 0

    @property
    def typical(self) -> float:
        return self.mean

    def draw(self, random: Random) -> float:
        return min(self.mean * random.expovariate(1.0), LONGEST)

    def gaps(self, random: Random) -> Iterator[float]:
        mean, uniform, log = self.mean, random.random, math.log
        while True:
            gap = mean * (-log(1.0 - uniform()))
            yield gap if gap < LONGEST else LONGEST  # noqa: FURB136 - min() costs as much as the draw

    def __str__(self) -> str:
        return f"exponential({format_duration(self.mean)})"


class Trace(NamedTuple):
    """Recorded offsets, each from the first event; a leading 0 is understood.

    Between events: the differences of the offsets, over again from the first when they are used up.
    As a single time: one of the offsets, each as likely.
    """

    offsets: tuple[float, ...]

    @property
    def is_zero(self) -> bool:
        return self.offsets[-1] == 0

    @property
    def is_fixed(self) -> bool:
        return len(self.offsets) == 1 or self.offsets[-1] == 0

    @property
    def typical(self) -> float:
        return self.offsets[len(self.offsets) // 2]

    def draw(self, random: Random) -> float:
        return random.choice(self.offsets)

    def gaps(self, random: Random) -> Iterator[float]:
        offsets = self.offsets if self.offsets[0] == 0 else (0.0, *self.offsets)
        return cycle([b - a for a, b in pairwise(offsets)] or [0.0])

    def __str__(self) -> str:
        return f"trace({','.join(format_duration(offset) for offset in self.offsets)})"


ZERO = Fixed(0.0)


def parse_latency(text: str) -> Latency:
    """Read a duration or a distribution; raises ValueError, which says what was expected."""
    text = text.strip()
    match = _DISTRIBUTION.fullmatch(text)
    if match is None:
        try:
            return Fixed(parse_duration(text))
        except ValueError:
            hint = did_you_mean(text)
            raise ValueError(f"{text[:80]!r} is not {EXPECTED}, of at most a day (24h){hint}") from None
    name, arguments = match[1], [argument.strip() for argument in match[2].split(",")]
    try:
        return _DISTRIBUTIONS[name](arguments)
    except KeyError:
        raise ValueError(f"{text[:80]!r} is not {EXPECTED}") from None
    except ValueError as error:
        raise ValueError(f"{text[:80]!r}: {error}") from None


def expand_traces(text: str, read: Callable[[str], str]) -> str:
    """Replace ``trace(@file)`` by the offsets that `read(file)` gives: one a line, or separated by commas.

    For the configuration file alone: a request must not make the server read files.
    """
    return _TRACE_FILE.sub(lambda match: f"trace({','.join(read(match[1].strip()).replace(',', ' ').split())})", text)


def _normal_deviates(random: Random) -> Iterator[float]:
    """What `Random.normalvariate` draws for a mean of 0 and a deviation of 1."""
    uniform, log = random.random, math.log
    while True:
        first, second = uniform(), 1.0 - uniform()
        z = _RATIO * (first - 0.5) / second
        if z * z <= _SURE - _SLOPE * second or z * z / 4.0 <= -log(second):
            yield z


def _uniform(arguments: list[str]) -> Latency:
    low, high = _times(arguments, "uniform(LOW,HIGH)", 2)
    if low > high:
        raise ValueError("expected the lower bound of uniform(LOW,HIGH) first")
    return Uniform(low, high)


def _normal(arguments: list[str]) -> Latency:
    return Normal(*_times(arguments, "normal(MEAN,DEVIATION)", 2))


def _lognormal(arguments: list[str]) -> Latency:
    (median,) = _times(arguments[:1], "lognormal(MEDIAN,SIGMA)", 1)
    try:
        (sigma,) = map(float, arguments[1:])
    except ValueError:
        sigma = -1.0
    if not 0 <= sigma <= 10:
        raise ValueError("expected lognormal(MEDIAN,SIGMA) with a sigma from 0 to 10")
    return Lognormal(median, sigma)


def _exponential(arguments: list[str]) -> Latency:
    return Exponential(*_times(arguments, "exponential(MEAN)", 1))


def _trace(arguments: list[str]) -> Latency:
    if arguments[0].startswith("@"):
        raise ValueError("trace(@FILE) is read from the configuration file only")
    if len(arguments) > LONGEST_TRACE:
        raise ValueError(f"expected at most {LONGEST_TRACE} offsets in a trace")
    offsets = parse_durations(arguments)
    if any(b < a for a, b in pairwise(offsets)):
        raise ValueError("expected offsets that do not decrease")
    return Trace(offsets)


def _times(arguments: list[str], form: str, count: int) -> list[float]:
    if len(arguments) != count:
        raise ValueError(f"expected {form}")
    return list(map(parse_duration, arguments))


_DISTRIBUTIONS: dict[str, Callable[[list[str]], Latency]] = {
    "uniform": _uniform,
    "normal": _normal,
    "lognormal": _lognormal,
    "exponential": _exponential,
    "trace": _trace,
}
