"""Timetables of outages, during which an upstream is unavailable. Pure: the time is passed in."""

from __future__ import annotations

import re
from random import Random
from typing import NamedTuple

from oagw_tornado.units.durations import format_duration, parse_duration

_FORM = r"every\s+(\S+)\s+for\s+(\S+)"
_EXAMPLE = "every 60s for 5s[;code=503]"


class Outage(NamedTuple):
    """A timetable: away for `duration` once in each period of `every` seconds, with `status` for an answer."""

    every: float
    duration: float
    status: int = 503

    def __str__(self) -> str:
        code = f";code={self.status}" if self.status != 503 else ""
        return f"every {format_duration(self.every)} for {format_duration(self.duration)}{code}"

    def remaining(self, now: float, alias: str, seed: int | None) -> float:
        """How long `alias` will be away yet, `now` seconds after the server's start; 0: it is there.

        Without a seed the first outage begins one period after the start. A seed shifts each alias by its own part of
        the period, so that they are not all unavailable at once; the same seed gives the same timetable.
        """
        ahead = 0.0 if seed is None else Random(f"outage\0{seed}\0{alias}").random() * self.every
        passed = now + ahead
        into = passed % self.every
        return self.duration - into if passed >= self.every and into < self.duration else 0.0


def parse_outage(text: str) -> Outage | None:
    """Parse ``every 60s for 5s``, optionally with ``;code=502`` for another status; ``none`` means no outage.

    Raises ValueError.
    """
    if text in ("", "none"):
        return None
    form, _, parameter = (part.strip() for part in text.partition(";"))
    match = re.fullmatch(_FORM, form)
    if match is None:
        raise ValueError(f"{text[:80]!r} is not of the form {_EXAMPLE}, or none")
    every, duration = map(parse_duration, match.groups())
    if not 0.001 <= duration < every:
        raise ValueError(f"{text[:80]!r}: an outage takes at least 1ms, and less than the time from one to the next")
    if not parameter:
        return Outage(every, duration)
    name, _, code = parameter.partition("=")
    if name.strip() != "code" or not re.fullmatch(r"[45][0-9][0-9]", code.strip()):
        raise ValueError(f"{parameter[:80]!r} is not code=400 to code=599")
    return Outage(every, duration, int(code))
