"""Told of every exchange twice: when it begins and when it is over."""

from __future__ import annotations

from oagw_tornado.exchange import Exchange


class Ledger:
    """Counts what runs."""

    def __init__(self) -> None:
        self.running = 0

    def opened(self, exchange: Exchange) -> None:
        """A request has begun: its head is there."""
        self.running += 1

    def ended(self, exchange: Exchange) -> None:
        """An exchange is over: `exchange.outcome` says how."""
        self.running -= 1
