"""The journal as the page lists it: one short row per request, sent when it arrives and again when it ends."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from oagw_tornado.evidence.request_filter import RequestFilter
from oagw_tornado.page.numbering import Numbering

if TYPE_CHECKING:
    from oagw_tornado.evidence.credentials import Disclosure
    from oagw_tornado.evidence.exchange import Exchange
    from oagw_tornado.evidence.journal import Journal

#: Rows in one update, and exchanges examined for one.
MOST_ROWS = 150
MOST_LOOKED_AT = 1500
#: Rows that are made before events that are due have their turn: a tenth of a millisecond or two.
AT_A_TIME = 16
#: Rows for requests from before the page was opened.
MOST_OLD_ROWS = 5000
#: Requests under way that are followed to their end.
MOST_FOLLOWED = 5000
# Bytes of a body in which the name of a model is looked for: a list is no place to parse bodies.
_HEAD = 4096
_MODEL = re.compile(rb'"model"\s*:\s*"((?:[^"\\]|\\.){0,200})"')


class Rows:
    """What one page has been sent of the journal, and what it has yet to be sent."""

    def __init__(
        self, journal: Journal, fits: RequestFilter, disclosure: Disclosure, numbering: Numbering | None = None
    ) -> None:
        self._journal = journal
        self._numbering = numbering or Numbering()
        self._fits = fits
        self._disclosure = disclosure
        self._newest = journal.newest
        # The next of the earlier requests to send; 0 if all were sent.
        self._oldest = journal.newest + 1
        self._old = 0
        self._followed: dict[int, tuple[Exchange, int]] = {}

    def take(self, give_way: Callable[[], None] = lambda: None) -> dict[str, Any]:
        """What has changed: ``rows``, at most `MOST_ROWS`; and ``skipped``, how many came too fast to be told.

        `give_way` is called after every few of them.
        """
        found: dict[str, Any] = {}
        most = self._numbering.share(MOST_ROWS)
        rows = self._changed(most, give_way)
        newest = self._journal.newest
        skipped = max(0, newest - self._newest - MOST_LOOKED_AT)
        for number in range(self._newest + 1 + skipped, newest + 1):
            exchange = self._journal.numbered(number)
            if exchange is None or not self._fits(exchange):
                continue
            if len(rows) < most:
                rows.append(self._row(number, exchange))
                if len(rows) % AT_A_TIME == 0:
                    give_way()
            else:
                skipped += 1
        self._newest = newest
        if self._oldest:
            give_way()
            rows += self._older(most - len(rows), give_way)
        if rows:
            found["rows"] = rows
        if skipped:
            found["skipped"] = skipped
        return found

    def _changed(self, most: int, give_way: Callable[[], None]) -> list[dict[str, Any]]:
        changed = [
            number
            for number, (exchange, status) in self._followed.items()
            if exchange.ended is not None or exchange.status != status
        ][:most]
        rows: list[dict[str, Any]] = []
        for number in changed:
            if len(rows) % AT_A_TIME == 0:
                give_way()
            rows.append(self._row(number, self._followed.pop(number)[0]))
        return rows

    def _older(self, most: int, give_way: Callable[[], None]) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        for looked, (number, exchange) in enumerate(self._journal.scan(self._fits, self._oldest), 1):
            if len(rows) >= most or looked > MOST_LOOKED_AT or self._old >= MOST_OLD_ROWS:
                break
            self._oldest = number
            if exchange is not None:
                rows.append(self._row(number, exchange))
                self._old += 1
                if self._old % AT_A_TIME == 0:
                    give_way()
        else:
            self._oldest = 0
        if self._old >= MOST_OLD_ROWS:
            self._oldest = 0
        return rows

    def _row(self, number: int, exchange: Exchange) -> dict[str, Any]:
        if exchange.ended is None and len(self._followed) < MOST_FOLLOWED:
            self._followed[number] = (exchange, exchange.status)
        return row_of(self._numbering.of(number), exchange, self._disclosure)


def row_of(number: int, exchange: Exchange, disclosure: Disclosure) -> dict[str, Any]:
    """One exchange in a line; `number` is what the page calls it by."""
    return {
        "n": number,
        "id": exchange.id,
        "time": exchange.wall,
        "method": exchange.method,
        "path": disclosure.target(exchange.path)[:300],
        "alias": exchange.alias or None,
        "model": disclosure.text(model_named_in(exchange.body_head)),
        "status": exchange.status or None,
        "source": exchange.source,
        "rule": exchange.rule,
        "stream": exchange.planned is not None,
        "events": exchange.events,
        "first": exchange.actual[0] if exchange.actual else None,
        "faults": exchange.faults,
        "outcome": exchange.outcome or None,
        "ended": exchange.ended,
    }


def model_named_in(body: bytes) -> str:
    """The value after ``"model":`` in the beginning of a body; empty if there is none."""
    found = _MODEL.search(body, 0, _HEAD)
    return found[1].decode("utf-8", "replace") if found else ""
