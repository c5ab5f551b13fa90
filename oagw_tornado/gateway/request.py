"""The request as handlers see it: tornado's `HTTPServerRequest`, whose costly parts are made when somebody asks."""

from __future__ import annotations

import time
from typing import Any

from tornado import httputil

from oagw_tornado.evidence.exchange import Exchange
from oagw_tornado.wire.connection import ReplyConnection
from oagw_tornado.wire.query import parse_query


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


def _arguments(request: Request) -> dict[str, list[bytes]]:
    arguments = {name: list(values) for name, values in request.query_arguments.items()}
    for name, values in request.body_arguments.items():
        arguments.setdefault(name, []).extend(values)
    return arguments


def _form(request: Request) -> tuple[dict[str, list[bytes]], dict[str, list[httputil.HTTPFile]]]:
    arguments: dict[str, list[bytes]] = {}
    files: dict[str, list[httputil.HTTPFile]] = {}
    httputil.parse_body_arguments(
        request.headers.get("Content-Type", ""), request.body, arguments, files, request.headers
    )
    return arguments, files


_LATER: dict[str, Any] = {
    "query_arguments": lambda request: parse_query(request.query),
    "arguments": _arguments,
    "body_arguments": lambda request: _form(request)[0],
    "files": lambda request: _form(request)[1],
    "host": lambda request: request.headers.get("Host", "127.0.0.1"),
    "host_name": lambda request: httputil.split_host_and_port(request.host.lower())[0],
    "remote_ip": lambda request: request.connection.client,
    "protocol": lambda request: "http",
    "server_connection": lambda request: None,
    "_start_time": lambda request: time.time(),
    "_finish_time": lambda request: None,
}
