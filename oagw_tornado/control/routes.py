"""Who may use a control path, and which handler answers it; `table` has the paths."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import unquote

from oagw_tornado.control.access import Broken, broken_rule, is_browser
from oagw_tornado.control.control import ControlPlane
from oagw_tornado.gateway.bearer import refuse_bearer
from oagw_tornado.gateway.refusal import NO_RETRY, forbidden, method_not_allowed, unauthorized, unknown_url
from oagw_tornado.gateway.router import READ, Caller, Route, refused
from oagw_tornado.reply.errors import gateway_error
from oagw_tornado.reply.reply import JSON, Reply

if TYPE_CHECKING:
    from oagw_tornado.control.handlers import ControlHandler

NO_TOKEN, WRONG_TOKEN = unauthorized(option="--admin-token"), forbidden(option="--admin-token")


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], type[ControlHandler]], ...]:
    # Not before somebody asks, or the server is idle: a plain start has no use for the handlers.
    from oagw_tornado.control.table import ROUTES

    return tuple((re.compile(re.sub(r"\{\w+\}", "([^/]+)", path)), handler) for path, handler in ROUTES)


def _is_open(method: str, path: str, headers: Mapping[str, str]) -> bool:
    """Whether no token is wanted: the page's own files, which ask for it, and what leads a browser there."""
    if method not in READ:
        return False
    return path in ("/_sim", "/_sim/") or path.startswith("/_sim/assets/") or (path == "/" and is_browser(headers))


def handler_of(method: str, path: str) -> tuple[type[ControlHandler], tuple[str, ...]] | None:
    """Which handler answers `method` on a control path, and with which arguments; None: none does."""
    for pattern, handler in _patterns():
        if match := pattern.fullmatch(path):
            return (handler, tuple(map(unquote, match.groups()))) if method in handler.allowed_methods() else None
    return None


class ControlDialect:
    """All paths under `prefix`. The order of checks: access, path, method.

    If there is an admin token, only that token gives access; without one, `hosts` are names that count as loopback.
    """

    def __init__(
        self, prefix: str, control: ControlPlane, admin_token: str | None, hosts: tuple[str, ...] = ()
    ) -> None:
        self._prefix = prefix
        self._control = control
        self._tokens = None if admin_token is None else (admin_token,)
        self._hosts = frozenset(hosts)

    def route(self, method: str, rest: str, headers: Mapping[str, str], caller: Caller) -> Route:
        path = self._prefix + rest
        if self._prefix == "/" and rest:
            return refused(unknown_url(path))  # such as //health: no route, and nothing that control keeps secret
        refusal = self._refuse(headers, caller)
        if refusal is not None and not (self._tokens is not None and _is_open(method, path, headers)):
            return refused(refusal)
        for pattern, handler in _patterns():
            match = pattern.fullmatch(path)
            if match:
                served = tuple(handler.allowed_methods())
                if method not in served:
                    return refused(method_not_allowed(method, served))
                return Route(handler, (self._control, *map(unquote, match.groups())))
        return refused(unknown_url(path))

    def _refuse(self, headers: Mapping[str, str], caller: Caller) -> Reply | None:
        if self._tokens is not None:
            return refuse_bearer(headers.get("Authorization"), self._tokens, NO_TOKEN, WRONG_TOKEN)
        broken = broken_rule(caller.client, caller.scheme, caller.version, headers, self._hosts, caller.is_passed_on)
        return None if broken is None else _forbidden(broken)


def _forbidden(broken: Broken) -> Reply:
    text = f"The control endpoints refuse this request by their rule {broken.rule}: {broken.reason}"
    return Reply(403, JSON + NO_RETRY, gateway_error(403, text, "", broken.hint, rule=broken.rule), source="gateway")
