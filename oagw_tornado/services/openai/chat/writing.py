"""Parts as a chat completion: one JSON object, or chunks of which everything but the token is rendered once per stream.

Two profiles. ``prototype`` has few fields, each delta a word followed by a space, and the role beside the first
one. ``openai`` has the real service's fields in its order, a first chunk with the role, and the space before a word.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, NamedTuple

import orjson

from oagw_tornado.reply.conversation import Conversation
from oagw_tornado.reply.parts import (
    Error,
    Part,
    Parts,
    Raw,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    finish_reason,
)
from oagw_tornado.reply.passages import Passage, frames_of
from oagw_tornado.reply.problem import error_chunk
from oagw_tornado.reply.reply import EVENT_STREAM, Reply
from oagw_tornado.reply.tokens import as_json
from oagw_tornado.services.context import Context
from oagw_tornado.services.openai.chat.document import call_id, completion, logprob, usage
from oagw_tornado.services.openai.context import SIGN_OF_LIFE, SYSTEM_FINGERPRINT
from oagw_tornado.services.openai.continuous_usage import with_usage
from oagw_tornado.services.openai.errors import ERRORS
from oagw_tornado.services.openai.usage import service_tier

DONE = b"data: [DONE]\n\n"

#: Finish reasons in the terms of a chat; others are passed on unchanged.
_FINISH_REASONS = {
    "refusal": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "model_context_window_exceeded": "length",
}

_ROLE = b'"role":"assistant"'


def write(conversation: Conversation, parts: Parts, context: Context) -> Reply:
    """`parts` as a chat completion, streamed or whole as it was asked for."""
    finish = finish_reason(parts)
    reason = _FINISH_REASONS.get(finish.reason, finish.reason)
    if not conversation.stream:
        return completion(conversation, parts, reason, context)
    return streamed(conversation, parts, reason, context)


def beginning(context: Context) -> bytes:
    """What all chunks of one stream begin with, and those of no other."""
    return b'data: {"id":%b,"object":"chat.completion.chunk","created":%d' % (
        orjson.dumps(f"chatcmpl-{context.request_id}"),
        context.created,
    )


class Delta(NamedTuple):
    """A part within the braces of its deltas: what opens it, and what stands around each of its tokens."""

    opening: bytes
    before: bytes
    after: bytes
    tokens: Iterable[str]
    twin: bytes = b""
    """What stands between the token and the same token again; empty: it is said once."""


def streamed(conversation: Conversation, parts: Parts, reason: str, context: Context) -> Reply:
    """The completion token by token."""
    request = conversation.request
    head = b'%b,"model":%b,' % (beginning(context), orjson.dumps(conversation.model))
    if context.is_exact:
        head += b'"service_tier":"%b",' % service_tier(request.service_tier).encode()
    if context.is_exact or request.seed is not None:
        head += b'"system_fingerprint":"%b",' % SYSTEM_FINGERPRINT.encode()
    tail = b'}],"usage":null}\n\n' if request.includes_usage else b"}]}\n\n"
    no_logprobs = b',"logprobs":null' if context.is_exact or request.logprobs else b""
    goes_on = b"}" + no_logprobs + b',"finish_reason":null' + tail
    ends = b'}%b,"finish_reason":%b%b' % (no_logprobs, orjson.dumps(reason), tail)
    choices = [b'%b"choices":[{"index":%d,"delta":{' % (head, index) for index in range(request.n or 1)]

    opening = _opening(parts, choices, goes_on) if context.is_exact else ()
    role = b"" if opening or _speaks(parts) else _ROLE
    closing = [choice + role + ends for choice in choices]
    if request.includes_usage:
        counted = orjson.dumps(usage(conversation, parts, context))
        closing.append(b'%b"choices":[],"usage":%b}\n\n' % (head, counted))
    closing.append(DONE)

    passages: list[Passage] = []
    is_told, calls = bool(opening), 0  # whether the role was said
    for part in parts:
        if isinstance(part, Error):
            passages.append(Passage((error_chunk(part.problem(ERRORS), 0),), wait=part.after, is_silent=True))
            closing = []
            break
        if isinstance(part, Raw):
            passages.append(Passage((part.data,), wait=part.after, is_silent=True))
            continue
        deltas = [_delta(part, context, index, calls, is_told) for index in range(len(choices))]
        if deltas[0] is None:
            continue
        calls += isinstance(part, ToolCall)
        passages.append(_passage(part, deltas, choices, goes_on, tail, request, not is_told))
        is_told = is_told or _speaks((part,))
    passages = _in_a_row(passages)
    if request.continues_usage:
        passages = with_usage(passages, tail, b"}]", conversation.prompt_tokens, [parts] * len(choices), context)
    return Reply(headers=EVENT_STREAM, sign_of_life=SIGN_OF_LIFE, frames=frames_of(opening, passages, closing))


def _speaks(parts: Parts) -> bool:
    """Whether there is a delta that the role can stand in."""
    return any(isinstance(part, ToolCall) or part.tokens.count for part in parts)


def _opening(parts: Parts, choices: list[bytes], goes_on: bytes) -> tuple[bytes, ...]:
    """The chunks with the role, unless it stands beside the call of a tool that comes first."""
    first = next((part for part in parts if isinstance(part, (Text, Reasoning, Refusal, ToolCall))), None)
    if isinstance(first, ToolCall):
        return ()
    return tuple(choice + _ROLE + b',"content":"","refusal":null' + goes_on for choice in choices)


def _delta(part: Part, context: Context, index: int, number: int, is_told: bool) -> Delta | None:
    """The `number`-th call, or whatever else is said; None for a part that a chat has no word for."""
    per_event = context.tokens_per_event
    if isinstance(part, Text):
        tokens = part.said.tokens(per_event, space_after=not (context.is_exact or context.filler))
        return Delta(b"", b'"content":', b"", tokens)
    if isinstance(part, Refusal):
        return Delta(b"", b'"refusal":', b"", part.said.tokens(per_event))
    if isinstance(part, Reasoning):
        return None if part.redacted else _reasoning_delta(part, context)
    if not isinstance(part, ToolCall):
        return None
    kind, field = ("custom", "input") if part.is_custom else ("function", "arguments")
    call = {
        "index": number,
        "id": call_id(part, context, index, number),
        "type": kind,
        kind: {"name": part.name, field: ""},
    }
    # The real service says the role beside the first call, and no content, if nothing was said before it.
    role = b"" if is_told else _ROLE + b',"content":null,'
    before = b'"tool_calls":[{"index":%d,"%b":{"%b":' % (number, kind.encode(), field.encode())
    opening = b'%b"tool_calls":[%b]' % (role, orjson.dumps(call))
    return Delta(opening, before, b"}}]", part.arguments.tokens(per_event))


def _reasoning_delta(part: Reasoning, context: Context) -> Delta:
    tokens = part.thought.tokens(context.tokens_per_event)
    if context.reasoning_field == "both":
        return Delta(b"", b'"reasoning_content":', b"", tokens, b',"reasoning":')
    return Delta(b"", b'"%b":' % context.reasoning_field.encode(), b"", tokens)


def _passage(
    part: Part,
    deltas: list[Delta | None],
    choices: list[bytes],
    goes_on: bytes,
    tail: bytes,
    request: Any,
    says_role: bool,
) -> Passage:
    """One part of all choices."""
    delta = deltas[0]
    assert delta is not None
    opening = tuple(
        choice + each.opening + goes_on
        for choice, each in zip(choices, deltas, strict=True)
        if each is not None and each.opening
    )
    befores = [choice + delta.before for choice in choices]
    role = b"," + _ROLE if says_role and not delta.opening else b""
    is_silent = not part.tokens.count and bool(opening)
    if request.logprobs and isinstance(part, Text):
        contents = _with_logprobs(delta.tokens, befores, role, request.top_logprobs or 0, tail)
        return Passage(opening, contents, (), b"", b"", part.after, part.gap, is_silent)
    tokens = as_json(delta.tokens)
    if delta.twin:
        tokens = (token + delta.twin + token for token in tokens)
    if role:
        tokens = _with_role(tokens, role)
    if len(choices) > 1:
        contents = _for_each_choice(tokens, befores, delta.after + goes_on)
        return Passage(opening, contents, (), b"", b"", part.after, part.gap, is_silent)
    return Passage(opening, tokens, (), befores[0], delta.after + goes_on, part.after, part.gap, is_silent)


def _with_role(tokens: Iterator[bytes], role: bytes) -> Iterator[bytes]:
    """`tokens`, the role beside the first one: in a JSON object it may as well stand behind it."""
    first = next(tokens, None)
    return iter(()) if first is None else chain((first + role,), tokens)


def _for_each_choice(tokens: Iterable[bytes], befores: list[bytes], after: bytes) -> Iterator[bytes]:
    """One event for each token of each choice."""
    for token in tokens:
        for before in befores:
            yield before + token + after


def _with_logprobs(
    tokens: Iterable[str], befores: list[bytes], role: bytes, alternatives: int, tail: bytes
) -> Iterator[bytes]:
    for token in tokens:
        logprobs = orjson.dumps({"content": [logprob(token, alternatives)], "refusal": None})
        said = orjson.dumps(token) + role
        role = b""
        for before in befores:
            yield b'%b%b},"logprobs":%b,"finish_reason":null%b' % (before, said, logprobs, tail)


def _in_a_row(passages: list[Passage]) -> list[Passage]:
    """Passages that no wait of their own and no opening sets apart, made one: that is played on the short path."""
    if len(passages) < 2 or any(
        passage.opening or passage.is_silent or passage.wait is not None or passage.gap is not None
        for passage in passages
    ):
        return passages
    contents = chain.from_iterable(
        (passage.before + data + passage.after for data in passage.contents) for passage in passages
    )
    return [Passage(contents=contents)]
