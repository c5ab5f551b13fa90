"""Told of every exchange twice: when it begins and when it is over."""

from __future__ import annotations

from oagw_tornado.evidence.access_log import log_access
from oagw_tornado.evidence.exchange import Exchange
from oagw_tornado.evidence.journal import Journal
from oagw_tornado.evidence.metrics import Counters

# Who asks for evidence leaves none.
_CONTROL = ("/_sim", "/metrics")


class Ledger:
    """Counts what runs, keeps the journal and the counters, and tells the access log, if there is one."""

    def __init__(self, journal_size: int = 0, access_log: bool = False) -> None:
        self.running = 0
        self.journal = Journal(journal_size)
        self.counters = Counters()
        self._access_log = access_log

    def opened(self, exchange: Exchange) -> None:
        """A request has begun: its head is there."""
        self.running += 1
        if exchange.alias or not exchange.path.startswith(_CONTROL):
            self.journal.add(exchange)

    def ended(self, exchange: Exchange) -> None:
        """An exchange is over: `exchange.outcome` says how."""
        self.running -= 1
        if exchange.alias or not exchange.path.startswith(_CONTROL):
            self.counters.count(exchange)
        if self._access_log:
            log_access(exchange)
