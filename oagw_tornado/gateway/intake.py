"""What a gateway shares between all of its requests: router, responder, limits, request ids."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import tornado.web

from oagw_tornado.evidence.exchange import Exchange
from oagw_tornado.gateway.request import ServerRequest
from oagw_tornado.gateway.responder import Responder
from oagw_tornado.gateway.router import GatewayRouter, Route

if TYPE_CHECKING:
    from oagw_tornado.gateway.cors import Cors


class Intake:
    """What the requests of one gateway share.

    `admit` is asked once a request is whole: it sets the knobs that hold, or sends it elsewhere. `decide` is asked
    before, for one with a long body: it goes in steps through what would take `admit` too long.
    """

    def __init__(
        self,
        application: tornado.web.Application,
        router: GatewayRouter,
        responder: Responder,
        max_body_size: int,
        admit: Callable[[ServerRequest, Route], Route],
        decide: Callable[[ServerRequest, Route], Iterator[None]],
        cors: Cors | None = None,
        token_in_query: bool = False,
    ) -> None:
        self.application = application
        self.router = router
        self.responder = responder
        self.max_body_size = max_body_size
        self.admit = admit
        self.decide = decide
        self.cors = cors
        self.token_in_query = token_in_query
        self.opened: Callable[[Exchange], None] = responder.ledger.opened
        self.count_wait: Callable[[float], None] = responder.timing.waits.recent.append
        self.keep_body: Callable[[Exchange, bytes], None] = responder.ledger.journal.keep_body
        # No two simulators, and no two runs of one, give the same id.
        prefix = os.urandom(6).hex()
        self._numbers = map((prefix + "%08x").__mod__, itertools.count(1))

    def next_id(self) -> str:
        """An id for a request whose client gave none."""
        return next(self._numbers)

    def abandoned(self, exchange: Exchange) -> None:
        """The client left before its request was whole."""
        self.responder.over(exchange, "client-left")
