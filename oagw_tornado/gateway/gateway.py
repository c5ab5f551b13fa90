"""The gateway as the server sees it: it receives every request of every connection."""

from __future__ import annotations

from time import monotonic, time
from typing import TYPE_CHECKING

from tornado import httputil

from oagw_tornado.evidence.exchange import Exchange
from oagw_tornado.gateway.admission import Admission
from oagw_tornado.gateway.intake import Intake
from oagw_tornado.gateway.refusal import refusal
from oagw_tornado.wire.connection import ReplyConnection

if TYPE_CHECKING:
    from oagw_tornado.state.membership import Membership
    from oagw_tornado.state.redis_store import RedisStore


class Gateway(Intake, httputil.HTTPServerConnectionDelegate):
    """One gateway: it starts an admission for each request, and refuses invalid ones."""

    def start_request(self, server_conn: object, request_conn: httputil.HTTPConnection) -> Admission:
        assert isinstance(request_conn, ReplyConnection)
        return Admission(self, request_conn)

    def share(self, store: RedisStore, membership: Membership) -> None:
        """Decide with others, by what is counted in `store`."""
        raise NotImplementedError

    def lost(self, about: object) -> None:
        """A whole reply has not left."""
        assert isinstance(about, Exchange)
        self.responder.ledger.lost(about)

    def refuse(self, connection: ReplyConnection, status: int, text: str) -> None:
        """Answer `status` to bytes that are no HTTP request, or to one that never was complete."""
        exchange = Exchange(self.next_id(), "", "", "", {})
        exchange.wall, exchange.admitted = time(), monotonic()
        self.opened(exchange)
        self.responder.respond(exchange, connection, refusal(status, text))
