"""A response as a JSON object, and the items of its output."""

from __future__ import annotations

from base64 import b64encode
from typing import Any, NamedTuple

from oagw_tornado.reply.conversation import Conversation
from oagw_tornado.reply.parts import Finish, Part, Parts, Reasoning, Refusal, Text, ToolCall, usage_of
from oagw_tornado.services.context import Context
from oagw_tornado.services.openai.responses.echo import settings
from oagw_tornado.services.openai.responses.requests import ResponseRequest

#: Why a response is incomplete, for the reasons that do not leave it complete.
_INCOMPLETE = {
    "length": "max_output_tokens",
    "content_filter": "content_filter",
    "model_context_window_exceeded": "max_output_tokens",
}
_COMPLETE = ("stop", "tool_calls", "refusal", "stop_sequence", "pause_turn", "function_call")

ENCRYPTED = "reasoning.encrypted_content"


class Item(NamedTuple):
    """One item of the output: its place, and the parts that it says."""

    number: int
    id: str
    parts: tuple[Part, ...]

    @property
    def kind(self) -> str:
        """What the events of its deltas are called, without the end."""
        part = self.parts[0]
        if isinstance(part, ToolCall):
            return "response.custom_tool_call_input" if part.is_custom else "response.function_call_arguments"
        if isinstance(part, Reasoning):
            return "response.reasoning_summary_text"
        return kind_of(part)


def kind_of(part: Part) -> str:
    """What the events of the deltas of a message's part are called, without the end."""
    return "response.refusal" if isinstance(part, Refusal) else "response.output_text"


def items_of(parts: Parts, context: Context) -> list[Item]:
    """The output: texts and refusals in a row are the parts of one message."""
    items: list[Item] = []
    for part in parts:
        if not isinstance(part, (Text, Refusal, Reasoning, ToolCall)):
            continue
        if isinstance(part, (Text, Refusal)) and items and isinstance(items[-1].parts[0], (Text, Refusal)):
            items[-1] = items[-1]._replace(parts=(*items[-1].parts, part))
        else:
            items.append(Item(len(items), _item_id(part, context, len(items)), (part,)))
    return items


def _item_id(part: Part, context: Context, index: int) -> str:
    prefix = "msg"
    if isinstance(part, Reasoning):
        prefix = "rs"
    elif isinstance(part, ToolCall):
        prefix = "ctc" if part.is_custom else "fc"
    return f"{prefix}_{context.request_id}" + (f"_{index}" if index else "")


def content_parts(item: Item) -> list[tuple[type[Part], list[Part]]]:
    """The content of a message: texts in a row are one part of it, and so are refusals."""
    content: list[tuple[type[Part], list[Part]]] = []
    for part in item.parts:
        if content and content[-1][0] is type(part):
            content[-1][1].append(part)
        else:
            content.append((type(part), [part]))
    return content


def content_object(kind: type[Part], text: str) -> dict[str, Any]:
    """One part of a message's content."""
    if kind is Refusal:
        return {"type": "refusal", "refusal": text}
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}


def item_object(item: Item, context: Context, request: ResponseRequest, status: str, *, whole: bool) -> dict[str, Any]:
    """One item of the output: whole, or as it is announced, with nothing in it."""
    part = item.parts[0]
    if isinstance(part, ToolCall):
        kind, field = ("custom_tool_call", "input") if part.is_custom else ("function_call", "arguments")
        text = part.arguments.text() if whole else ""
        call_id = part.id or f"call_{context.request_id}" + (f"_{item.number}" if item.number else "")
        return {"id": item.id, "type": kind, "status": status, field: text, "call_id": call_id, "name": part.name}
    if isinstance(part, Reasoning):
        text = part.thought.text()
        summary = [{"type": "summary_text", "text": text}] if whole and text and not part.redacted else []
        thought: dict[str, Any] = {"id": item.id, "type": "reasoning", "summary": summary}
        if whole and ENCRYPTED in (request.include or ()):
            thought["encrypted_content"] = part.signature or b64encode(text.encode()).decode()
        return thought
    content = [content_object(kind, _text(said)) for kind, said in content_parts(item)] if whole else []
    return {"id": item.id, "type": "message", "status": status, "content": content, "role": "assistant"}


def _text(parts: list[Part]) -> str:
    return "".join(part.tokens.text() for part in parts)


def status_of(finish: Finish) -> tuple[str, str | None]:
    """The status at the end, and why it is incomplete if it is."""
    reason = _INCOMPLETE.get(finish.reason)
    if reason is not None:
        return "incomplete", reason
    return ("completed", None) if finish.reason in _COMPLETE else ("incomplete", finish.reason)


def response_object(
    conversation: Conversation,
    parts: Parts,
    context: Context,
    status: str,
    output: list[dict[str, Any]],
    incomplete: str | None = None,
    error: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The response as it is in this `status`."""
    request: ResponseRequest = conversation.request
    return {
        "id": f"resp_{context.request_id}",
        "object": "response",
        "created_at": context.created,
        "status": status,
        "error": error,
        "incomplete_details": {"reason": incomplete} if incomplete is not None else None,
        "model": conversation.model,
        "output": output,
        **settings(request),
        "usage": None if status in ("in_progress", "failed") else _usage(conversation, parts),
    }


def _usage(conversation: Conversation, parts: Parts) -> dict[str, Any]:
    counted = usage_of(parts, conversation.prompt_tokens)
    return {
        "input_tokens": counted.input,
        "input_tokens_details": {"cached_tokens": counted.cached, "cache_write_tokens": counted.cache_write},
        "output_tokens": counted.output,
        "output_tokens_details": {"reasoning_tokens": counted.reasoning},
        "total_tokens": (counted.input or 0) + (counted.output or 0),
    }
