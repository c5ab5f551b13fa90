"""A real upstream as the gateway sees it: every request is passed on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from oagw_tornado.gateway.handler import ExchangeHandler
from oagw_tornado.gateway.router import ON_REQUEST
from oagw_tornado.proxying.destination import Destination
from oagw_tornado.proxying.handler import PassedHandler
from oagw_tornado.reply.errors import PLAIN, ErrorForm


class Service(Protocol):
    """A simulated service that speaks as the real one does."""

    key_header: str
    errors: ErrorForm

    def route(self, path: str) -> tuple[type[ExchangeHandler], tuple[str, ...]]:
        """Who would reply to `path`."""


class PassedUpstream:
    """One real upstream. `service` is the one whose way of speaking it has: where its clients send their key, how its
    errors are worded, and what is said to a model in a request."""

    methods: tuple[str, ...] = ON_REQUEST

    def __init__(self, destination: Destination, service: Service | None = None, made_of: object = None) -> None:
        """`made_of` is equal for two that were made in the same way."""
        self.destination = destination
        self.made_of = made_of
        self.key_header = destination.key_header
        self.errors = PLAIN if service is None else service.errors
        self._service = service
        # By who would reply in the simulated service: there are a few of them.
        self._handlers: dict[type[ExchangeHandler] | None, type[ExchangeHandler]] = {}

    def route(self, path: str) -> tuple[type[ExchangeHandler], tuple[str, ...]]:
        """One handler for all paths; conversations are read, and scripts of rules said, as the service does."""
        kind, arguments = (None, ()) if self._service is None else self._service.route(path)
        handler = self._handlers.get(kind)
        if handler is None:
            members: dict[str, Any] = {"destination": self.destination, "simulated": kind}
            if kind is not None:
                members["read_conversation"] = kind.read_conversation
            handler = self._handlers[kind] = type("Passed", (PassedHandler,), members)
        return handler, arguments


def destinations(table: Mapping[str, Any]) -> list[Destination]:
    """Those of the upstreams in `table` that are real."""
    return [upstream.destination for upstream in table.values() if isinstance(upstream, PassedUpstream)]
