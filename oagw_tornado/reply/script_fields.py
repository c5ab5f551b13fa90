"""The fields of a script's document, each checked, each error with the key that it is about."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from oagw_tornado.units.documents import quoted
from oagw_tornado.units.latency import Latency, parse_latency
from oagw_tornado.units.nearest import nearest


class ScriptError(ValueError):
    """A reply of a rule that cannot be understood. The text names the key and says what was expected."""


def fields_of(value: Any, where: str) -> Mapping[str, Any]:
    """`value`, which is an object."""
    if not isinstance(value, dict):
        raise ScriptError(f"{where}: expected an object, not {quoted(value)}")
    return value


def only(given: Mapping[str, Any], known: Collection[str], where: str) -> None:
    """Raise ScriptError if there is a key that is not one of those `known`."""
    for key in given:
        if key not in known:
            name = key[:80] if isinstance(key, str) else quoted(key)
            raise ScriptError(f"{where}.{name}: no such key; expected {', '.join(known)}{nearest(name, known)}")


def as_text(value: Any, where: str, longest: int) -> str:
    """`value`, which is a text."""
    if not isinstance(value, str):
        raise ScriptError(f"{where}: expected a text, not {quoted(value)}")
    if len(value) > longest:
        raise ScriptError(f"{where}: expected at most {longest} characters, not {len(value)}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ScriptError(f"{where}: expected a text that UTF-8 can encode, without lone surrogates") from None
    return value


def text_field(given: Mapping[str, Any], key: str, where: str) -> str | None:
    """The text of a field; None if it is not there."""
    return None if key not in given else as_text(given[key], f"{where}.{key}", 100_000)


def whole(value: Any, where: str, low: int, high: int) -> int:
    """`value`, which is a whole number within bounds."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ScriptError(f"{where}: expected a whole number from {low} to {high}, not {quoted(value)}")
    return value


def latency(value: Any, where: str) -> Latency:
    """A duration or a distribution, as the knobs have it."""
    try:
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            raise ValueError(f"expected a duration with its unit, such as 300ms, not {quoted(value)}")
        return parse_latency(str(value))
    except ValueError as error:
        raise ScriptError(f"{where}: {error}") from None
