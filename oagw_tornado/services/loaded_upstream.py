"""An upstream whose handlers are imported with its first request."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oagw_tornado.reply.errors import ErrorForm
    from oagw_tornado.services.upstream import Handler, Upstream


class LoadedUpstream:
    """The `Upstream` that `load` gives, from when it is first needed. What a start has to know of it stands here."""

    __slots__ = ("key_header", "_load", "_loaded")

    def __init__(self, load: Callable[[], Upstream], key_header: str = "") -> None:
        self.key_header = key_header
        self._load = load
        self._loaded: Upstream | None = None

    def load(self) -> Upstream:
        """The upstream itself."""
        loaded = self._loaded
        if loaded is None:
            loaded = self._loaded = self._load()
        return loaded

    @property
    def errors(self) -> ErrorForm:
        return self.load().errors

    @property
    def methods(self) -> tuple[str, ...]:
        return self.load().methods

    def route(self, path: str) -> tuple[Handler, tuple[str, ...]]:
        return self.load().route(path)
