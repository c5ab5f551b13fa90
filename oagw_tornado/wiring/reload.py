"""A reload while a simulator runs: the configuration is checked as at start, then applied at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from oagw_tornado.config.config import Config, has_replays
from oagw_tornado.extensions import Extensions
from oagw_tornado.gateway.terms import Terms
from oagw_tornado.wiring.assembly import (
    checked_terms,
    limits_of,
    ready_to_pass,
    secrets_of,
    table_of,
    tls_terms,
)

if TYPE_CHECKING:
    from oagw_tornado.gateway.responder import Responder
    from oagw_tornado.gateway.upstream_table import UpstreamTable
    from oagw_tornado.proxying.destination import Destination
    from oagw_tornado.wire.listeners import Listeners
    from oagw_tornado.wire.server import Server
    from oagw_tornado.wiring.gateways import Gateways


class Reload:
    """Applies a reloaded configuration to one simulator."""

    def __init__(
        self,
        extensions: Extensions,
        table: UpstreamTable,
        responder: Responder,
        gateways: Gateways,
        ask: Callable[[Iterable[Destination], int], None],
        servers: Iterable[Server],
        listeners: Iterable[Listeners],
        taken_over: Callable[[Config], None],
    ) -> None:
        """`ask` is told the real upstreams that are asked from now on, and how many bytes their recordings may have;
        `taken_over` the configuration that holds."""
        self._extensions = extensions
        self._table = table
        self._responder = responder
        self._gateways = gateways
        self._ask = ask
        self._servers = tuple(servers)
        self._listeners = tuple(listeners)
        self._taken_over = taken_over

    def prepare(self, config: Config, live: Config) -> Callable[[], Terms]:
        """What has `config` hold, if it could: that never raises, and returns the rules and all else that was checked.

        `live` is `config` with what was changed by hand meanwhile. Raises ConfigError; then nothing has changed.
        """
        with self._extensions.known_faults():
            table = table_of(self._extensions, config, self._table, live)
            terms = checked_terms(config, table)
            if has_replays(live):
                from oagw_tornado.replaying.sources import sources_of

                sources_of(live)
            destinations = ready_to_pass(table) if any(each.real for each in config.upstreams) else []
            if config.tls == "auto":
                tls_terms(config)  # the certificate is for the names in --control-host too
        return lambda: self._take_over(config, live, table, terms, destinations)

    def _take_over(
        self, config: Config, live: Config, table: UpstreamTable, terms: Terms, destinations: list[Destination]
    ) -> Terms:
        self._table.take_over(table)
        self._gateways.configure(config)
        self._ask(destinations, config.record_max)
        for server in self._servers:
            server.configure(limits_of(config))
        for listeners in self._listeners:
            listeners.configure(config.header_timeout)
        ledger = self._responder.ledger
        ledger.journal.configure(config.journal_size, config.journal_memory, config.journal_body_size)
        ledger.log_accesses(bool(config.access_log))
        ledger.disclosure.configure(config.unmasked, secrets_of(config))
        self._taken_over(config)
        return terms
