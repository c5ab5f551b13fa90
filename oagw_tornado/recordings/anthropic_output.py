"""A model's output in Anthropic's dialect: events and documents of messages."""

from __future__ import annotations

from typing import Any

import orjson

from oagw_tornado.recordings.model_output import ModelOutput
from oagw_tornado.recordings.openai_output import openai_error
from oagw_tornado.reply.sse import Event
from oagw_tornado.units.documents import DocumentError, read_json


def anthropic_stream(said: ModelOutput, at: int, event: Event) -> None:
    """One event of a message."""
    try:
        document = read_json(event.data.encode())
    except DocumentError:
        return
    if not isinstance(document, dict):
        return
    kind, place = document.get("type"), document.get("index")
    if kind == "message_start":
        _count(said, (document.get("message") or {}).get("usage"))
    elif kind == "content_block_start":
        _begin(said, at, document.get("content_block") or {}, place)
    elif kind == "content_block_delta":
        _go_on(said, at, document.get("delta") or {}, place)
    elif kind == "message_delta":
        delta = document.get("delta") or {}
        said.finish(delta.get("stop_reason"), delta.get("stop_sequence"))
        _count(said, document.get("usage"))
    elif kind == "error":
        said.add_error(openai_error(document))


def anthropic_message(said: ModelOutput, at: int, document: dict[str, Any]) -> None:
    """A message that was sent whole."""
    for place, block in enumerate(document.get("content") or ()):
        if isinstance(block, dict):
            _begin(said, at, block, place)
            arguments = block.get("input")
            if block.get("type") == "tool_use" and isinstance(arguments, dict):
                said.add("tool", orjson.dumps(arguments).decode(), at, place)
    said.finish(document.get("stop_reason"), document.get("stop_sequence"))
    _count(said, document.get("usage"))


def _begin(said: ModelOutput, at: int, block: dict[str, Any], place: Any) -> None:
    kind = block.get("type")
    if kind == "tool_use":
        said.begin("tool", place, at, name=block.get("name"), id=block.get("id"))
    elif kind == "redacted_thinking":
        said.begin("reasoning", place, at, redacted=block.get("data"))
    elif kind == "thinking":
        said.begin("reasoning", place, at, signature=block.get("signature") or None)
        said.add("reasoning", block.get("thinking"), at, place)
    elif kind == "text":
        said.add("text", block.get("text"), at, place)
    else:
        said.leave_out(f"a block of the type {kind}"[:80])


def _go_on(said: ModelOutput, at: int, delta: dict[str, Any], place: Any) -> None:
    said.add("text", delta.get("text"), at, place)
    said.add("reasoning", delta.get("thinking"), at, place)
    said.add("tool", delta.get("partial_json"), at, place)
    if isinstance(delta.get("signature"), str):
        said.begin("reasoning", place, at, signature=delta["signature"])
    if delta.get("type") == "citations_delta":
        said.leave_out("citations")


def _count(said: ModelOutput, usage: Any) -> None:
    if not isinstance(usage, dict):
        return
    cached, written = usage.get("cache_read_input_tokens") or 0, usage.get("cache_creation_input_tokens") or 0
    given = usage.get("input_tokens")
    said.count(
        input=given + cached + written if type(given) is int else None,
        output=usage.get("output_tokens"),
        cached=cached or None,
        **({"cache-write": written} if written else {}),
    )
