"""The journals of all members of a state, merged: present members send theirs, departed ones have left theirs in the
store."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from zlib import crc32

from oagw_tornado.evidence.exchange import Exchange
from oagw_tornado.evidence.journal import Fits
from oagw_tornado.evidence.request_filter import RequestFilter

if TYPE_CHECKING:
    from oagw_tornado.evidence.credentials import Disclosure

# The numbers of exchanges in a journal of all: microseconds since 2025, and behind them what tells members apart.
_SINCE = 1_735_689_600_000_000
_APART = 16


class JournalOfAll:
    """To be read as `evidence.journal.Journal`."""

    def __init__(self) -> None:
        self._found: list[tuple[int, Exchange]] = []
        self._is_sorted = True

    def add(self, exchange: Exchange, mark: int) -> None:
        """Take one in, of the member that is marked so."""
        self._found.append((number_of(exchange, mark), exchange))
        self._is_sorted = False

    def __len__(self) -> int:
        return len(self._found)

    def scan(
        self, fits: Fits, before: int | None = None, oldest_first: bool = False
    ) -> Iterator[tuple[int, Exchange | None]]:
        """As of the journal."""
        if not self._is_sorted:
            self._found.sort(key=lambda one: -one[0])
            self._is_sorted = True
        for number, exchange in reversed(self._found) if oldest_first else self._found:
            if before is None or number < before:
                yield number, exchange if fits(exchange) else None

    def find(self, id: str) -> Exchange | None:
        """The latest exchange of that id."""
        return next((each for _, each in self.scan(lambda one: one.id == id) if each is not None), None)


class Selection:
    """What one member gives of its journal: `question` has ``filters``, ``since``, ``before`` and ``limit``."""

    def __init__(self, disclosure: Disclosure, question: dict[str, Any]) -> None:
        self.fits = RequestFilter(disclosure)
        self.fits.read([(name, text) for name, text in question.get("filters", ())])
        if (since := question.get("since")) is not None:
            self.fits.since(since)
        self._before, self._limit = question.get("before"), question.get("limit")
        self._given = 0

    @property
    def is_over(self) -> bool:
        """Whether all that was asked for is given."""
        return self._given == self._limit

    def takes(self, exchange: Exchange, mark: int) -> bool:
        """Whether one that fits is among those that are given."""
        takes = self._before is None or number_of(exchange, mark) < self._before
        self._given += takes
        return takes


def mark_of(member: str) -> int:
    """What tells the numbers of a member's exchanges from those of others."""
    return crc32(member.encode()) % _APART


def number_of(exchange: Exchange, mark: int) -> int:
    """What an exchange is numbered by among those of all members; `mark` tells these apart."""
    return (int(exchange.wall * 1e6) - _SINCE) * _APART + mark
