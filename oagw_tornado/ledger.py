"""Told of every exchange twice: when it begins and when it is over."""

from __future__ import annotations

from oagw_tornado.access_log import log_access
from oagw_tornado.exchange import Exchange


class Ledger:
    """Counts what runs, and tells the access log, if there is one, what is over."""

    def __init__(self, access_log: bool = False) -> None:
        self.running = 0
        self._access_log = access_log

    def opened(self, exchange: Exchange) -> None:
        """A request has begun: its head is there."""
        self.running += 1

    def ended(self, exchange: Exchange) -> None:
        """An exchange is over: `exchange.outcome` says how."""
        self.running -= 1
        if self._access_log:
            log_access(exchange)
