"""The only wiring: one simulator is one gateway, its upstreams and its server. Two in one process share nothing."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import tornado.web
from tornado.netutil import bind_sockets

from oagw_tornado.config.config import Config
from oagw_tornado.config.settings import ConfigError
from oagw_tornado.control.control import ControlPlane
from oagw_tornado.control.routes import ControlDialect
from oagw_tornado.evidence.credentials import Disclosure
from oagw_tornado.evidence.journal import Journal
from oagw_tornado.evidence.ledger import Ledger
from oagw_tornado.evidence.vital_signs import VitalSigns
from oagw_tornado.extensions import Extensions, gather
from oagw_tornado.gateway.cors import Cors
from oagw_tornado.gateway.gateway import Gateway
from oagw_tornado.gateway.health import HealthState
from oagw_tornado.gateway.pages import Health, StatusPage
from oagw_tornado.gateway.responder import Responder
from oagw_tornado.gateway.router import Dialect, GatewayRouter, Mount, PrototypeDialect, SinglePage
from oagw_tornado.gateway.terms import Terms
from oagw_tornado.playback.pacer import Pacer
from oagw_tornado.services.table import upstreams as simulated_upstreams
from oagw_tornado.services.upstream import Upstream
from oagw_tornado.units.nearest import nearest
from oagw_tornado.wire.head import Limits

if TYPE_CHECKING:
    from oagw_tornado.faults.fault import Fault
    from oagw_tornado.services.handler import ServiceHandler
    from oagw_tornado.wire.server import Server

log = logging.getLogger(__name__)

#: Connections that may wait to be accepted: thousands of streams open at once.
BACKLOG = 4096


class Simulator:
    """A whole simulated gateway. Lives on the running loop from `start` to `stop`."""

    def __init__(
        self,
        config: Config,
        *,
        upstreams: Mapping[str, Upstream | type[ServiceHandler]] | None = None,
        faults: Iterable[type[Fault]] = (),
        extensions: Extensions | None = None,
    ) -> None:
        """`upstreams` are more aliases, or others in the place of those that are there; `faults` are more of these.

        What installed packages offer comes with them, unless `extensions` are given: then these are all there are.
        Raises `oagw_tornado.extensions.ExtensionError`.
        """
        self.config = config
        self.extensions = gather(upstreams, faults) if extensions is None else extensions
        self.port = 0
        self._server: Server | None = None

    async def start(self) -> None:
        """Listen. Raises OSError if the address can not be had, ConfigError for a rule that fits no upstream."""
        with self.extensions.known_faults():
            await self._start()

    async def _start(self) -> None:
        config = self.config
        table: dict[str, Upstream] = {**simulated_upstreams(), **self.extensions.upstreams}
        terms = Terms(config, table)
        _check_mounts(config.mounts, table)
        sockets = bind(config.host, config.port)
        self.port = sockets[0].getsockname()[1]
        loop = asyncio.get_running_loop()
        self.pacer = Pacer(loop, config.pacer_resolution)
        ledger = Ledger(
            Journal(config.journal_size, config.journal_memory, config.journal_body_size),
            bool(config.access_log),
            Disclosure(config.unmasked, (*config.tokens, config.admin_token or "")),
        )
        self.responder = Responder(config, self.pacer, ledger, {alias: each.errors for alias, each in table.items()})
        self._signs = VitalSigns(loop, self.responder.timing.take_fresh, lambda: sockets)
        self.control = ControlPlane(self.responder, terms, self._signs)
        self.gateway = Gateway(
            tornado.web.Application(),
            GatewayRouter(self._dialects(table)),
            self.responder,
            config.max_body_size,
            terms.apply,
            Cors(config.cors) if config.cors else None,
            config.token_in_query,
        )
        self._server = self._new_server()
        await self._server.listen(sockets, BACKLOG)
        self._signs.start()

    async def drain(self, timeout: float) -> None:
        """Stop accepting, and give the replies under way `timeout` seconds to finish; then cut them off."""
        assert self._server is not None
        self.responder.health.is_draining = True
        self._server.stop_accepting()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        while (self.responder.ledger.running or self._server.is_sending) and loop.time() < deadline:
            await asyncio.sleep(0.01)
        self.responder.cut_off()

    async def stop(self) -> None:
        """End at once, and give back all that was held."""
        if self._server is None:
            return
        self.responder.cut_off()
        await self._server.close()
        self._signs.stop()
        self.pacer.close()
        self._server = None
        # The transports close their sockets in the next turn of the loop.
        await asyncio.sleep(0)

    def _dialects(self, table: Mapping[str, Upstream]) -> dict[str, Dialect]:
        config = self.config
        proxy = PrototypeDialect(table, frozenset(config.tokens), StatusPage)
        dialects: dict[str, Dialect] = {
            "/api/oagw/v1": proxy,
            **{path: SinglePage(path, Health, path) for path in HealthState.PATHS},
        }
        if not config.no_control:
            for prefix in ("/_sim", "/metrics"):
                dialects[prefix] = ControlDialect(prefix, self.control, config.admin_token, config.control_hosts)
        for alias, prefix in sorted(config.mounts, key=lambda mount: -len(mount[1])):
            dialects[prefix] = Mount(prefix, alias, proxy)
        return dialects

    def _new_server(self) -> Server:
        config = self.config
        limits = Limits(
            config.max_header_size,
            config.max_header_lines,
            config.header_timeout,
            config.idle_timeout,
            config.body_timeout,
        )
        if engine(config.http_server) == "httptools":
            from oagw_tornado.wire.http1_server import Http1Server

            return Http1Server(self.gateway, limits)
        from oagw_tornado.wire.stock import StockServer

        return StockServer(self.gateway, limits)


def _check_mounts(mounts: tuple[tuple[str, str], ...], table: Mapping[str, Upstream]) -> None:
    for alias, prefix in mounts:
        if alias not in table:
            expected = f"expected one of {', '.join(table)}{nearest(alias, table)}"
            raise ConfigError("mount", f"no upstream {alias[:80]!r}; {expected}")
        if [other for _, other in mounts].count(prefix) > 1:
            raise ConfigError("mount", f"two upstreams at {prefix or '/'}")


def engine(wanted: str) -> str:
    """``httptools`` or ``tornado``: what `wanted` (these, or ``auto``) means on this machine."""
    if wanted != "auto":
        return wanted
    try:
        import httptools  # noqa: F401  # only whether it is there
    except ImportError:
        return "tornado"
    return "httptools"


def bind(host: str, port: int) -> list[socket.socket]:
    """Sockets bound to all addresses of `host`, on one port. Raises OSError."""
    return bind_sockets(port, host, backlog=BACKLOG)
