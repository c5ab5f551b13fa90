"""The request as handlers see it: tornado's `HTTPServerRequest`, whose costly parts are made when somebody asks."""

from __future__ import annotations

import time
from typing import Any

from tornado import httputil

from oagw_tornado.connection import ReplyConnection
from oagw_tornado.exchange import Exchange
from oagw_tornado.query import parse_query


class Request(httputil.HTTPServerRequest):
    """One request, its body complete. Attributes as of `tornado.httputil.HTTPServerRequest`.

    The constructor of the base class parses query, host and more for each request; here a `__getattr__` does so for
    the first who reads them. `query` is what the service is to see: knobs are no part of it.
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

    def __getattr__(self, name: str) -> Any:
        make = _LATER.get(name)
        if make is None:
            raise AttributeError(name)
        value = make(self)
        setattr(self, name, value)
        return value


_LATER: dict[str, Any] = {
    "query_arguments": lambda request: parse_query(request.query),
    "arguments": lambda request: {name: list(values) for name, values in request.query_arguments.items()},
    "body_arguments": lambda request: {},
    "files": lambda request: {},
    "host": lambda request: request.headers.get("Host", "127.0.0.1"),
    "host_name": lambda request: httputil.split_host_and_port(request.host.lower())[0],
    "remote_ip": lambda request: request.connection.client,
    "protocol": lambda request: "http",
    "server_connection": lambda request: None,
    "_start_time": lambda request: time.time(),
    "_finish_time": lambda request: None,
}
