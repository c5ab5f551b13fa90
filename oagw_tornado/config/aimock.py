"""Fixtures of aimock (https://github.com/CopilotKit/aimock) as rules. Anything without a counterpart is named."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from oagw_tornado.units.documents import quoted


class Converted(NamedTuple):
    """Rules, and a line for each thing that could not be turned into one."""

    rules: list[dict[str, Any]]
    left_out: list[str]


class _Unconvertible(ValueError):
    """A fixture, or a part of one, that has no counterpart."""


def convert_fixtures(document: Any) -> Converted:
    """The rules that say what the fixtures in `document` say. Raises ValueError if it holds none."""
    fixtures = document.get("fixtures") if isinstance(document, dict) else document
    if not isinstance(fixtures, list):
        raise ValueError('expected {"fixtures": [{"match": …, "response": …}, …]}')
    rules: list[dict[str, Any]] = []
    left_out: list[str] = []
    for number, fixture in enumerate(fixtures, 1):
        where = f"fixture {number}"
        try:
            rules.append(_rule(fixture, where, left_out))
        except _Unconvertible as error:
            left_out.append(f"{where}: {error}; it is left out")
    return Converted(rules, left_out)


def _rule(fixture: Any, where: str, left_out: list[str]) -> dict[str, Any]:
    if not isinstance(fixture, dict) or not isinstance(fixture.get("match"), dict):
        raise _Unconvertible(f"expected an object with match and response, not {quoted(fixture)}")
    match, when = _match(fixture["match"])
    rule: dict[str, Any] = {"match": match} if match else {}
    if when:
        rule["when"] = when
    response = fixture.get("response")
    if not isinstance(response, dict):
        raise _Unconvertible("its response is not an object")
    rule["reply"] = _reply(response, where, left_out)
    for key, value in fixture.items():
        if key in ("match", "response", "metadata", "_comment"):
            continue
        knobs = _KNOBS.get(key)
        if knobs is None:
            left_out.append(f"{where}: {key} has no counterpart")
        else:
            rule |= knobs(value)
    return rule


def _match(given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the rule looks at, and at which of the requests that fit it applies."""
    match: dict[str, Any] = {}
    when: dict[str, Any] = {}
    has_result = given.get("hasToolResult")
    results = "*"
    for key, value in given.items():
        if key in ("userMessage", "inputText"):
            # Where a result came last, it is not the user's message that is last.
            match["any-message" if has_result else "last-message"] = _holding(key, value)
        elif key == "systemMessage":
            match["system"] = _holding(key, value)
        elif key == "toolResultContains":
            results = _holding(key, value)
        elif key == "toolName":
            match["tool"] = _text(key, value)
        elif key == "model":
            match["model"] = _text(key, value)
        elif key == "responseFormat":
            match["response-format"] = _text(key, value)
        elif key == "turnIndex" and isinstance(value, int):
            match["turn"] = value + 1
        elif key == "sequenceIndex" and isinstance(value, int):
            when = {"after": value, "first": 1}
        elif key == "toolCallId" or (key == "hasToolResult" and value in (True, False)):
            continue
        elif key != "endpoint" or value != "chat":
            raise _Unconvertible(f"match.{key} has no counterpart")
    if "toolCallId" in given:
        match["tool-result"] = {_text("toolCallId", given["toolCallId"]): results}
    elif has_result or results != "*":
        match["tool-result"] = {"*": results}
    return match, when


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise _Unconvertible(f"match.{key} is not a text but {quoted(value)}")
    return re.sub(r"([*?\[])", r"[\1]", value)


def _holding(key: str, value: Any) -> str:
    """A glob that fits what holds `value`."""
    if isinstance(value, list) and len(value) == 1:
        (value,) = value
    if isinstance(value, list):
        raise _Unconvertible(f"match.{key} wants several texts at once")
    return f"*{_text(key, value)}*"


def _reply(response: Mapping[str, Any], where: str, left_out: list[str]) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    if "error" in response:
        return [{"error": _error(response)}]
    parts += [{"reasoning": {"redacted": data}} for data in response.get("redactedThinking") or ()]
    if response.get("reasoning"):
        signature = response.get("reasoningSignature")
        parts.append({"reasoning": response["reasoning"], **({"signature": signature} if signature else {})})
    if response.get("blocks"):
        parts += [_block(block) for block in response["blocks"]]
    else:
        if isinstance(response.get("content"), str):
            parts.append({"text": response["content"]})
        elif "content" in response:
            parts.append({"text": _json(response["content"])})
        parts += [{"tool": _call(call)} for call in response.get("toolCalls") or ()]
    usage = _usage(response.get("usage") or {})
    if usage:
        parts.append({"usage": usage})
    if "finishReason" in response:
        parts.append({"finish": response["finishReason"]})
    if not parts:
        raise _Unconvertible(f"its response ({', '.join(response) or 'empty'}) is none of a language model")
    left_out += [f"{where}: response.{key} has no counterpart" for key in response if key not in _RESPONSE]
    return parts


def _error(response: Mapping[str, Any]) -> dict[str, Any]:
    given = response["error"] if isinstance(response["error"], dict) else {"message": str(response["error"])}
    error = {key: given[key] for key in ("type", "code", "message", "param") if isinstance(given.get(key), str)}
    return {"status": response.get("status", 500), **error}


def _block(block: Mapping[str, Any]) -> dict[str, Any]:
    return {"text": block["text"]} if block.get("type") == "text" else {"tool": _call(block)}


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    return {key: call[key] for key in ("name", "arguments", "id") if key in call}


def _json(value: Any) -> str:
    import json

    return json.dumps(value, separators=(",", ":"))


def _usage(given: Mapping[str, Any]) -> dict[str, int]:
    figures = {
        "input": given.get("prompt_tokens", given.get("input_tokens", given.get("promptTokenCount"))),
        "output": given.get("completion_tokens", given.get("output_tokens", given.get("candidatesTokenCount"))),
        "cached": (given.get("prompt_tokens_details") or {}).get("cached_tokens"),
        "reasoning": (given.get("completion_tokens_details") or {}).get("reasoning_tokens"),
    }
    return {key: figure for key, figure in figures.items() if isinstance(figure, int)}


def _profile(value: Any) -> dict[str, Any]:
    given = value if isinstance(value, dict) else {}
    knobs: dict[str, Any] = {}
    if isinstance(given.get("ttft"), (int, float)):
        knobs["time-to-first-token"] = f"{given['ttft']}ms"
    if isinstance(given.get("tps"), (int, float)) and given["tps"] > 0:
        knobs["tokens-per-second"] = given["tps"]
    return knobs


_KNOBS: Mapping[str, Callable[[Any], dict[str, Any]]] = {
    "latency": lambda value: {"inter-token-latency": f"{value}ms"},
    "streamingProfile": _profile,
    "truncateAfterChunks": lambda value: {"fault": f"truncate;at-event={value}"},
    "disconnectAfterMs": lambda value: {"fault": f"reset;after={value}ms"},
}

_RESPONSE = ("content", "reasoning", "reasoningSignature", "redactedThinking", "toolCalls", "blocks", "usage",
             "finishReason")  # fmt: skip
