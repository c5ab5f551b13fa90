"""Samples what the clients of running streams have not read: a gateway that buffers reads nothing for a long time.

This is off the path of events: a sample costs some microseconds, so `AT_ONCE` streams are sampled at a time, in turn. A
stream that runs alone is sampled each time, one of a thousand every few seconds.
"""

from __future__ import annotations

from collections.abc import Set
from itertools import islice
from time import monotonic

from oagw_tornado.evidence.ledger import Ledger
from oagw_tornado.playback.delivery import Delivery

#: Streams sampled in one go, and streams searched for them.
AT_ONCE = 4
AMONG = 64
#: Running replies in one round; the rest are in later rounds.
ROUND = 2000


class UnreadWatch:
    """Looks at the replies that are `playing`, and tells the ledger."""

    def __init__(self, playing: Set[Delivery], ledger: Ledger) -> None:
        self._playing = playing
        self._ledger = ledger
        # Where the next look begins: a place, not a reply, as none is to be kept from here.
        self._next = 0

    def look(self) -> None:
        """Look at the next few."""
        if self._next >= min(ROUND, len(self._playing)):
            self._next = 0
        looked = 0
        for delivery in islice(self._playing, self._next, self._next + AMONG):
            self._next += 1
            exchange = delivery.exchange
            if exchange.held and exchange.ended is None and len(exchange.actual or ()) > 1:
                size = delivery.unread
                if size is not None:
                    self._ledger.saw_unread(exchange, monotonic() - exchange.admitted, size)
                looked += 1
                if looked == AT_ONCE:
                    return
