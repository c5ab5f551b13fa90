"""Which exchanges a query selects: those that match every filter given. A pure value, made from texts."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from urllib.parse import unquote

from oagw_tornado.evidence.credentials import Disclosure
from oagw_tornado.evidence.exchange import Exchange
from oagw_tornado.evidence.service_path import service_path
from oagw_tornado.evidence.view import header_lines
from oagw_tornado.units.documents import DocumentError, read_json
from oagw_tornado.units.globs import Glob, GlobError

_LONGEST_GLOB = 1000
_MODEL = re.compile(rb'"model"\s*:\s*"((?:[^"\\]|\\.){0,500})"')

Test = Callable[[Exchange], bool]


class FilterError(ValueError):
    """A filter that cannot be understood. The text names it and says what was expected."""


class RequestFilter:
    """Tests that an exchange has to pass, all of them; without any, everything fits."""

    def __init__(self, disclosure: Disclosure) -> None:
        self._disclosure = disclosure
        self._tests: list[Test] = []

    def __call__(self, exchange: Exchange) -> bool:
        return all(test(exchange) for test in self._tests)

    def id(self, text: str) -> None:
        self._tests.append(lambda exchange: exchange.id == text)

    def alias(self, text: str) -> None:
        self._tests.append(lambda exchange: exchange.alias == text)

    def method(self, text: str) -> None:
        method = text.upper()
        self._tests.append(lambda exchange: exchange.method == method)

    def source(self, text: str) -> None:
        self._tests.append(lambda exchange: exchange.source == text)

    def since(self, instant: float) -> None:
        """Not before `instant`, a Unix time."""
        self._tests.append(lambda exchange: exchange.wall >= instant)

    def status(self, text: str) -> None:
        """A status, or a class of them: ``404``, ``4xx``."""
        if re.fullmatch(r"[1-9]xx", text.lower()):
            hundred = int(text[0])
            self._tests.append(lambda exchange: exchange.status // 100 == hundred)
        elif re.fullmatch(r"[0-9]{1,3}", text, re.ASCII):
            status = int(text)
            self._tests.append(lambda exchange: exchange.status == status)
        else:
            raise FilterError(f"status: expected a status such as 404, or 4xx, not {text[:80]!r}")

    def path(self, text: str) -> None:
        """A glob for the path as the service sees it, or for the whole path; both percent-decoded."""
        fits = _glob("path", text if text.startswith(("/", "*")) else f"/{text}")

        def test(exchange: Exchange) -> bool:
            path = unquote(exchange.path)
            return fits(path) or fits(service_path(path))

        self._tests.append(test)

    def outcome(self, text: str) -> None:
        """A glob, ``fault:*``; empty for those under way."""
        fits = _glob("outcome", text)
        self._tests.append(lambda exchange: fits(exchange.outcome))

    def rule(self, text: str) -> None:
        """A glob for the name of the rule that applied; empty for none."""
        fits = _glob("rule", text)
        self._tests.append(lambda exchange: fits(exchange.rule or ""))

    def model(self, text: str) -> None:
        """A glob for ``model`` of a JSON body."""
        fits = _glob("model", text)
        self._tests.append(lambda exchange: fits(model_in(exchange)))

    def header(self, text: str) -> None:
        """``name``: it is there; ``name:glob``: one of its values is like that, as it is shown."""
        name, colon, glob = text.partition(":")
        name = name.strip().lower()
        if not name:
            raise FilterError(f"header: expected a name, or name:glob, not {text[:80]!r}")
        fits = _glob("header", glob.strip() if colon else "*")

        def test(exchange: Exchange) -> bool:
            return any(
                key.lower() == name and fits(self._disclosure.header(key, value))
                for key, value in header_lines(exchange)
            )

        self._tests.append(test)

    def read(self, given: Sequence[tuple[str, str]]) -> None:
        """Add the filters that are `given` by name: those of `NAMES`."""
        for name, text in given:
            getattr(self, name)(text)


#: Filters that take a text.
NAMES = ("id", "alias", "method", "source", "status", "path", "outcome", "rule", "model", "header")


def model_in(exchange: Exchange) -> str:
    """The ``model`` of a JSON body; empty if there is none. Of a body that is not kept whole, the first there is."""
    body = exchange.body_head
    if b'"model"' not in body:
        return ""
    if exchange.body_size == len(body):
        try:
            document = read_json(body)
        except DocumentError:
            return ""
        model = document.get("model") if isinstance(document, dict) else None
        return model if isinstance(model, str) else ""
    found = _MODEL.search(body)
    return found[1].decode("utf-8", "replace") if found else ""


def _glob(name: str, text: str) -> Callable[[str], bool]:
    if len(text) > _LONGEST_GLOB:
        raise FilterError(f"{name}: expected at most {_LONGEST_GLOB} characters")
    try:
        return Glob(text).fits
    except GlobError as error:
        raise FilterError(f"{name}: {error}") from None
