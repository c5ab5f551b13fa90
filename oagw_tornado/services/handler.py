"""What all services share: by default they answer any method, and mark the reply as the upstream's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import tornado.web

from oagw_tornado.gateway.handler import ExchangeHandler
from oagw_tornado.gateway.router import ON_REQUEST, PROXIED


class ServiceHandler(ExchangeHandler):
    """A handler of a simulated upstream.

    Override `serve`, or single methods as in Tornado (``get``, ``post``, …), in which case the others get a 405. Either
    may be a coroutine, and ends with `respond` or with Tornado's own ``write`` and ``finish``. PATCH and OPTIONS reach
    a handler that defines ``patch`` or ``options``.
    """

    source = "upstream"
    SUPPORTED_METHODS = PROXIED + ON_REQUEST

    def _serve_nothing(self, *path_args: str) -> Awaitable[None] | None:
        raise tornado.web.HTTPError(405)

    # A variable, as Tornado's methods are: an override names the arguments that it takes.
    serve: Callable[..., Awaitable[None] | None] = _serve_nothing
    """Answer GET, POST, PUT, DELETE and HEAD. The arguments are the groups of the route's pattern."""

    def _serve_any(self, *path_args: str) -> Awaitable[None] | None:
        return self.serve(*path_args)

    def say_away(self, away: Exception) -> None:
        """The state that this process shares cannot be asked for what this request needs."""
        from oagw_tornado.gateway.refusal import state_away

        self.exchange.knobs = None  # a refusal is sent as it is
        self.respond(state_away(str(away)))

    get: Callable[..., Awaitable[None] | None] = _serve_any
    head = post = put = delete = get

    @classmethod
    def allowed_methods(cls) -> list[str]:
        more = [name for name in ON_REQUEST if getattr(cls, name.lower()) is not getattr(ServiceHandler, name.lower())]
        if cls.serve is not ServiceHandler.serve:
            return [*PROXIED, *more]
        return [name for name in PROXIED if getattr(cls, name.lower()) is not ServiceHandler.get] + more
