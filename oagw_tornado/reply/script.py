"""What a rule says in reply, read from its document: a text, a part, a list of parts, or an HTTP reply of its own. ::

    reply: It is 7 degrees in Oslo.
    reply: [{reasoning: I need the city., after: 300ms}, {tool: {name: get_weather, arguments: {city: Oslo}}}]
    reply: {status: 200, headers: {X-Mine: "yes"}, json: {id: 1}}

All of it is checked when the rule is read, so that no request meets a script that does not work.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from oagw_tornado.reply.answer import Answer, event_bytes, parse_answer
from oagw_tornado.reply.parts import Error, Finish, Part, Raw, Reasoning, Refusal, Script, Text, ToolCall, Usage
from oagw_tornado.reply.script_fields import ScriptError, as_text, fields_of, latency, only, text_field, whole
from oagw_tornado.reply.tokens import Tokens, json_tokens, pieces, words_of
from oagw_tornado.units.documents import quoted
from oagw_tornado.units.durations import parse_duration

#: Parts of one reply.
MOST_PARTS = 2_000

#: Pieces of one text.
MOST_PIECES = 10_000

#: Characters of one text.
LONGEST_TEXT = 2**20

_WAITS = ("after", "gap")

_ANSWER_KEYS = ("status", "headers", "json", "base64", "file", "events")


def parse_reply(document: Any, where: str = "reply") -> Script | Answer:
    """Read what a rule says. Raises ScriptError, which names the key."""
    if isinstance(document, dict) and not document.keys().isdisjoint(_ANSWER_KEYS):
        return parse_answer(document, where)
    if isinstance(document, str):
        return Script((Text(_said(document, where)),), is_text=True)
    given = document if isinstance(document, list) else [document]
    if not given:
        raise ScriptError(f"{where}: expected at least one part")
    if len(given) > MOST_PARTS:
        raise ScriptError(f"{where}: expected at most {MOST_PARTS} parts, not {len(given)}")
    is_list = isinstance(document, list)
    parts = tuple(_part(each, f"{where}[{number}]" if is_list else where) for number, each in enumerate(given))
    return Script(parts, is_text=all(type(part) is Text for part in parts))


def _part(document: Any, where: str) -> Part:
    if isinstance(document, str):
        return Text(_said(document, where))
    if not isinstance(document, dict):
        raise ScriptError(f"{where}: expected a text or a part such as {{text: …}}, not {quoted(document)}")
    kinds = [key for key in document if key in _KINDS]
    if len(kinds) != 1:
        names = ", ".join(_KINDS)
        given = ", ".join(kinds) if kinds else quoted(document)
        raise ScriptError(f"{where}: expected one of {names}, not {given}")
    (kind,) = kinds
    beside = ("signature", "redacted") if kind == "reasoning" else ()
    only(document, (kind, *_WAITS, *beside), where)
    waits = {key: latency(document[key], f"{where}.{key}") for key in _WAITS if key in document}
    return _KINDS[kind](document[kind], f"{where}.{kind}", document, waits)


def _said(value: Any, where: str) -> Tokens:
    """A text, cut into its words; or a list of texts, which are exactly these pieces."""
    if isinstance(value, list):
        if len(value) > MOST_PIECES:
            raise ScriptError(f"{where}: expected at most {MOST_PIECES} pieces, not {len(value)}")
        return pieces([as_text(each, f"{where}[{number}]", LONGEST_TEXT) for number, each in enumerate(value)])
    return words_of(as_text(value, where, LONGEST_TEXT))


def _text(value: Any, where: str, document: Mapping[str, Any], waits: Any) -> Part:
    return Text(_said(value, where), **waits)


def _refusal(value: Any, where: str, document: Mapping[str, Any], waits: Any) -> Part:
    return Refusal(_said(value, where), **waits)


def _reasoning(value: Any, where: str, document: Mapping[str, Any], waits: Any) -> Part:
    given = value if isinstance(value, dict) else {"text": value}
    only(given, ("text", "signature", "redacted"), where)
    given = {**{key: document[key] for key in ("signature", "redacted") if key in document}, **given}
    redacted = given.get("redacted", False)
    if isinstance(redacted, str):
        given, redacted = {**given, "text": redacted}, True
    if not isinstance(redacted, bool):
        raise ScriptError(f"{where}.redacted: expected true, false or the data, not {quoted(redacted)}")
    signature = text_field(given, "signature", where)
    return Reasoning(_said(given.get("text", ""), where), signature, redacted, **waits)


def _tool(value: Any, where: str, document: Mapping[str, Any], waits: Any) -> Part:
    given = {"name": value} if isinstance(value, str) else fields_of(value, where)
    only(given, ("name", "arguments", "id"), where)
    name = text_field(given, "name", where)
    if not name:
        raise ScriptError(f"{where}.name: expected the name of the tool that is called")
    arguments: Any = given.get("arguments", {})
    if isinstance(arguments, list):
        tokens = _said(arguments, f"{where}.arguments")
    elif isinstance(arguments, str):
        tokens = json_tokens(as_text(arguments, f"{where}.arguments", LONGEST_TEXT))
    else:
        tokens = json_tokens(json_text(fields_of(arguments, f"{where}.arguments"), f"{where}.arguments"))
    return ToolCall(name, tokens, text_field(given, "id", where), **waits)


def _error(value: Any, where: str, document: Mapping[str, Any], waits: Any) -> Part:
    given = {"message": value} if isinstance(value, str) else fields_of(value, where)
    only(given, ("status", "type", "code", "message", "param", "retry-after"), where)
    status = None if "status" not in given else whole(given["status"], f"{where}.status", 400, 599)
    retry_after = None
    if "retry-after" in given:
        try:
            retry_after = parse_duration(str(given["retry-after"]))
        except ValueError as error:
            raise ScriptError(f"{where}.retry-after: {error}") from None
    texts: dict[str, Any] = {key: text_field(given, key, where) for key in ("type", "code", "message", "param")}
    return Error(status, **texts, retry_after=retry_after, **waits)


def _usage(value: Any, where: str, document: Mapping[str, Any], waits: Any) -> Part:
    given = fields_of(value, where)
    only(given, ("input", "output", "cached", "cache-write", "reasoning"), where)
    figures: dict[str, Any] = {key: whole(each, f"{where}.{key}", 0, 2**53) for key, each in given.items()}
    return Usage(**{key.replace("-", "_"): figure for key, figure in figures.items()}, **waits)


def _finish(value: Any, where: str, document: Mapping[str, Any], waits: Any) -> Part:
    given = {"reason": value} if isinstance(value, str) else fields_of(value, where)
    only(given, ("reason", "stop-sequence"), where)
    stop = text_field(given, "stop-sequence", where)
    reason = text_field(given, "reason", where) or ("stop" if stop is not None else "")
    if not reason or len(reason) > 100:
        raise ScriptError(f"{where}: expected the reason, such as stop, length or content_filter")
    return Finish(reason, stop, **waits)


def _raw(value: Any, where: str, document: Mapping[str, Any], waits: Any) -> Part:
    if isinstance(value, str):
        return Raw(as_text(value, where, LONGEST_TEXT).encode("utf-8", "surrogatepass"), **waits)
    given = fields_of(value, where)
    if "base64" in given:
        only(given, ("base64",), where)
        return Raw(from_base64(given["base64"], f"{where}.base64"), **waits)
    return Raw(event_bytes(given, where), **waits)


def json_text(value: Any, where: str) -> str:
    """`value` as compact JSON. Raises ScriptError."""
    try:
        text = orjson.dumps(value).decode()
    except TypeError as error:
        raise ScriptError(f"{where}: expected a JSON value: {error}") from None
    return as_text(text, where, LONGEST_TEXT)


def from_base64(value: Any, where: str) -> bytes:
    """The bytes that `value` stands for. Raises ScriptError."""
    try:
        return b64decode(value, validate=True)
    except (TypeError, ValueError):
        raise ScriptError(f"{where}: expected base64, not {quoted(value)}") from None


_KINDS: Mapping[str, Callable[[Any, str, Mapping[str, Any], Any], Part]] = {
    "text": _text,
    "reasoning": _reasoning,
    "tool": _tool,
    "refusal": _refusal,
    "error": _error,
    "usage": _usage,
    "finish": _finish,
    "raw": _raw,
}
