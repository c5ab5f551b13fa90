"""Which of several recordings of one request is next: they follow each other, and the last one repeats."""

from __future__ import annotations

from collections import OrderedDict

#: Sessions and requests of theirs that are counted, the latest.
MOST_COUNTED = 100_000


class Order:
    """How often each request was asked for: in all, or in each session."""

    def __init__(self, most: int = MOST_COUNTED) -> None:
        self._most = most
        self._counts: OrderedDict[tuple[str, bytes, str], int] = OrderedDict()

    def take(self, alias: str, key: bytes, session: str, recordings: int) -> int:
        """Which of so many recordings of a request is next, from 0."""
        counted = (alias, key, session)
        number = self._counts.pop(counted, 0)
        self._counts[counted] = min(number + 1, recordings - 1)
        if len(self._counts) > self._most:
            self._counts.popitem(last=False)
        return min(number, recordings - 1)

    def clear(self) -> None:
        self._counts.clear()
