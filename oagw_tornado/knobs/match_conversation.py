"""Predicates on the conversation: messages, turn, tools, response format; and JMESPath."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from oagw_tornado.knobs.facts import Facts
from oagw_tornado.knobs.predicate import LONGEST_GLOB, MOST_NAMES, Maker, Predicate, RuleError, glob, globs_by_name
from oagw_tornado.reply.conversation import Conversation
from oagw_tornado.units.documents import brief, quoted
from oagw_tornado.units.globs import Glob

_SYSTEM = ("system", "developer")

_RANGE = re.compile(r"(\d{0,9})\s*(?:-|\.\.)\s*(\d{0,9})")


def _predicate(
    name: str,
    test: Callable[[Conversation], bool],
    wanted: str,
    seen: Callable[[Conversation], object],
    text: Callable[[Conversation], str] | None = None,
    pattern: Glob | None = None,
) -> Predicate:
    """A predicate of a conversation; other requests do not match. `pattern` is what a `text` has to be like."""

    def fits(facts: Facts) -> bool:
        conversation = facts.conversation
        return conversation is not None and test(conversation)

    def look(facts: Facts) -> object:
        return "no conversation" if facts.conversation is None else seen(facts.conversation)

    def text_of(facts: Facts) -> str:
        return "" if facts.conversation is None or text is None else text(facts.conversation)

    return Predicate(name, fits, wanted, look, *((text_of, pattern.literals) if pattern is not None else ()))


def _last_message(where: str, value: Any) -> list[Predicate]:
    pattern = glob(where, value, any_case=True)
    text = lambda talk: talk.last_text  # noqa: E731
    return [_predicate("last-message", lambda talk: pattern.fits(talk.last_text), value, text, text, pattern)]


def _any_message(where: str, value: Any) -> list[Predicate]:
    pattern = glob(where, value, any_case=True)

    def test(talk: Conversation) -> bool:
        return any(pattern.fits(message.text) for message in talk.messages if message.role not in _SYSTEM)

    def text(talk: Conversation) -> str:
        return "\n".join(message.text for message in talk.messages)

    return [_predicate("any-message", test, value, lambda talk: f"{len(talk.messages)} messages", text, pattern)]


def _system(where: str, value: Any) -> list[Predicate]:
    pattern = glob(where, value, any_case=True)
    text = lambda talk: talk.system  # noqa: E731
    return [_predicate("system", lambda talk: pattern.fits(talk.system), value, text, text, pattern)]


def _turn(where: str, value: Any) -> list[Predicate]:
    given = value if isinstance(value, list) else [value]
    if len(given) > MOST_NAMES:
        raise RuleError(f"{where}: expected at most {MOST_NAMES} ranges, not {len(given)}")
    ranges = [_turns(where, each) for each in given]
    if not ranges:
        raise RuleError(f"{where}: expected a number, a range such as 2-4, or a list of them")

    def test(talk: Conversation) -> bool:
        turn = talk.turn
        return any(low <= turn <= high for low, high in ranges)

    return [_predicate("turn", test, str(value), lambda talk: talk.turn)]


def _turns(where: str, value: Any) -> tuple[int, int]:
    """The first and the last turn that `value` means."""
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value < 10**9:
        return value, value
    text = value.strip() if isinstance(value, str) else ""
    if text.isascii() and text.isdigit() and 1 <= int(text[:10]) < 10**9:
        return int(text), int(text)
    match = _RANGE.fullmatch(text)
    if match is not None and (match[1] or match[2]):
        low, high = int(match[1] or 1), int(match[2] or 10**9)
        if 1 <= low <= high:
            return low, high
    raise RuleError(f"{where}: expected a number from 1 up or a range such as 2-4, 3- or -2, not {quoted(value)}")


def _tool(where: str, value: Any) -> list[Predicate]:
    pattern = glob(where, value)

    def seen(talk: Conversation) -> object:
        return ", ".join(tool.name for tool in talk.tools) or None

    return [_predicate("tool", lambda talk: any(pattern.fits(tool.name) for tool in talk.tools), value, seen)]


def _tool_result(where: str, value: Any) -> list[Predicate]:
    if isinstance(value, str):
        value = {value: "*"}

    def one(name: str, pattern: Glob) -> Predicate:
        tool = glob(f"{where}.{name[:80]}", name)

        def test(talk: Conversation) -> bool:
            return any(
                (tool.fits(result.name) or name == result.id) and pattern.fits(result.text)
                for result in talk.latest_results
            )

        def seen(talk: Conversation) -> object:
            return ", ".join(f"{result.name}: {result.text}" for result in talk.latest_results) or None

        def text(talk: Conversation) -> str:
            return "\n".join(result.text for result in talk.latest_results)

        return _predicate(f"tool-result.{name}", test, value[name], seen, text, pattern)

    return [one(name, pattern) for name, pattern in globs_by_name(where, value, "tools", any_case=True).items()]


def _response_format(where: str, value: Any) -> list[Predicate]:
    pattern = glob(where, value)

    def test(talk: Conversation) -> bool:
        wanted = talk.response_format
        return pattern.fits(wanted.type) or bool(wanted.name and pattern.fits(wanted.name))

    return [_predicate("response-format", test, value, lambda talk: " ".join(talk.response_format[:2]).strip())]


def _stream(where: str, value: Any) -> list[Predicate]:
    if not isinstance(value, bool):
        raise RuleError(f"{where}: expected true or false, not {quoted(value)}")
    return [_predicate("stream", lambda talk: talk.stream is value, str(value).lower(), lambda talk: talk.stream)]


def _json(where: str, value: Any) -> list[Predicate]:
    if not isinstance(value, dict):
        raise RuleError(f"{where}: expected an object of JMESPath expressions and values, not {quoted(value)}")
    if len(value) > MOST_NAMES or not all(isinstance(name, str) for name in value):
        raise RuleError(f"{where}: expected at most {MOST_NAMES} expressions, each a text")

    def one(expression: str, wanted: Any) -> Predicate:
        search = jmespath_search(f"{where}.{expression[:80]}", expression)

        def test(facts: Facts) -> bool:
            found = search(facts.document)
            return found == wanted and isinstance(found, bool) == isinstance(wanted, bool)

        return Predicate(f"json.{expression[:80]}", test, brief(wanted), lambda facts: search(facts.document))

    return [one(expression, wanted) for expression, wanted in value.items()]


def jmespath_search(where: str, expression: str) -> Callable[[Any], Any]:
    """What a JMESPath expression finds in a document; None: nothing, or the expression does not work on it.

    It is compiled once. Raises RuleError.
    """
    try:
        import jmespath  # an extra: not before somebody looks at a document
        from jmespath.exceptions import JMESPathError
    except ImportError:
        raise RuleError(f"{where}: needs jmespath (pip install jmespath), from the extra 'scripts'") from None
    if len(expression) > LONGEST_GLOB:
        raise RuleError(f"{where}: expected an expression of at most {LONGEST_GLOB} characters")
    try:
        compiled = jmespath.compile(expression)
    except (JMESPathError, RecursionError) as error:
        problem = " ".join(str(error).split())
        raise RuleError(f"{where}: is not a JMESPath expression: {problem[:200]}") from None

    def search(document: Any) -> Any:
        try:
            return compiled.search(document)
        except (JMESPathError, RecursionError, TypeError, ValueError, ArithmeticError):
            return None

    return search


MAKERS: Mapping[str, Maker] = {
    "last-message": _last_message,
    "any-message": _any_message,
    "system": _system,
    "turn": _turn,
    "tool": _tool,
    "tool-result": _tool_result,
    "response-format": _response_format,
    "stream": _stream,
    "json": _json,
}
