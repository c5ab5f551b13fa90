"""The number by which a page identifies a request, and each process's share of an update."""

from __future__ import annotations

#: Members of a state that a page tells apart.
MOST_PLACES = 1024


class Numbering:
    """Numbers of one journal as they are, or behind each of them the `place` of its process among several."""

    def __init__(self, place: int | None = None) -> None:
        self._apart, self._place = (1, 0) if place is None else (MOST_PLACES, place)
        #: How many processes there are: each has its share of an update.
        self.processes = 1

    def of(self, number: int) -> int:
        """What a page calls the exchange by that has this number here."""
        return number * self._apart + self._place

    def share(self, most: int) -> int:
        """Its share of what an update has at most."""
        return max(1, most // self.processes)
