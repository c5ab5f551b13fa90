"""Request and token limits as the real services have them: token buckets per alias and bearer.

``60/min``, ``60/min;burst=10;tokens=10000/min``. Nothing throttles unless asked.
"""

from __future__ import annotations

import re
from typing import NamedTuple

EXPECTED = "a rate such as 60/min, with ;burst=N or ;tokens=N/min behind it where wanted"

_RATE = re.compile(r"(\d{1,9})\s*/\s*(s|sec|second|m|min|minute|h|hour|d|day)", re.ASCII)
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class Rate(NamedTuple):
    """So many in so many seconds."""

    amount: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.amount}/{_NAMES[self.seconds]}"


_NAMES = {1.0: "s", 60.0: "min", 3600.0: "h", 86400.0: "day"}


class RateLimit(NamedTuple):
    """A limit on requests, with a burst, and perhaps one on tokens."""

    requests: Rate
    burst: int
    tokens: Rate | None = None

    def __str__(self) -> str:
        text = str(self.requests)
        if self.burst != self.requests.amount:
            text += f";burst={self.burst}"
        return text if self.tokens is None else f"{text};tokens={self.tokens}"


def parse_rate_limit(text: str) -> RateLimit:
    """Read a limit. The burst is the whole amount unless given. Raises ValueError, which says what was expected."""
    first, *parameters = (part.strip() for part in text.split(";"))
    requests = _rate(first)
    burst, tokens = requests.amount, None
    for parameter in parameters:
        key, _, value = (part.strip() for part in parameter.partition("="))
        if key == "burst" and value.isascii() and value.isdigit() and 0 < len(value) < 10 and int(value) > 0:
            burst = int(value)
        elif key == "tokens":
            tokens = _rate(value)
        else:
            raise ValueError(f"{parameter[:80]!r} is not burst=N or tokens=N/min; expected {EXPECTED}")
    return RateLimit(requests, burst, tokens)


def _rate(text: str) -> Rate:
    match = _RATE.fullmatch(text)
    if match is None or int(match[1]) == 0:
        raise ValueError(f"{text[:80]!r} is not {EXPECTED}")
    return Rate(int(match[1]), _SECONDS[match[2][0]])
