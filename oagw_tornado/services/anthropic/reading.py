"""Reads a message request as a conversation, or refuses it with the API's error."""

from __future__ import annotations

from typing import Literal

from oagw_tornado.reply.conversation import Call, Conversation, Message, OfferedTool, ResponseFormat, Result
from oagw_tornado.services.anthropic import requests
from oagw_tornado.services.anthropic.errors import MOST_MESSAGES, InvalidRequest, context_too_long, too_many_messages
from oagw_tornado.services.anthropic.errors import read as read_body
from oagw_tornado.services.anthropic.requests import Block, MessagesRequest, text_of
from oagw_tornado.services.anthropic.signatures import is_signature_of
from oagw_tornado.services.canned import json_text
from oagw_tornado.services.context import Context
from oagw_tornado.services.dialect import in_context

#: Tools of one request, and stop sequences.
MOST_TOOLS = 1000


def read(body: bytes, context: Context) -> Conversation:
    """The conversation in the body of a request. Raises InvalidRequest."""
    request = read_body(body, MessagesRequest)
    blocks = 0
    for content in (request.system, *(message.content for message in request.messages)):
        if isinstance(content, list):
            results = (block.content for block in content if isinstance(block.content, list))
            blocks += len(content) + sum(map(len, results))
    if max(len(request.messages), blocks) > MOST_MESSAGES:
        raise too_many_messages()
    for field, given in (("tools", request.tools), ("stop_sequences", request.stop_sequences)):
        if len(given or ()) > MOST_TOOLS:
            raise InvalidRequest(f"{field}: List should have at most {MOST_TOOLS} items")
    _check_signatures(request.messages)
    tools = tuple(
        OfferedTool(tool.name, tool.input_schema) for tool in request.tools or () if tool.input_schema is not None
    )
    choice, callable = _choice(request, tools)
    wanted = (request.output_config.format if request.output_config is not None else None) or request.output_format
    conversation = Conversation(
        dialect="anthropic",
        model=request.model,
        messages=_messages(request.messages),
        texts=tuple(request.texts()),
        system=text_of(request.system),
        tools=tools,
        callable=callable,
        tool_choice=choice,
        response_format=_format(wanted),
        stream=bool(request.stream),
        limit=request.max_tokens,
        stop=tuple(request.stop_sequences or ()),
        other_tokens=request.other_tokens,
        ignore_eos=bool(request.ignore_eos),
        min_tokens=request.min_tokens or 0,
        request=request,
    )
    return in_context(conversation, context, context_too_long)


def _format(wanted: requests.Format | None) -> ResponseFormat:
    if wanted is None or wanted.type != "json_schema":
        return ResponseFormat()
    return ResponseFormat("json_schema", "", wanted.schema or {})


def _messages(given: list[requests.Message]) -> tuple[Message, ...]:
    """The messages, the results of tools with the names that their calls had."""
    names: dict[str, str] = {}
    messages: list[Message] = []
    for message in given:
        blocks = message.content if isinstance(message.content, list) else []
        calls = tuple(
            Call(block.id or "", block.name or "", json_text(block.input))
            for block in blocks
            if block.type == "tool_use"
        )
        names.update((call.id, call.name) for call in calls)
        results = tuple(
            Result(block.tool_use_id or "", names.get(block.tool_use_id or "", ""), block.own_text)
            for block in blocks
            if block.type == "tool_result"
        )
        images = tuple(size for block in blocks if (size := block.image_size) is not None)
        messages.append(Message(message.role, text_of(message.content), calls, results, images))
    return tuple(messages)


def _check_signatures(messages: list[requests.Message]) -> None:
    """What the model thought comes back as it was given, with its signature."""
    for number, message in enumerate(messages):
        blocks = message.content if isinstance(message.content, list) else []
        for place, block in enumerate(blocks):
            if block.type == "thinking" and message.role == "assistant":
                _check_signature(block, f"messages.{number}.content.{place}")


def _check_signature(block: Block, where: str) -> None:
    if block.signature is None:
        raise InvalidRequest(f"{where}.thinking.signature: Field required")
    if not is_signature_of(block.signature, block.thinking or ""):
        raise InvalidRequest(f"{where}: Invalid `signature` in `thinking` block")


def _choice(
    request: MessagesRequest, tools: tuple[OfferedTool, ...]
) -> tuple[Literal["auto", "none", "required"], tuple[str, ...] | None]:
    """Whether a tool is to be called, and which of them may be."""
    choice = request.tool_choice
    if choice is None or choice.type == "auto":
        return "auto", None
    if choice.type == "none":
        return "none", None
    if choice.type == "any":
        return "required", None
    if all(tool.name != choice.name for tool in tools):
        raise InvalidRequest(f"tool_choice: tool '{choice.name}' not found in provided tools")
    return "required", (choice.name or "",)
