"""Decides who replies, by prefix, dialect, method, bearer and alias: once per request, before its body.

A route is the handler and its arguments; a refusal is just another handler. Nothing here raises: an error while
routing would cost the client its reply.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast
from urllib.parse import quote, unquote

from oagw_tornado.gateway.bearer import Credentials
from oagw_tornado.gateway.callers import is_this_machine
from oagw_tornado.gateway.handler import ExchangeHandler
from oagw_tornado.gateway.refusal import method_not_allowed, unknown_alias, unknown_url
from oagw_tornado.reply.errors import ErrorForm
from oagw_tornado.reply.reply import Reply

if TYPE_CHECKING:
    from oagw_tornado.gateway.issued_tokens import IssuedTokens

#: What a service answers, and so what the proxy passes on.
PROXIED = ("GET", "HEAD", "POST", "PUT", "DELETE")
READ = ("GET", "HEAD")
#: What a service may answer beside, if one of its handlers wants to.
ON_REQUEST = ("PATCH", "OPTIONS")

_NOWHERE = (None, None)
_MOST_KNOWN = 1024
_LONGEST_KNOWN = 256


class Unproven(NamedTuple):
    """A token that may have been issued by another process."""

    token: str
    refusal: Reply
    """For a request whose token nobody has issued."""


class Route(NamedTuple):
    """The handler that replies, and its arguments. `alias` is the upstream that was reached, empty if none."""

    handler: type[ExchangeHandler]
    arguments: tuple[Any, ...] = ()
    alias: str = ""
    path: str = ""
    """What the upstream was asked for: percent-decoded, without the slash it began with."""
    sent_path: str = ""
    """The same as it was sent."""
    unproven: Unproven | None = None
    """What has to be looked up before anything else is done for this request; None: nothing."""


class Upstream(Protocol):
    """What the gateway knows of a service."""

    @property
    def key_header(self) -> str:
        """The header in which its clients send their key instead of a bearer token; empty if there is none."""

    @property
    def methods(self) -> tuple[str, ...]:
        """What it answers of `ON_REQUEST`."""

    @property
    def errors(self) -> ErrorForm:
        """How it words an error that a fault or a limit brings up."""

    def route(self, path: str) -> tuple[type[ExchangeHandler], tuple[str, ...]]:
        """Who replies to `path`: percent-decoded, without the slash it began with."""


class Caller(Protocol):
    """Who asks, as far as the connection knows."""

    version: str

    @property
    def client(self) -> str:
        """The peer's address; ``unix:`` for one of a Unix socket."""

    @property
    def scheme(self) -> str:
        """``http`` or ``https``: what the listener speaks."""

    @property
    def is_passed_on(self) -> bool:
        """Whether a PROXY header says that the connection is somebody else's than the peer's."""


class Dialect(Protocol):
    """All paths under one prefix."""

    def route(self, method: str, rest: str, headers: Mapping[str, str], caller: Caller) -> Route:
        """Who replies to `rest`, which is the path without the dialect's prefix, still percent-encoded."""


class RefusalHandler(ExchangeHandler):
    """Replies with the refusal that is its argument, whatever the method."""

    def run(self, *path_args: Any) -> None:
        self.respond(path_args[0])


class LateRefusalHandler(RefusalHandler):
    """The same, for a request that is refused once its token has been looked up."""


def refused(reply: Reply) -> Route:
    return Route(RefusalHandler, (reply,))


class LoadedDialect:
    """A dialect that `load` gives when the first asks for it: until then nothing of it is imported."""

    def __init__(self, load: Callable[[], Dialect]) -> None:
        self._load = load
        self._loaded: Dialect | None = None

    def route(self, method: str, rest: str, headers: Mapping[str, str], caller: Caller) -> Route:
        if self._loaded is None:
            self._loaded = self._load()
        return self._loaded.route(method, rest, headers, caller)


class PrototypeDialect:
    """``/api/oagw/v1``: the status and the proxy.

    The order of checks on the proxy: method known, authorization, alias, service.
    """

    def __init__(
        self,
        upstreams: Mapping[str, Upstream],
        tokens: frozenset[str],
        status: type[ExchangeHandler],
        issued: IssuedTokens | None = None,
        own_tokens: Callable[[], Mapping[str, frozenset[str]]] = dict,
    ) -> None:
        """`issued` are tokens that count beside `tokens` as long as they are good; `own_tokens` has those that are
        taken at one alias alone, in the place of all others."""
        self._upstreams = upstreams
        self._tokens = tokens
        self._status = status
        self._issued = issued
        self._own_tokens = own_tokens
        self.look_again()

    def accept(self, tokens: frozenset[str], issued: IssuedTokens | None) -> None:
        """Take these tokens from now on, and no others."""
        self._tokens, self._issued = tokens, issued
        self.look_again()

    def look_again(self) -> None:
        """Upstreams may have come and gone."""
        self._credentials = Credentials({alias: upstream.key_header for alias, upstream in self._upstreams.items()})
        self._tokens_of = self._own_tokens()
        # Where paths that were asked for lead: most requests ask for what another asked for before.
        self._known: dict[str, Route] = {}

    def route(self, method: str, rest: str, headers: Mapping[str, str], caller: Caller) -> Route:
        # A head that came before, its token too, leads where it led: `_known` is another one when that may change.
        shared: dict[Any, Any] | None = getattr(headers, "shared", None)
        if shared is not None:
            before, route = shared.get(self, _NOWHERE)
            if before is self._known:
                return cast(Route, route)
        known = self._known.get(rest)
        if known is not None and method in PROXIED:
            refusal = self._refuse(known.alias, headers)
            if isinstance(refusal, Unproven):
                return known if self._is_open(known, headers, caller) else known._replace(unproven=refusal)
            if refusal is None and shared is not None and self._issued is None:  # issued tokens end by the clock
                shared[self] = self._known, known
            if refusal is None or self._is_open(known, headers, caller):
                return known
            return refused(refusal)
        if not rest.startswith("/proxy/"):
            if rest == "/status":
                return Route(self._status) if method in READ else refused(method_not_allowed(method, READ))
            return refused(unknown_url("/api/oagw/v1" + rest, self._upstreams))
        alias, _, path = rest[7:].partition("/")
        sent_path = path
        if not path or not alias:
            return refused(unknown_url("/api/oagw/v1" + rest, self._upstreams))
        if "%" in rest:
            alias, path = unquote(alias), unquote(path)
        if method not in PROXIED:
            served = PROXIED + (self._upstreams[alias].methods if alias in self._upstreams else ())
            if method not in served:
                return refused(method_not_allowed(method, served))
        refusal = self._refuse(alias, headers)
        upstream = self._upstreams.get(alias)
        if upstream is None:
            return self._nowhere(alias, refusal)
        handler, arguments = upstream.route(path)
        route = Route(handler, arguments, alias, path, sent_path)
        if refusal is not None and not self._is_open(route, headers, caller):
            return route._replace(unproven=refusal) if isinstance(refusal, Unproven) else refused(refusal)
        if len(rest) <= _LONGEST_KNOWN:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[rest] = route
        return route

    def _nowhere(self, alias: str, refusal: Reply | Unproven | None) -> Route:
        if refusal is None:
            return refused(unknown_alias(alias, self._upstreams))
        if isinstance(refusal, Unproven):
            return Route(LateRefusalHandler, (unknown_alias(alias, self._upstreams),), unproven=refusal)
        return refused(refusal)

    def _refuse(self, alias: str, headers: Mapping[str, str]) -> Reply | Unproven | None:
        if alias in self._tokens_of:
            return self._credentials.refuse(alias, headers, self._tokens_of[alias])
        refusal = self._credentials.refuse(alias, headers, self._tokens)
        if refusal is None or self._issued is None:
            return refusal
        given = self._credentials.given(alias, headers) or ""
        if self._issued.is_shared and given.startswith("Bearer "):
            return Unproven(given.removeprefix("Bearer "), refusal)
        return self._issued.refusal(given.removeprefix("Bearer "), refusal) if given.startswith("Bearer ") else refusal

    def _is_open(self, route: Route, headers: Mapping[str, str], caller: Caller) -> bool:
        """Whether a request that shows no credential at all may have this route: probes and scrapers send none."""
        open_to = route.handler.open_to
        if open_to == "service":
            return True
        if open_to == "bearers" or self._credentials.given(route.alias, headers) is not None:
            return False
        return open_to == "all" or (is_this_machine(caller.client) and not caller.is_passed_on)


class Mount:
    """One upstream at `prefix`, beside its place behind the proxy: for clients that can be given a host alone."""

    def __init__(self, prefix: str, alias: str, proxy: Dialect) -> None:
        self._prefix = prefix
        self._place = f"/proxy/{quote(alias, safe='')}"
        self._proxy = proxy

    def route(self, method: str, rest: str, headers: Mapping[str, str], caller: Caller) -> Route:
        if rest in ("", "/"):
            return refused(unknown_url(self._prefix + rest))
        return self._proxy.route(method, self._place + rest, headers, caller)


class SinglePage:
    """One path, and nothing below it. The handler gets `arguments`."""

    def __init__(self, path: str, handler: type[ExchangeHandler], *arguments: str) -> None:
        self._path = path
        self._handler = handler
        self._arguments = arguments

    def route(self, method: str, rest: str, headers: Mapping[str, str], caller: Caller) -> Route:
        if rest:
            return refused(unknown_url(self._path + rest))
        return Route(self._handler, self._arguments) if method in READ else refused(method_not_allowed(method, READ))


class GatewayRouter:
    """The dialects by their prefixes; the first prefix that fits the path decides."""

    def __init__(self, dialects: Mapping[str, Dialect]) -> None:
        self._dialects = tuple((prefix, len(prefix), dialect) for prefix, dialect in dialects.items())

    def route(self, method: str, path: str, headers: Mapping[str, str], caller: Caller) -> Route:
        """Who replies to this request."""
        for prefix, length, dialect in self._dialects:
            if path.startswith(prefix) and path[length : length + 1] in ("", "/"):
                return dialect.route(method, path[length:], headers, caller)
        return refused(unknown_url(path))
