"""All upstreams of one simulator by alias: the services, and the upstreams that are only described."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from oagw_tornado.gateway.router import Upstream
from oagw_tornado.reply.errors import ErrorForm
from oagw_tornado.units.documents import quoted
from oagw_tornado.units.nearest import nearest

if TYPE_CHECKING:
    from oagw_tornado.knobs.upstream_document import UpstreamDocument


class _Forms(Mapping[str, ErrorForm]):
    """How the upstreams of a table word their errors: none of them is asked before an error is to be worded."""

    def __init__(self, upstreams: Mapping[str, Upstream]) -> None:
        self._upstreams = upstreams

    def __getitem__(self, alias: str) -> ErrorForm:
        return self._upstreams[alias].errors

    def __iter__(self) -> Iterator[str]:
        return iter(self._upstreams)

    def __len__(self) -> int:
        return len(self._upstreams)


class UpstreamTable(dict[str, Upstream]):
    """Upstreams by alias, the services first. Callbacks in `changed` are told when it changes."""

    def __init__(
        self,
        services: Mapping[str, Upstream],
        blank: Upstream,
        described: Iterable[UpstreamDocument],
        real: Callable[[UpstreamDocument, Upstream | None], Upstream] | None = None,
    ) -> None:
        """`blank` is an upstream that knows no path. `real` gives those that are reached over the network; the service
        is the one that it speaks as, if there is one. Raises UpstreamError."""
        super().__init__(services)
        #: Upstreams that exist without a description.
        self.services = services
        self._blank = blank
        self._real = real
        #: The real ones, made once, as connections are kept.
        self.real: dict[str, Upstream] = {}
        # As the configuration has them, by their aliases.
        self._first = {each.alias: each for each in described}
        self.described: dict[str, UpstreamDocument] = {}
        #: The tokens that are taken at one alias alone, where there are such.
        self.tokens: dict[str, frozenset[str]] = {}
        #: How each of them words its errors.
        self.forms: Mapping[str, ErrorForm] = _Forms(self)
        self.changed: list[Callable[[], None]] = []
        self._put(self._first.values())

    def add(self, described: Iterable[UpstreamDocument]) -> None:
        """More upstreams, or others in the place of those that were described before. All or none: UpstreamError.

        What is asked over the network is for the configuration alone to say.
        """
        described = tuple(described)
        for each in described:
            if each.real is not None and each != self._first.get(each.alias):
                from oagw_tornado.knobs.upstream_document import UpstreamError

                raise UpstreamError(f"{each.alias}.url: a real upstream belongs only in the configuration file")
        self._put(described)

    def add_blank(self, aliases: Iterable[str]) -> None:
        """Upstreams that know no path by these aliases, unless there are such already."""
        from oagw_tornado.knobs.upstream_document import UpstreamDocument

        missing = {alias: UpstreamDocument(alias) for alias in aliases if alias not in self}
        if missing:
            self._first |= missing
            self._put(missing.values())

    def remove(self, alias: str) -> bool:
        """Whether such an upstream had been described; it is gone now."""
        if alias not in self.described:
            return False
        self._take_away(alias)
        self._collect_tokens()
        return True

    def reset(self) -> None:
        """As at first."""
        for alias in list(self.described):
            self._take_away(alias)
        self._put(self._first.values())

    def take_over(self, other: UpstreamTable) -> None:
        """Have the upstreams of `other`, which was made of the configuration as it is now. What was described since
        the start stays, unless it is what differs."""
        before, after = self._first, other._first
        for alias in before.keys() - after.keys():
            if self.described.get(alias) == before[alias]:
                self._take_away(alias)
        for alias, described in after.items():
            if before.get(alias) != described or self.described.get(alias) == described:
                self.described[alias] = described
                self[alias] = other[alias]
        self._first, self.real, self._real = after, other.real, other._real
        self._collect_tokens()

    def _take_away(self, alias: str) -> None:
        del self.described[alias]
        if alias in self.services:
            self[alias] = self.services[alias]
        else:
            del self[alias]

    def _put(self, described: Iterable[UpstreamDocument]) -> None:
        found: dict[str, tuple[UpstreamDocument, Upstream]] = {}
        for each in described:
            if each.alias in self.services and each.real is None and each.replay is None:
                from oagw_tornado.knobs.upstream_document import UpstreamError

                raise UpstreamError(f"{each.alias}: is already the alias of a service")
            found[each.alias] = (each, self._upstream(each))
        for alias, (each, upstream) in found.items():
            self.described[alias] = each
            self[alias] = upstream
        self._collect_tokens()

    def _upstream(self, described: UpstreamDocument) -> Upstream:
        service = self._service(described)
        if described.real is None:
            if described.replay is not None:
                service = service or self.services.get(described.alias)
            return self._blank if service is None else service
        if described.alias not in self.real:
            assert self._real is not None
            # In the place of a service it speaks as that does.
            speaks_as = service or self.services.get(described.alias)
            self.real[described.alias] = self._real(described, speaks_as)
        return self.real[described.alias]

    def _service(self, described: UpstreamDocument) -> Upstream | None:
        if not described.service:
            return None
        upstream = self.services.get(described.service)
        if upstream is None:
            from oagw_tornado.knobs.upstream_document import UpstreamError

            expected = f"{', '.join(self.services)}{nearest(described.service, self.services)}"
            raise UpstreamError(
                f"{described.alias}.service: no service {quoted(described.service)}; expected {expected}"
            )
        return upstream

    def _collect_tokens(self) -> None:
        self.tokens = {alias: frozenset(each.tokens) for alias, each in self.described.items() if each.tokens}
        for look_again in self.changed:
            look_again()
