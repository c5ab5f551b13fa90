"""The facts of a request that rules can match: derived only from the request, each on first use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote_plus

from oagw_tornado.reply.conversation import Conversation
from oagw_tornado.units.documents import DocumentError, has_more, read_json

_NOT_READ: Any = object()

#: Values of a body that rules look at one by one.
MOST_VALUES = 20_000


class Facts:
    """One request. `path` is the service's, percent-decoded, without its leading slash.

    `converse` reads the body as a conversation; it returns None for other requests, and never raises.
    """

    __slots__ = ("alias", "path", "method", "headers", "body", "_query", "_converse", "_conversation", "_document")

    def __init__(
        self,
        alias: str,
        path: str,
        method: str,
        headers: Mapping[str, str],
        body: bytes,
        query: str = "",
        converse: Callable[[], Conversation | None] | None = None,
    ) -> None:
        self.alias = alias
        self.path = path
        self.method = method
        self.headers = headers
        self.body = body
        self._query: Any = query
        self._converse = converse
        self._conversation: Any = _NOT_READ
        self._document: Any = _NOT_READ

    @property
    def conversation(self) -> Conversation | None:
        """The request as a conversation; None if it is not one."""
        if self._conversation is _NOT_READ:
            self._conversation = None if self._converse is None else self._converse()
        return self._conversation  # type: ignore[no-any-return]

    @property
    def document(self) -> Any:
        """The body as JSON; None if it is not valid JSON."""
        if self._document is _NOT_READ:
            try:
                self._document = read_json(self.body) if self.body and not has_more(self.body, MOST_VALUES) else None
            except DocumentError:
                self._document = None
        return self._document

    @property
    def query(self) -> Mapping[str, list[str]]:
        """The values of each parameter of the query."""
        if isinstance(self._query, str):
            self._query = _parameters(self._query)
        return self._query  # type: ignore[no-any-return]

    @property
    def model(self) -> str:
        """The ``model`` of a JSON body; empty if there is none."""
        if b'"model"' not in self.body:
            return ""
        model = self.document.get("model") if isinstance(self.document, dict) else None
        return model if isinstance(model, str) else ""


def _parameters(query: str) -> dict[str, list[str]]:
    given: dict[str, list[str]] = {}
    for part in query.split("&") if query else ():
        name, _, value = part.partition("=")
        given.setdefault(unquote_plus(name), []).append(unquote_plus(value))
    return given
