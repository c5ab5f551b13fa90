"""Where the recordings of each upstream are, as the configuration says it, and what becomes of what they lack."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from oagw_tornado.config.settings import ConfigError
from oagw_tornado.knobs.ignored_fields import IgnoredFields, ignored_fields
from oagw_tornado.knobs.upstream_document import NAME
from oagw_tornado.replaying.index import aliases_in

if TYPE_CHECKING:
    from oagw_tornado.config.config import Config
    from oagw_tornado.knobs.facts import Facts
    from oagw_tornado.knobs.replay_terms import ReplayTerms


class Source(NamedTuple):
    """Where the recordings of an upstream are, and how they are found."""

    directory: str
    alias: str | None
    """All that is there is for this upstream; None: each recording is for its own."""
    ignored: IgnoredFields
    on_miss: str = "fail"
    session: Callable[[Facts], str] | None = None

    @property
    def place(self) -> tuple[str, str | None, IgnoredFields]:
        return self.directory, self.alias, self.ignored


def sources_of(config: Config) -> tuple[dict[str, Source], Source | None]:
    """The sources of single upstreams, and that of all others. Raises ConfigError."""
    default = None
    if config.replay is not None:
        _check("replay", config.replay, config.on_miss == "record")
        ignored = ignored_fields(config.replay_ignore)
        default = Source(os.path.abspath(config.replay), None, ignored, config.on_miss, _session(config.replay_per))
    own = [(each.alias, each.replay) for each in config.upstreams if each.replay is not None]
    sources = {alias: _own_source(alias, terms, config) for alias, terms in own}
    real = real_aliases(config)
    if default is not None and default.on_miss == "record" and not real:
        raise ConfigError("on-miss", "record: there is no real upstream; upstreams: NAME: url: URL makes one")
    for alias, source in sources.items():
        if source.on_miss == "record" and alias not in real:
            raise ConfigError(f"upstreams: {alias}.on-miss", "record needs url, the real upstream that is asked then")
    _check_recorded(config)
    return sources, default


def _check_recorded(config: Config) -> None:
    """What a miss is recorded in must be where the next request looks for it."""
    for each in config.upstreams:
        wanted = directory_on_miss(config, each.alias)
        given = (each.real.record or config.record) if each.real is not None else None
        if wanted is not None and given is not None and os.path.abspath(given) != os.path.abspath(wanted):
            where = f"upstreams: {each.alias}.record" if each.real is not None and each.real.record else "record"
            raise ConfigError(
                where,
                f"{given!r} is not {wanted!r}, the directory of replay, in which on-miss: record keeps its misses",
            )


def real_aliases(config: Config) -> frozenset[str]:
    """The upstreams that are reached over the network."""
    return frozenset(each.alias for each in config.upstreams if each.real is not None)


def never_asked(*configs: Config) -> frozenset[str]:
    """The real upstreams that none of these needs, because only recordings answer for them. Raises ConfigError."""
    return frozenset.intersection(*map(_never_asked, configs))


def _never_asked(config: Config) -> frozenset[str]:
    sources, default = sources_of(config)
    found = {alias: sources.get(alias, default) for alias in real_aliases(config)}
    return frozenset(alias for alias, source in found.items() if source is not None and source.on_miss == "fail")


def directory_on_miss(config: Config, alias: str) -> str | None:
    """Where what a real upstream says is recorded when no recording answers; None: it is not. Raises ConfigError."""
    for each in config.upstreams:
        if each.alias == alias and each.replay is not None:
            is_wanted = (each.replay.on_miss or config.on_miss) == "record"
            return each.replay.directory or config.replay if is_wanted else None
    return config.replay if config.on_miss == "record" else None


def _own_source(alias: str, terms: ReplayTerms, config: Config) -> Source:
    where = f"upstreams: {alias}.replay"
    given = terms.directory or config.replay
    if given is None:
        raise ConfigError(where, "expected the directory of its recordings beside the other keys")
    _check(where, given, (terms.on_miss or config.on_miss) == "record")
    directory = os.path.abspath(given)
    owner: str | None = None
    if terms.directory is not None:
        # Its own subdirectory, or the whole directory if there is none.
        own, owner = os.path.join(directory, alias), alias
        directory = own if os.path.isdir(own) else directory
    fields = terms.ignored if terms.ignored is not None else config.replay_ignore
    on_miss, per = terms.on_miss or config.on_miss, terms.per or config.replay_per
    return Source(directory, owner, ignored_fields(fields), on_miss, _session(per))


def recorded_aliases(config: Config) -> list[str]:
    """The aliases that have recordings in the directory for all upstreams. Raises ConfigError."""
    if config.replay is None:
        return []
    _check("replay", config.replay)
    return [alias for alias in aliases_in(config.replay) if NAME.fullmatch(alias)]


def _check(where: str, directory: str, is_made: bool = False) -> None:
    try:
        if is_made:
            os.makedirs(directory, 0o700, exist_ok=True)
        os.scandir(directory).close()
    except OSError as error:
        raise ConfigError(where, f"cannot read the directory {directory!r}: {error.strerror or error}") from None


def _session(text: str | None) -> Callable[[Facts], str] | None:
    if text is None:
        return None
    from oagw_tornado.knobs.when import parse_session

    return parse_session(text, "replay-per")
