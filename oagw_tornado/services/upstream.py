"""An upstream: what the gateway knows of a service, that is, which handler replies to which path."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from oagw_tornado.gateway.router import ON_REQUEST
from oagw_tornado.reply.errors import PLAIN, ErrorForm
from oagw_tornado.services.handler import ServiceHandler

Handler = type[ServiceHandler]


class Upstream:
    """The routes of one service.

    `exact` is looked up first. Then the first of `patterns` that is found in the path wins (`re.search`: anchor it
    to match the whole path); its groups are the arguments of `ServiceHandler.serve`. All other paths go to
    `otherwise`, which gets the path and replies with the service's own 404. `key_header` is the header in which the
    service's own clients send their key; the gateway accepts it in place of a bearer token. `errors` is how the
    service words an error caused by a fault or a limit. A handler that defines ``patch`` or ``options`` gets these
    requests too.
    """

    __slots__ = ("_exact", "_patterns", "_otherwise", "errors", "key_header", "methods")

    def __init__(
        self,
        *,
        exact: Mapping[str, Handler] | None = None,
        patterns: Iterable[tuple[str, Handler]] = (),
        otherwise: Handler,
        key_header: str = "",
        errors: ErrorForm = PLAIN,
    ) -> None:
        self.key_header = key_header
        self.errors = errors
        self._exact = exact or {}
        self._patterns = [(re.compile(pattern, re.DOTALL), handler) for pattern, handler in patterns]
        self._otherwise = otherwise
        handlers = {*self._exact.values(), *(handler for _, handler in self._patterns), otherwise}
        self.methods = tuple(
            name for name in ON_REQUEST if any(name in handler.allowed_methods() for handler in handlers)
        )

    def route(self, path: str) -> tuple[Handler, tuple[str, ...]]:
        """Who replies to `path` (percent-decoded, without the slash it began with), and with which arguments."""
        handler = self._exact.get(path)
        if handler is not None:
            return handler, ()
        for pattern, handler in self._patterns:
            match = pattern.search(path)
            if match is not None:
                return handler, match.groups()
        return self._otherwise, (path,)
