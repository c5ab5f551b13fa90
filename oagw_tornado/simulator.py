"""One simulator: a gateway with its upstreams and its server, assembled here. Two in one process share nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from oagw_tornado.config.config import Config, has_replays
from oagw_tornado.config.listeners import Listener
from oagw_tornado.config.settings import ConfigError
from oagw_tornado.evidence.journal import Journal
from oagw_tornado.evidence.ledger import Ledger
from oagw_tornado.evidence.vital_signs import VitalSigns
from oagw_tornado.extensions import Extensions, gather
from oagw_tornado.gateway.gateway import Gateway
from oagw_tornado.gateway.responder import Responder
from oagw_tornado.gateway.terms import Terms
from oagw_tornado.playback.pacer import Pacer
from oagw_tornado.services.loaded_upstream import LoadedUpstream
from oagw_tornado.wire.listeners import Listeners, addresses_in_words, listen, page_server
from oagw_tornado.wire.turn import Turn
from oagw_tornado.wiring.assembly import (
    checked_terms,
    disclosure,
    engine,
    limits_of,
    ready_to_pass,
    table_of,
    tls_terms,
)
from oagw_tornado.wiring.gateways import Gateways

if TYPE_CHECKING:
    from pathlib import Path

    from oagw_tornado.config.state_address import StateAddress
    from oagw_tornado.control.control import ControlPlane
    from oagw_tornado.faults.fault import Fault
    from oagw_tornado.playback.unread_watch import UnreadWatch
    from oagw_tornado.proxying.destination import Destination
    from oagw_tornado.services.handler import ServiceHandler
    from oagw_tornado.services.upstream import Upstream
    from oagw_tornado.state.shared_state import SharedState
    from oagw_tornado.wire.server import Server
    from oagw_tornado.wire.tls import TlsTerms
    from oagw_tornado.wiring.destinations import Destinations

log = logging.getLogger(__name__)

#: Seconds that clients have for a request who were connected before the server began to drain, and not taken yet.
LAST_REQUESTS = 0.1


class Simulator:
    """A whole simulated gateway. It lives on the running loop from `start` to `stop`."""

    def __init__(
        self,
        config: Config,
        *,
        upstreams: Mapping[str, Upstream | type[ServiceHandler]] | None = None,
        faults: Iterable[type[Fault]] = (),
        extensions: Extensions | None = None,
        listening: tuple[Listeners, Listeners] | None = None,
        place: tuple[int, str] = (0, ""),
    ) -> None:
        """`upstreams` adds or replaces aliases; `faults` adds faults.

        What installed packages offer comes with them, unless `extensions` are given: then these are all there are.
        `listening` is what `wire.listeners.listen` gave for this configuration, if somebody listens already. `place`
        is the number of this process among those of one server, and what the one before it there was known as to those
        who share its state.
        Raises `oagw_tornado.extensions.ExtensionError`.
        """
        self.config = config
        self.extensions = gather(upstreams, faults) if extensions is None else extensions
        self._listening = listening
        self._place = place
        self.port = 0
        self._server: Server | None = None
        # That of control, if it has addresses of its own.
        self._control_server: Server | None = None
        # The real upstreams that it asks, if there have been some.
        self._destinations: Destinations | None = None
        # What it shares with other processes, if it does.
        self._shared: SharedState | None = None
        #: The authority that signs the certificate of ``--tls auto``: what clients are to trust.
        self.authority: Path | None = None
        #: Told the configuration when it has been read again and holds.
        self.on_reload: Callable[[Config], None] = lambda config: None

    async def start(self) -> None:
        """Listen. Raises `CannotListen` if an address can not be had, ConfigError for a rule that fits no upstream and
        for a state that cannot be reached."""
        with self.extensions.known_faults():
            await self._start()

    async def _start(self) -> None:
        config = self.config
        self._table = table = table_of(self.extensions, config)
        terms = checked_terms(config, table)
        destinations = ready_to_pass(table) if any(each.real for each in config.upstreams) else []
        terms_of_tls = self._terms_of_tls()
        self.listeners, self.control_listeners = self._taken() or listen(config)
        self.port = self.listeners.port
        loop = asyncio.get_running_loop()
        self._turn = Turn()
        self.pacer = Pacer(loop, config.pacer_resolution, self._turn)
        ledger = Ledger(
            Journal(config.journal_size, config.journal_memory, config.journal_body_size),
            bool(config.access_log),
            partial(disclosure, config),
        )
        self._shared = shared = None if config.state is None else _shared_state(config.state, self._place[0])
        gates = None if shared is None else shared.store.gates
        self.responder = Responder(config, self.pacer, ledger, table.forms, gates)
        terms.gates = self.responder.gates
        terms.states = self.responder.states
        self._turn.after = self.responder.settle_waits
        if has_replays(config):
            from oagw_tornado.replaying.handlers import new_replays

            terms.replays = replays = new_replays(self.responder, table)
            replays.configure(config)
            await replays.ready()
        self._signs = VitalSigns(
            loop, self.responder.timing.take_fresh, lambda: self.listeners.sockets, self._look_at_clients
        )
        self._unread: UnreadWatch | None = None
        self._terms = terms
        self._control: ControlPlane | None = None
        if destinations:
            self._ask(destinations, config.record_max)
        self._gateways = Gateways(config, table, self.responder, terms, lambda: self.control, shared)
        self._server = self._new_server(self._gateways.public)
        if self._gateways.apart is not None:
            self._control_server = self._new_server(self._gateways.apart)
        if shared is not None:
            from oagw_tornado.control.joining import join

            try:
                await join(shared, self.control, terms, self._place[1])
                await self.control.settled()
            except ConfigError:
                self.listeners.close()
                self.control_listeners.close()
                self._server = self._control_server = None
                raise
        config = self.config  # others may have had theirs read again
        await self.listeners.open(self._server, terms_of_tls.get, config.header_timeout)
        if self._control_server is not None:
            await self.control_listeners.open(self._control_server, terms_of_tls.get, config.header_timeout)
        self._signs.start()

    def _taken(self) -> tuple[Listeners, Listeners] | None:
        listening, self._listening = self._listening, None
        return listening

    @property
    def control(self) -> ControlPlane:
        """What the control plane acts on; loaded on first use, because a plain start does not need it."""
        if self._control is None:
            from oagw_tornado.control.control import ControlPlane

            apart = self.listeners.urls if self.config.control_listen else ()
            self._control = ControlPlane(self.responder, self._terms, self._signs, apart, self._open_connections)
            self._control.prepare = self._prepare
        return self._control

    def _prepare(self, config: Config, live: Config) -> Callable[[], Terms]:
        from oagw_tornado.wiring.reload import Reload

        servers = [server for server in (self._server, self._control_server) if server is not None]
        listeners = (self.listeners, self.control_listeners)
        reload = Reload(
            self.extensions, self._table, self.responder, self._gateways, self._ask, servers, listeners,
            self._configured,
        )  # fmt: skip
        return reload.prepare(config, live)

    def _ask(self, destinations: Iterable[Destination], record_max: int) -> None:
        """Ask these real upstreams from now on, and no others."""
        if self._destinations is None:
            from oagw_tornado.wiring.destinations import Destinations

            self._destinations = Destinations(self._terms)
        self._destinations.replace(destinations, record_max)

    def _configured(self, config: Config) -> None:
        self.config = config
        self.on_reload(config)

    def _open_connections(self) -> Collection[int]:
        return self._server.open_numbers if self._server is not None else ()

    def _look_at_clients(self) -> None:
        if self.responder.playing:
            if self._unread is None:
                from oagw_tornado.playback.unread_watch import UnreadWatch

                self._unread = UnreadWatch(self.responder.playing, self.responder.ledger)
            self._unread.look()

    @property
    def gateway(self) -> Gateway:
        """What takes the requests at the public addresses."""
        return self._gateways.public

    @property
    def preparations(self) -> tuple[Callable[[], object], ...]:
        """Loaders of what the first stream or request of each kind would wait for, to be called while nobody waits."""
        loads = [each.load for each in self._table.values() if isinstance(each, LoadedUpstream)]
        return (self.pacer.prepare, *loads, lambda: self.control)

    @property
    def open_connections(self) -> int:
        """The number of connected clients."""
        servers = (self._server, self._control_server)
        return sum(server.open_connections for server in servers if server is not None)

    @property
    def addresses(self) -> str:
        """The addresses on which it listens, in words."""
        return addresses_in_words(self.listeners.urls, self.control_listeners.urls)

    @property
    def member(self) -> str:
        """Its name among the members that share its state; empty if there are none."""
        return "" if self._shared is None else self._shared.membership.member

    @property
    def page_server(self) -> str | None:
        """The URL of the server that has the page where that is another than the gateway's; empty: there is none."""
        return page_server(self.config, self.control_listeners.urls)

    async def drain(self, timeout: float) -> None:
        """Stop accepting, give replies in progress `timeout` seconds to finish, then cut them off."""
        self.responder.health.is_draining = True
        # Control has addresses of its own until the end, if it has any.
        server = self._server
        assert server is not None
        if server.take_rest():
            await asyncio.sleep(LAST_REQUESTS)
        self.listeners.stop_accepting()
        server.stop_accepting()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        while (self.responder.ledger.running or server.is_sending) and loop.time() < deadline:
            await asyncio.sleep(0.01)
        self.responder.cut_off()

    async def stop(self) -> None:
        """End at once, and release everything."""
        if self._server is None:
            return
        self.responder.cut_off()
        if self._destinations is not None:
            await self._destinations.close()
        for server in (self._server, self._control_server):
            if server is not None:
                await server.close()
        self.listeners.close()
        self.control_listeners.close()
        if self._shared is not None:
            await self._shared.membership.leave()
        self._signs.stop()
        self.pacer.close()
        self._server = self._control_server = None
        # The transports close their sockets in the next turn of the loop.
        await asyncio.sleep(0)

    def _terms_of_tls(self) -> dict[Listener, TlsTerms]:
        terms, self.authority = tls_terms(self.config)
        return terms

    def _new_server(self, gateway: Gateway) -> Server:
        config = self.config
        limits = limits_of(config)
        if engine(config.http_server) == "fast":
            from oagw_tornado.wire.http1_server import Http1Server

            server: Server = Http1Server(gateway, limits)
        else:
            from oagw_tornado.wire.stock import StockServer

            server = StockServer(gateway, limits)
        server.turn = self._turn
        return server


def _shared_state(address: StateAddress, worker: int) -> SharedState:
    """What one process shares with others. Raises ConfigError if the library for it is missing."""
    from oagw_tornado.state.probe import require_client

    require_client()
    from oagw_tornado.state.shared_state import SharedState

    return SharedState(address, worker)
