"""The interface through which the gateway asks recordings to answer in place of upstreams."""

from __future__ import annotations

from typing import Protocol

from oagw_tornado.gateway.request import ServerRequest
from oagw_tornado.gateway.router import Route


class Replays(Protocol):
    """Recordings that answer in the place of upstreams."""

    def covers(self, alias: str) -> bool:
        """Whether they may answer for this upstream."""

    def route(self, request: ServerRequest, route: Route, given: frozenset[str]) -> Route:
        """`route`, or the way to a recording; `given` are the fields of the knobs that were set for this request."""

    def recorded(self, alias: str, path: str) -> None:
        """A recording of `alias` was made in the file `path`."""
