"""The objects made from a configuration before anything is served (upstreams, terms, certificates)."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from oagw_tornado.config.config import Config, check_listening, control_listeners_of, has_replays, listeners_of
from oagw_tornado.config.listeners import Listener
from oagw_tornado.config.settings import ConfigError
from oagw_tornado.extensions import Extensions
from oagw_tornado.gateway.terms import Terms
from oagw_tornado.gateway.upstream_table import UpstreamTable
from oagw_tornado.services.table import blank_upstream
from oagw_tornado.services.table import upstreams as simulated_upstreams
from oagw_tornado.units.nearest import nearest
from oagw_tornado.wire.head import Limits

if TYPE_CHECKING:
    from pathlib import Path

    from oagw_tornado.evidence.credentials import Disclosure
    from oagw_tornado.gateway.router import Upstream as AnyUpstream
    from oagw_tornado.knobs.upstream_document import UpstreamDocument
    from oagw_tornado.proxying.destination import Destination
    from oagw_tornado.wire.tls import TlsTerms


def prepare(config: Config, extensions: Extensions) -> Path | None:
    """Check that a simulator could start with `config`, and create the certificates it needs; returns their authority.

    Raises ConfigError.
    """
    with extensions.known_faults():
        checked_terms(config, table_of(extensions, config))
    return tls_terms(config)[1]


def tls_terms(config: Config) -> tuple[dict[Listener, TlsTerms], Path | None]:
    """The TLS terms of each address, and the certificate authority behind them. Raises ConfigError."""
    listeners = [each for each in listeners_of(config) + control_listeners_of(config) if each.is_secure]
    if not listeners:
        return {}, None
    from oagw_tornado.wire.tls_setup import terms_of_tls

    return terms_of_tls(config, listeners)


def secrets_of(config: Config) -> tuple[str, ...]:
    """Values that are shown nowhere."""
    return (*config.tokens, config.admin_token or "")


def disclosure(config: Config) -> Disclosure:
    from oagw_tornado.evidence.credentials import Disclosure

    return Disclosure(config.unmasked, secrets_of(config))


def limits_of(config: Config) -> Limits:
    """What a client may use of a server."""
    return Limits(
        config.max_header_size,
        config.max_header_lines,
        config.header_timeout,
        config.idle_timeout,
        config.body_timeout,
    )


def table_of(
    extensions: Extensions, config: Config, before: UpstreamTable | None = None, live: Config | None = None
) -> UpstreamTable:
    """All upstreams: the simulated ones, those that extensions offer beside them or in their place, and those that the
    configuration describes. Raises ConfigError.

    Of the table `before`, what is the same in `config` goes on; `live` is `config` with what was changed meanwhile.
    """
    services: Mapping[str, AnyUpstream] = (
        {**simulated_upstreams(), **extensions.upstreams} if before is None else before.services
    )
    if not config.upstreams and config.replay is None and config.record is None:
        return UpstreamTable(services, blank_upstream(), ())
    from oagw_tornado.knobs.upstream_document import UpstreamError

    real = None
    if any(each.real for each in config.upstreams):
        real = _real_upstreams(config, {} if before is None else before.real, live or config)
    elif config.record is not None:
        raise ConfigError("record", "there is no real upstream; upstreams: NAME: url: URL makes one")
    try:
        table = UpstreamTable(services, blank_upstream(), config.upstreams, real)
        if config.replay is not None:
            from oagw_tornado.replaying.sources import recorded_aliases

            table.add_blank(recorded_aliases(config))
        return table
    except UpstreamError as error:
        raise ConfigError("upstreams", str(error)) from None


def _real_upstreams(
    config: Config, known: Mapping[str, AnyUpstream], live: Config
) -> Callable[[UpstreamDocument, Any], Any]:
    """What makes a real upstream of its description and the service that it speaks as. One that is never asked needs no
    network, no credentials and no library: the service stands there. Of `known` those go on that are the same."""
    unasked: Collection[str] = ()
    if has_replays(config) and has_replays(live):
        from oagw_tornado.replaying.sources import never_asked

        unasked = never_asked(config, live)
    if len(unasked) == sum(each.real is not None for each in config.upstreams):
        return lambda described, service: service or blank_upstream()
    from oagw_tornado.proxying.making import real_upstreams

    made = real_upstreams(config, os.environ, known)
    return lambda described, service: (
        (service or blank_upstream()) if described.alias in unasked else made(described, service)
    )


def ready_to_pass(table: UpstreamTable) -> list[Destination]:
    """The real upstreams, ready for use. Raises ConfigError."""
    from importlib import import_module

    from oagw_tornado.knobs.upstream_document import UpstreamError
    from oagw_tornado.proxying.making import prepare_recording
    from oagw_tornado.proxying.upstream import destinations

    for module in ("proxying.passage", "playback.arriving_player"):
        import_module(f"oagw_tornado.{module}")  # what the first request would wait for
    found = destinations(table)
    try:
        for each in found:
            prepare_recording(each)
    except UpstreamError as error:
        raise ConfigError("upstreams", str(error)) from None
    return found


def checked_terms(config: Config, table: UpstreamTable) -> Terms:
    """The terms of `config`, checked as a whole. Raises ConfigError, which names what does not fit."""
    terms = Terms(config, table)
    if has_replays(config):
        from oagw_tornado.replaying.sources import sources_of

        sources_of(config)
    _check_mounts(config.mounts, table)
    check_listening(config)
    return terms


def _check_mounts(mounts: tuple[tuple[str, str], ...], table: Collection[str]) -> None:
    for alias, prefix in mounts:
        if alias not in table:
            expected = f"expected one of {', '.join(table)}{nearest(alias, table)}"
            raise ConfigError("mount", f"no upstream {alias[:80]!r}; {expected}")
        if [other for _, other in mounts].count(prefix) > 1:
            raise ConfigError("mount", f"two upstreams are mounted at {prefix or '/'}")


def engine(wanted: str) -> str:
    """``fast`` or ``tornado``, resolved from `wanted`, which is one of these, ``auto`` or ``httptools``."""
    return "tornado" if wanted == "tornado" else "fast"
