"""A finding of a rule of conduct: what was wrong, and the requests that prove it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal, NamedTuple

from oagw_tornado.conduct.entry import ConductEntry
from oagw_tornado.conduct.marks import Mark
from oagw_tornado.conduct.retries import Call, calls_in

#: Requests that one finding names.
MOST_NAMED = 20

Severity = Literal["error", "warning"]


class Line(NamedTuple):
    """One line of the story: when (Unix time), of which request, what happened."""

    time: float
    request: str
    text: str


class Finding(NamedTuple):
    """`message` is one sentence; the story tells it step by step, and names the requests."""

    rule: str
    severity: Severity
    message: str
    story: tuple[Line, ...]

    @property
    def requests(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(line.request for line in self.story))

    def as_json(self) -> dict[str, Any]:
        return {
            "rule": self.rule,
            "severity": self.severity,
            "message": self.message,
            "requests": list(self.requests),
            "story": [line._asdict() for line in self.story],
        }


@dataclass
class Case:
    """What is judged: the entries in the order in which they came, and what was known when they were judged."""

    entries: Sequence[ConductEntry]
    now: float = float("inf")
    """Unix time."""
    is_over: bool = False
    """The client has finished: what it has not done it will not do."""
    marks: Sequence[Mark] = ()
    open_connections: frozenset[int] = frozenset()
    cancel_within: float = 1.0
    """Seconds that a gateway has to leave when its own client has left."""
    calls: Sequence[Call] = ()
    """The entries as tries of calls; worked out, unless they are given."""

    def __post_init__(self) -> None:
        self.calls = self.calls or list(calls_in(self.entries))


#: Findings as a rule comes to them; None where others may have a turn.
Findings = Iterator[Finding | None]


def named(entries: Iterable[ConductEntry], text: str) -> tuple[Line, ...]:
    """A line for each of the first `MOST_NAMED` entries."""
    return tuple(Line(entry.begun, entry.id, f"{entry.asked} {text}") for entry in islice(entries, MOST_NAMED))
