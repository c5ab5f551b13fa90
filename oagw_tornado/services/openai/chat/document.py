"""A buffered chat completion, and what it shares with a streamed one: ids, usage, logprobs."""

from __future__ import annotations

from typing import Any

from oagw_tornado.reply.conversation import Conversation
from oagw_tornado.reply.parts import (
    Parts,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    of_kind,
    said_by,
    usage_of,
)
from oagw_tornado.reply.parts import Usage as UsagePart
from oagw_tornado.reply.reply import Reply, json_reply
from oagw_tornado.reply.tokens import words_of
from oagw_tornado.services.context import Context
from oagw_tornado.services.openai.completions.logprobs import prompt_logprobs
from oagw_tornado.services.openai.context import SYSTEM_FINGERPRINT
from oagw_tornado.services.openai.usage import FIXED, service_tier, usage_object


def completion(conversation: Conversation, parts: Parts, reason: str, context: Context) -> Reply:
    """The whole completion."""
    request = conversation.request
    payload: dict[str, Any] = {
        "id": f"chatcmpl-{context.request_id}",
        "object": "chat.completion",
        "created": context.created,
        "model": conversation.model,
        "choices": [_choice(conversation, parts, reason, context, index) for index in range(request.n or 1)],
        "usage": FIXED if _is_plain(request, parts, context) else usage(conversation, parts, context),
    }
    if context.is_exact:
        payload["service_tier"] = service_tier(request.service_tier)
    if context.is_exact or request.seed is not None:
        payload["system_fingerprint"] = SYSTEM_FINGERPRINT
    if request.prompt_logprobs is not None:
        tokens = [token for text in conversation.texts for token in words_of(text).tokens()]
        payload["prompt_logprobs"] = prompt_logprobs(tokens, request.prompt_logprobs)
    return json_reply(payload)


def _choice(conversation: Conversation, parts: Parts, reason: str, context: Context, index: int) -> dict[str, Any]:
    request = conversation.request
    calls = of_kind(parts, ToolCall)
    texts = of_kind(parts, Text)
    refusal = said_by(parts, Refusal) or None
    text = said_by(texts, Text)
    message: dict[str, Any] = {"role": "assistant", "content": text if texts or not (calls or refusal) else None}
    if context.is_exact:
        message["refusal"] = refusal
        message["annotations"] = []
    elif refusal is not None:
        message["refusal"] = refusal
    thoughts = [part for part in of_kind(parts, Reasoning) if not part.redacted]
    for field in reasoning_fields(context) if thoughts else ():
        message[field] = said_by(thoughts, Reasoning)
    if calls:
        message["tool_calls"] = [_call(part, context, index, number) for number, part in enumerate(calls)]
    choice: dict[str, Any] = {"index": index, "message": message}
    if request.logprobs:
        tokens = [token for part in texts for token in part.said.tokens()]
        choice["logprobs"] = {"content": [logprob(t, request.top_logprobs or 0) for t in tokens], "refusal": None}
    elif context.is_exact:
        choice["logprobs"] = None
    choice["finish_reason"] = reason
    return choice


def reasoning_fields(context: Context) -> tuple[str, ...]:
    """What the field is called that says what the model thought."""
    return ("reasoning_content", "reasoning") if context.reasoning_field == "both" else (context.reasoning_field,)


def _call(part: ToolCall, context: Context, index: int, number: int) -> dict[str, Any]:
    kind, field = ("custom", "input") if part.is_custom else ("function", "arguments")
    id = call_id(part, context, index, number)
    return {"id": id, "type": kind, kind: {"name": part.name, field: part.arguments.text()}}


def call_id(part: ToolCall, context: Context, index: int, number: int) -> str:
    """The id of the `number`-th call in the choice `index`."""
    if part.id is not None:
        return part.id
    return f"call_{context.request_id}" + (f"_{index}" if index else "") + (f"-{number}" if number else "")


def _is_plain(request: Any, parts: Parts, context: Context) -> bool:
    """Whether nothing is asked for that the prototype did not know: then the usage is what it always said."""
    return (
        not context.is_exact
        and not context.is_scripted
        and context.output_tokens is None
        and not context.filler
        and request.ignore_eos is None
        and request.min_tokens is None
        and request.tools is None
        and request.n is None
        and request.max_tokens is None
        and request.max_completion_tokens is None
        and request.stop is None
        and request.response_format is None
        and not any(isinstance(part, UsagePart) for part in parts)
    )


def usage(conversation: Conversation, parts: Parts, context: Context) -> dict[str, Any]:
    """The usage of all choices."""
    counted = usage_of(parts, conversation.prompt_tokens)
    return usage_object(counted, context.is_exact, conversation.request.n or 1)


#: Characters of a token up to which its bytes are listed: no real token is longer.
LONGEST_IN_BYTES = 1000


def logprob(token: str, alternatives: int) -> dict[str, Any]:
    """The model is nearly certain of what it says; what it might have said instead is less likely one by one."""
    numbers = list(token.encode()) if len(token) <= LONGEST_IN_BYTES else None
    said: dict[str, Any] = {"token": token, "logprob": -0.01, "bytes": numbers}
    others = [{"token": f" {i}", "logprob": -5.0 - i, "bytes": list(f" {i}".encode())} for i in range(1, alternatives)]
    return {**said, "top_logprobs": [said, *others] if alternatives else []}
