"""The request as handlers see it: tornado's `HTTPServerRequest`, whose costly parts are made when somebody asks."""

from __future__ import annotations

from tornado import httputil

from oagw_tornado.evidence.exchange import Exchange
from oagw_tornado.gateway.lazy_tornado import LazyRequest
from oagw_tornado.wire.connection import ReplyConnection


class Request(LazyRequest):
    """One request, its body complete. Attributes as of `tornado.httputil.HTTPServerRequest`.

    `query` is what the service is to see: knobs are no part of it.
    """

    def __init__(
        self,
        connection: ReplyConnection,
        exchange: Exchange,
        start_line: httputil.RequestStartLine,
        headers: httputil.HTTPHeaders,
        query: str,
        body: bytes,
    ) -> None:
        self.method, self.uri, self.version = start_line
        self.headers = headers
        self.body = body
        self.connection = connection
        self.path = exchange.path
        self.query = query
        self.exchange = exchange
