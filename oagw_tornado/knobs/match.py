"""The `match` of a rule: predicates on the facts of a request, all of which must hold for the rule to apply."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from oagw_tornado.knobs.facts import Facts
from oagw_tornado.knobs.predicate import Maker, Predicate, RuleError, glob, globs_by_name, unknown_key, words
from oagw_tornado.units.documents import brief, quoted
from oagw_tornado.units.globs import Glob


def predicates_of(match: Any) -> tuple[Predicate, ...]:
    """The predicates that a rule's `match` stands for, what is cheap to ask first. Raises RuleError."""
    makers = _makers()
    if not isinstance(match, dict):
        raise RuleError(f"match: expected an object, not {quoted(match)}")
    for key in match:
        if key not in makers:
            raise RuleError(f"match.{unknown_key(key, MATCH_KEYS)}")
    return tuple(
        predicate
        for key in sorted(match, key=MATCH_KEYS.index)
        for predicate in makers[key](f"match.{key}", match[key])
    )


def _alias(where: str, value: Any) -> list[Predicate]:
    aliases = frozenset(words(where, value))
    wanted = ", ".join(sorted(aliases))
    return [Predicate("alias", lambda facts: facts.alias in aliases, wanted, lambda facts: facts.alias)]


def _path(where: str, value: Any) -> list[Predicate]:
    pattern = glob(where, value.removeprefix("/") if isinstance(value, str) else value)
    return [Predicate("path", lambda facts: pattern.fits(facts.path), value, lambda facts: facts.path)]


def _method(where: str, value: Any) -> list[Predicate]:
    methods = frozenset(word.upper() for word in words(where, value))
    wanted = ", ".join(sorted(methods))
    return [Predicate("method", lambda facts: facts.method in methods, wanted, lambda facts: facts.method)]


def _header(where: str, value: Any) -> list[Predicate]:
    def one(name: str, pattern: Glob) -> Predicate:
        def test(facts: Facts) -> bool:
            found = facts.headers.get(name)
            return found is not None and pattern.fits(found)

        def text(facts: Facts) -> str:
            return facts.headers.get(name) or ""

        return Predicate(
            f"header.{name}", test, value[name], lambda facts: facts.headers.get(name), text, pattern.literals
        )

    return [one(name, pattern) for name, pattern in globs_by_name(where, value, "header names").items()]


def _query(where: str, value: Any) -> list[Predicate]:
    def one(name: str, pattern: Glob) -> Predicate:
        def test(facts: Facts) -> bool:
            return any(pattern.fits(each) for each in facts.query.get(name, ()))

        def seen(facts: Facts) -> object:
            return next(iter(facts.query.get(name, ())), None)

        def text(facts: Facts) -> str:
            return "\n".join(facts.query.get(name, ()))

        return Predicate(f"query.{name}", test, value[name], seen, text, pattern.literals)

    return [one(name, pattern) for name, pattern in globs_by_name(where, value, "parameters").items()]


def _body(where: str, value: Any) -> list[Predicate]:
    if not isinstance(value, str):
        raise RuleError(f"{where}: expected a text, not {quoted(value)}")
    text = value.encode("utf-8", "surrogatepass")
    seen = lambda facts: facts.body[:80].decode("utf-8", "replace")  # noqa: E731
    return [Predicate("body", lambda facts: text in facts.body, brief(value), seen)]


def _model(where: str, value: Any) -> list[Predicate]:
    pattern = glob(where, value)
    model = lambda facts: facts.model  # noqa: E731
    return [Predicate("model", lambda facts: pattern.fits(facts.model), value, model, model, pattern.literals)]


#: What a rule can match, cheap predicates first.
MATCH_KEYS = (
    "alias",
    "path",
    "method",
    "header",
    "query",
    "body",
    "model",
    "stream",
    "turn",
    "last-message",
    "tool",
    "tool-result",
    "response-format",
    "system",
    "any-message",
    "json",
)


def _makers() -> Mapping[str, Maker]:
    from oagw_tornado.knobs.match_conversation import MAKERS

    return {**_MAKERS, **MAKERS}


_MAKERS: Mapping[str, Maker] = {
    "alias": _alias,
    "path": _path,
    "method": _method,
    "header": _header,
    "query": _query,
    "body": _body,
    "model": _model,
}
