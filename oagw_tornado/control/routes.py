"""Which control path leads to which handler, all of them on one screen, and who may ask."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from ipaddress import ip_address
from urllib.parse import unquote

from oagw_tornado.control import handlers
from oagw_tornado.control.control import Control
from oagw_tornado.gateway.bearer import refuse_bearer
from oagw_tornado.gateway.refusal import method_not_allowed, refusal, unknown_url
from oagw_tornado.gateway.router import Route, refused
from oagw_tornado.reply.reply import Reply

ROUTES: tuple[tuple[str, type[handlers.ControlHandler]], ...] = (
    ("/_sim/requests", handlers.Requests),
    ("/_sim/requests/{id}", handlers.Request),
    ("/_sim/timing", handlers.Timing),
    ("/_sim/config", handlers.Configuration),
    ("/_sim/rules", handlers.RuleList),
    ("/_sim/rules/{name}", handlers.OneRule),
    ("/_sim/gates", handlers.GateList),
    ("/_sim/gates/{name}/release", handlers.Release),
    ("/_sim/reset", handlers.Reset),
    ("/_sim/openapi.json", handlers.OpenApi),
    ("/metrics", handlers.Metrics),
)

NOT_LOOPBACK = refusal(403, "The control endpoints answer loopback clients only, as there is no --admin-token")


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], type[handlers.ControlHandler]], ...]:
    # Not before somebody asks: a plain start has no use for them.
    return tuple((re.compile(re.sub(r"\{\w+\}", "([^/]+)", path)), handler) for path, handler in ROUTES)


class ControlDialect:
    """All paths under `prefix`. The order of checks: who asks, path, method."""

    def __init__(self, prefix: str, control: Control, admin_token: str | None) -> None:
        self._prefix = prefix
        self._control = control
        self._tokens = None if admin_token is None else frozenset((admin_token,))

    def route(self, method: str, rest: str, headers: Mapping[str, str], client: str) -> Route:
        refusal = self._refuse(headers, client)
        if refusal is not None:
            return refused(refusal)
        path = self._prefix + rest
        for pattern, handler in _patterns():
            match = pattern.fullmatch(path)
            if match:
                served = tuple(handler._served_methods())
                if method not in served:
                    return refused(method_not_allowed(method, served))
                return Route(handler, (self._control, *map(unquote, match.groups())))
        return refused(unknown_url(path))

    def _refuse(self, headers: Mapping[str, str], client: str) -> Reply | None:
        if self._tokens is not None:
            return refuse_bearer(headers.get("Authorization"), self._tokens)
        return None if is_loopback(client) else NOT_LOOPBACK


def is_loopback(client: str) -> bool:
    """Whether `client`, an address, is this machine."""
    try:
        address = ip_address(client.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
