"""Durations as people write them: a number and its unit, or ``0``.

``250ms``, ``1.5s``, ``750us``, ``2m``, ``1h``, ``10ns``. A bare number other than zero is refused: whether
``50`` means seconds or milliseconds would be a guess, which a fixture whose timing is to be trusted must not make.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*(ns|us|µs|ms|s|m|h)", re.ASCII)
# Several durations, separated by commas.
_DURATIONS = r"(?:(?:\d+(?:\.\d+)?|\.\d+)\s*(?:ns|us|µs|ms|s|m|h)(?:,(?!\Z)|\Z))+"

# What people write instead of a unit.
_MEANT = {
    "": ("ms", "s"),
    **dict.fromkeys(("msec", "msecs", "millis", "millisecond", "milliseconds"), ("ms",)),
    **dict.fromkeys(("usec", "usecs", "micros", "microsecond", "microseconds"), ("us",)),
    **dict.fromkeys(("sec", "secs", "second", "seconds"), ("s",)),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), ("m",)),
    **dict.fromkeys(("hr", "hrs", "hour", "hours"), ("h",)),
}
_NEARLY = re.compile(r"(\d{1,12}(?:\.\d{1,12})?)\s*([a-zA-Zµ]{0,12})", re.ASCII)

EXPECTED = "a duration with its unit, such as 250ms, 1.5s, 750us or 0"

#: A day: nothing that a fixture waits for is longer, and every sum of such times stays finite.
LONGEST = 86_400.0


def parse_duration(text: str) -> float:
    """Read a duration, in seconds.

    >>> parse_duration("250ms"), parse_duration("1.5s"), parse_duration("0")
    (0.25, 1.5, 0.0)

    Raises ValueError, whose text says what was expected, if `text` is not one or is longer than a day.
    """
    text = text.strip()
    if text in ("0", "0.0"):
        return 0.0
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:80]!r} is not {EXPECTED}{did_you_mean(text)}")
    seconds = float(match[1]) * _UNITS[match[2]]
    if seconds > LONGEST:
        raise ValueError(f"{text[:80]!r} is longer than a day (24h)")
    return seconds


def parse_durations(texts: Sequence[str]) -> tuple[float, ...]:
    """As `parse_duration` of each, in a third of the time where there are thousands. Raises ValueError."""
    written = ",".join(texts)
    found = _DURATION.findall(written)
    # No text of its own holds a comma if there is one duration for each.
    if len(found) == len(texts) and re.fullmatch(_DURATIONS, written, re.ASCII):
        seconds = tuple([float(amount) * _UNITS[unit] for amount, unit in found])
        if max(seconds) <= LONGEST:
            return seconds
    return tuple(map(parse_duration, texts))


def did_you_mean(text: str) -> str:
    """`` (did you mean …?)`` for a number without a unit or with an unknown one; else empty.

    >>> did_you_mean("50"), did_you_mean("5 sec"), did_you_mean("soon"), did_you_mean("25h")
    (' (did you mean 50ms or 50s?)', ' (did you mean 5s?)', '', '')
    """
    match = _NEARLY.fullmatch(text.strip())
    if match is None or _DURATION.fullmatch(text.strip()):
        return ""
    written = match[2].lower()
    units = (written,) if written in _UNITS else _MEANT.get(written, ())
    return f" (did you mean {' or '.join(match[1] + unit for unit in units)}?)" if units else ""


def format_duration(seconds: float) -> str:
    """Write a duration in the largest unit that gives a short number; `parse_duration` reads it back.

    >>> format_duration(0.25), format_duration(1.5), format_duration(0.00075), format_duration(0)
    ('250ms', '1.5s', '750us', '0')
    """
    if seconds == 0:
        return "0"
    for unit in ("s", "ms", "us", "ns"):
        amount = seconds / _UNITS[unit]
        if amount >= 1 or unit == "ns":
            return f"{amount:.9f}".rstrip("0").rstrip(".") + unit
    raise AssertionError("unreachable: the loop ends with ns")
