"""What a test reports because the simulator cannot see it: when a gateway's own client left, and what it received."""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple

#: Marks that are kept, the latest ones; characters of a name; instants of events in one mark.
MOST_MARKS = 1000
LONGEST_NAME = 200
MOST_INSTANTS = 10_000
#: Instants of events in all marks.
MOST_INSTANTS_KEPT = 100_000


class Mark(NamedTuple):
    """Something that happened at `time` (Unix time).

    A name that is the id of a request speaks of that request alone; any other of all that ran then. With `received` it
    says when the events of that request's reply arrived at the far end; without, that the gateway's client left.
    """

    name: str
    time: float
    received: tuple[float, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "time": self.time, "received": list(self.received)}


class Marks:
    """The latest marks of one simulator."""

    def __init__(self) -> None:
        self._marks: deque[Mark] = deque()
        self._instants = 0

    def add(self, mark: Mark) -> None:
        self._marks.append(mark)
        self._instants += len(mark.received)
        while len(self._marks) > MOST_MARKS or self._instants > MOST_INSTANTS_KEPT:
            self._instants -= len(self._marks.popleft().received)

    def clear(self) -> None:
        self._marks.clear()
        self._instants = 0

    @property
    def list(self) -> tuple[Mark, ...]:
        return tuple(self._marks)
