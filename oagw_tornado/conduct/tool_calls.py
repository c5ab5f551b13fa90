"""Tool results in the body of a request, and the calls that they answer, in the dialects of OpenAI and Anthropic."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from oagw_tornado.units.documents import DocumentError, read_json

#: What a body has that tells of a result: one without it need not be read.
_SIGNS = (b"tool_call_id", b'"tool"', b"function_call_output", b"custom_tool_call_output", b"tool_result")
#: Results of one request that are named.
MOST_IDS = 20


def unknown_results(body: bytes) -> tuple[str, ...]:
    """The ids of results for which the body has no call before them; ``""`` for a result without an id.

    >>> unknown_results(b'{"messages": [{"role": "tool", "tool_call_id": "call_1", "content": "4"}]}')
    ('call_1',)
    """
    if not any(sign in body for sign in _SIGNS):
        return ()
    try:
        document = read_json(body)
    except DocumentError:
        return ()
    if not isinstance(document, dict):
        return ()
    # The server stores the earlier messages: their calls are not in this body.
    if document.get("previous_response_id") or document.get("conversation"):
        return ()
    called: set[str] = set()
    unknown: list[str] = []
    for is_call, id in _calls_and_results(document):
        if is_call:
            called.add(id)
        elif id not in called:
            unknown.append(id)
    return tuple(unknown[:MOST_IDS])


def _calls_and_results(document: dict[str, Any]) -> Iterator[tuple[bool, str]]:
    """Whether it is a call, and its id, in their order."""
    for message in _objects(document.get("messages")):
        if message.get("role") == "tool":
            yield False, _id(message, "tool_call_id")
        for call in _objects(message.get("tool_calls")):
            yield True, _id(call, "id")
        for block in _objects(message.get("content")):
            if block.get("type") in ("tool_use", "server_tool_use", "mcp_tool_use"):
                yield True, _id(block, "id")
            elif block.get("type") == "tool_result":
                yield False, _id(block, "tool_use_id")
    for item in _objects(document.get("input")):
        if item.get("type") in ("function_call", "custom_tool_call"):
            yield True, _id(item, "call_id")
        elif item.get("type") in ("function_call_output", "custom_tool_call_output"):
            yield False, _id(item, "call_id")


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    return (item for item in value if isinstance(item, dict)) if isinstance(value, list) else iter(())


def _id(holder: dict[str, Any], name: str) -> str:
    id = holder.get(name)
    return id if isinstance(id, str) else ""
