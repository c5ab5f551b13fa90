"""An upstream without code: another instance of a service, one answered only by rules, or a real one. ::

upstreams:
  shop: {}
  slow-openai: {service: openai, time-to-first-token: 2s, token: [team-a]}
  real-openai: {url: https://api.openai.com, authorization: "env:OPENAI_API_KEY", service: openai}
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from oagw_tornado.knobs.predicate import RuleError, unknown_key, words
from oagw_tornado.knobs.vocabulary import VOCABULARY, Knobs, as_text, resolve
from oagw_tornado.units.documents import quoted
from oagw_tornado.units.knob_errors import KnobError
from oagw_tornado.units.latency import ZERO

if TYPE_CHECKING:
    from oagw_tornado.knobs.real_upstream import RealUpstream

if TYPE_CHECKING:
    from oagw_tornado.knobs.replay_terms import ReplayTerms

#: Upstreams that are added to those there are.
MOST_UPSTREAMS = 250

#: Tokens of one upstream.
MOST_TOKENS = 100

#: The aliases that an upstream may have.
NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._~-]{0,62}[A-Za-z0-9])?", re.ASCII)
_TOKEN = re.compile(r"[!-~]{1,1000}", re.ASCII)
REPLAY_KEYS = ("replay", "replay-ignore", "replay-per", "on-miss")
REAL_KEYS = (
    "url", "authorization", "headers", "connect-timeout", "response-timeout", "idle-timeout", "tls-ca", "record",
)  # fmt: skip
_OWN_KEYS = ("service", "token", *REPLAY_KEYS, *REAL_KEYS)


class UpstreamError(ValueError):
    """An upstream that cannot be understood. The text names the key and says what was expected."""


class UpstreamDocument(NamedTuple):
    """An upstream as it is described. `service` is the alias whose service it is; empty: only rules answer. Of a real
    one it is the service whose way of speaking it has."""

    alias: str
    service: str = ""
    tokens: tuple[str, ...] = ()
    """Tokens that are taken here alone; none: those of the gateway."""
    knobs: Mapping[str, str] = MappingProxyType({})
    replay: ReplayTerms | None = None
    """How recordings stand in the place of it."""
    real: RealUpstream | None = None
    """How it is reached, if it is a real one."""
    given: Mapping[str, Any] = MappingProxyType({})
    """As it was written, its credentials too."""

    def over(self, base: Knobs) -> Knobs:
        """Its knobs over the server's. A real one takes the time that it takes, unless it is told otherwise."""
        return resolve(base if self.real is None else _unhurried(base), self.knobs)

    def as_json(self) -> dict[str, Any]:
        """As it was given, its tokens masked."""
        view: dict[str, Any] = {"service": self.service} if self.service else {}
        if self.tokens:
            view["token"] = ["***"] * len(self.tokens)
        if self.replay is not None:
            view |= self.replay.as_json()
        if self.real is not None:
            view |= self.real.as_json()
        return {**view, **self.knobs}


def parse_upstream(alias: Any, document: Any) -> UpstreamDocument:
    """Read the description of an upstream. Raises UpstreamError."""
    if not isinstance(alias, str) or not NAME.fullmatch(alias):
        raise UpstreamError(f"{quoted(alias)}: expected a name of 1 to 64 letters, digits and . _ ~ -")
    if not isinstance(document, dict):
        raise UpstreamError(f"{alias}: expected an object such as {{}} or {{service: openai}}, not {quoted(document)}")
    for key in document:
        if key not in _OWN_KEYS and key not in VOCABULARY:
            raise UpstreamError(f"{alias}.{unknown_key(key, (*_OWN_KEYS, *VOCABULARY))}")
    service = document.get("service", "")
    if not isinstance(service, str):
        raise UpstreamError(f"{alias}.service: expected the alias of a service, not {quoted(service)}")
    knobs: dict[str, str] = {}
    for key, value in document.items():
        if key in VOCABULARY:
            try:
                knobs[key] = as_text(value)
            except ValueError as error:
                raise UpstreamError(f"{alias}.{key}: {error}") from None
    replay, real = _replay(alias, document), _real(alias, document)
    described = UpstreamDocument(alias, service, _tokens(alias, document), knobs, replay, real, document)
    try:
        described.over(Knobs())
    except KnobError as error:
        raise UpstreamError(f"{alias}.{error}") from None
    return described


def parse_upstreams(document: Any) -> tuple[UpstreamDocument, ...]:
    """Read the descriptions of upstreams by their aliases. Raises UpstreamError."""
    if not isinstance(document, dict):
        raise UpstreamError(f"expected an object of aliases and their upstreams, not {quoted(document)}")
    if len(document) > MOST_UPSTREAMS:
        raise UpstreamError(f"expected at most {MOST_UPSTREAMS} upstreams")
    return tuple(parse_upstream(alias, each) for alias, each in document.items())


def _replay(alias: str, document: Mapping[str, Any]) -> ReplayTerms | None:
    if document.keys().isdisjoint(REPLAY_KEYS):
        return None
    from oagw_tornado.knobs.replay_terms import parse_replay_terms

    try:
        return parse_replay_terms(document)
    except RuleError as error:
        raise UpstreamError(f"{alias}.{error}") from None


def _unhurried(knobs: Knobs) -> Knobs:
    """`knobs` without the times that a simulated service takes where nobody has set others."""
    usual = Knobs()
    between_tokens, between_events = knobs.inter_token_latency, knobs.event_interval
    return replace(
        knobs,
        inter_token_latency=ZERO if between_tokens == usual.inter_token_latency else between_tokens,
        event_interval=ZERO if between_events == usual.event_interval else between_events,
    )


def _real(alias: str, document: Mapping[str, Any]) -> RealUpstream | None:
    if document.keys().isdisjoint(REAL_KEYS):
        return None
    from oagw_tornado.knobs.real_upstream import parse_real_upstream

    try:
        return parse_real_upstream(document)
    except RuleError as error:
        raise UpstreamError(f"{alias}.{error}") from None


def _tokens(alias: str, document: Mapping[str, Any]) -> tuple[str, ...]:
    if "token" not in document:
        return ()
    try:
        tokens = words(f"{alias}.token", document["token"])
    except RuleError as error:
        raise UpstreamError(str(error)) from None
    if len(tokens) > MOST_TOKENS or not all(_TOKEN.fullmatch(token) for token in tokens):
        raise UpstreamError(f"{alias}.token: expected at most {MOST_TOKENS} tokens of visible ASCII characters")
    return tuple(tokens)
