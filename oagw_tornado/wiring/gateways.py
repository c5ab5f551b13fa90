"""The gateway of a simulator, and that of the control plane if it has addresses of its own: made once, and reconfigured
when the configuration is reloaded."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import tornado.web

from oagw_tornado.gateway.gateway import Gateway
from oagw_tornado.gateway.health import HealthState
from oagw_tornado.gateway.pages import Health, StatusPage
from oagw_tornado.gateway.router import Dialect, GatewayRouter, LoadedDialect, Mount, PrototypeDialect, SinglePage

if TYPE_CHECKING:
    from oagw_tornado.config.config import Config
    from oagw_tornado.control.control import ControlPlane
    from oagw_tornado.gateway.cors import Cors
    from oagw_tornado.gateway.responder import Responder
    from oagw_tornado.gateway.terms import Terms
    from oagw_tornado.gateway.upstream_table import UpstreamTable
    from oagw_tornado.state.shared_state import SharedState

# In the place of a token: those that the upstream oauth issues.
_ISSUED = "@oauth"
_CONTROL = ("/_sim", "/metrics", "/")


class Gateways:
    """Everything that receives requests in one simulator. `control` returns what the control plane acts on."""

    def __init__(
        self,
        config: Config,
        table: UpstreamTable,
        responder: Responder,
        terms: Terms,
        control: Callable[[], ControlPlane],
        shared: SharedState | None,
    ) -> None:
        self._responder = responder
        self._terms = terms
        self._control = control
        self._shared = shared
        self._proxy = PrototypeDialect(table, frozenset(), StatusPage, None, lambda: table.tokens)
        table.changed.append(self._proxy.look_again)
        #: At the public addresses.
        self.public = self._new_gateway(config)
        #: At those of control, if it has some of its own.
        self.apart = self._new_gateway(config) if config.control_listen else None
        self.configure(config)

    def configure(self, config: Config) -> None:
        """Apply `config` to the access rules of all later requests."""
        tokens = frozenset(config.tokens)
        self._proxy.accept(tokens - {_ISSUED}, self._responder.issued_tokens if _ISSUED in tokens else None)
        self.public.router = GatewayRouter(self._dialects(config))
        if self.apart is not None:
            self.apart.router = GatewayRouter(self._control_dialects(config) | _pages())
        for gateway in filter(None, (self.public, self.apart)):
            gateway.max_body_size = config.max_body_size
            gateway.cors = _cors(config)
            gateway.token_in_query = config.token_in_query

    def _new_gateway(self, config: Config) -> Gateway:
        kind, shared = Gateway, self._shared
        if shared is not None:
            from oagw_tornado.gateway.shared_admission import SharedGateway

            kind = SharedGateway
        router = GatewayRouter({})
        responder, terms = self._responder, self._terms
        gateway = kind(
            tornado.web.Application(), router, responder, config.max_body_size, terms.apply, terms.deciding
        )  # fmt: skip
        if shared is not None:
            gateway.share(shared.store, shared.membership)
        return gateway

    def _dialects(self, config: Config) -> dict[str, Dialect]:
        dialects: dict[str, Dialect] = {"/api/oagw/v1": self._proxy, **_pages()}
        if not config.no_control and self.apart is None:
            dialects |= self._control_dialects(config)
        for alias, prefix in sorted(config.mounts, key=lambda mount: -len(mount[1])):
            dialects[prefix] = Mount(prefix, alias, self._proxy)
        return dialects

    def _control_dialects(self, config: Config) -> dict[str, Dialect]:
        return {prefix: LoadedDialect(partial(self._control_routes, prefix, config)) for prefix in _CONTROL}

    def _control_routes(self, prefix: str, config: Config) -> Dialect:
        from oagw_tornado.control.routes import ControlDialect

        return ControlDialect(prefix, self._control(), config.admin_token, config.control_hosts)


def _pages() -> dict[str, Dialect]:
    return {path: SinglePage(path, Health, path) for path in HealthState.PATHS}


def _cors(config: Config) -> Cors | None:
    if not config.cors:
        return None
    from oagw_tornado.gateway.cors import Cors

    return Cors(config.cors)
