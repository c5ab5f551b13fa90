"""Told of every exchange twice: when it begins and when it is over."""

from __future__ import annotations

from oagw_tornado.evidence.access_log import log_access
from oagw_tornado.evidence.credentials import Disclosure
from oagw_tornado.evidence.exchange import Exchange
from oagw_tornado.evidence.journal import NOT_JOURNALED, Journal, is_control
from oagw_tornado.evidence.metrics import Counters


class Ledger:
    """Counts what runs, keeps the journal and the counters, and tells the access log, if there is one."""

    def __init__(
        self, journal: Journal | None = None, access_log: bool = False, disclosure: Disclosure | None = None
    ) -> None:
        self.running = 0
        self.journal = Journal(0) if journal is None else journal
        # What is shown of a request, wherever it is.
        self.disclosure = Disclosure() if disclosure is None else disclosure
        self.counters = Counters()
        self._access_log = access_log

    def opened(self, exchange: Exchange) -> None:
        """A request has begun: its head is there."""
        self.running += 1
        if exchange.alias or not (exchange.path in NOT_JOURNALED or is_control(exchange.path)):
            self.journal.add(exchange)

    def ended(self, exchange: Exchange) -> None:
        """An exchange is over: `exchange.outcome` says how."""
        self.running -= 1
        self.journal.over(exchange)
        if exchange.alias or not is_control(exchange.path):
            self.counters.count(exchange)
        if self._access_log:
            log_access(exchange, self.disclosure)
