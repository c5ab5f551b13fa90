"""Parts as a message: one JSON object, or the run of named events that builds it up.

The order of the events, https://docs.anthropic.com/en/docs/build-with-claude/streaming: ``message_start``; for each
content block its start, deltas and its stop; ``message_delta`` with the reason and the usage; ``message_stop``. A
``ping`` comes behind the start of the first block.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import orjson

from oagw_tornado.reply.conversation import Conversation
from oagw_tornado.reply.parts import (
    Error,
    Finish,
    Part,
    Parts,
    Raw,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    Usage,
    finish_reason,
    usage_of,
)
from oagw_tornado.reply.passages import Passage, frames_of
from oagw_tornado.reply.reply import EVENT_STREAM, Reply, json_reply
from oagw_tornado.reply.schedule import Frame
from oagw_tornado.reply.tokens import as_json
from oagw_tornado.services.anthropic.errors import ERRORS, error_writer
from oagw_tornado.services.anthropic.signatures import signature_of
from oagw_tornado.services.context import Context
from oagw_tornado.units.documents import write_json

PING = b'event: ping\ndata: {"type":"ping"}\n\n'

_DELTA = b'event: content_block_delta\ndata: {"type":"content_block_delta",'

_STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}


class Block(NamedTuple):
    """One content block: texts in a row are one."""

    number: int
    parts: tuple[Part, ...]


def write(conversation: Conversation, parts: Parts, context: Context) -> Reply:
    """`parts` as a message, streamed or whole as it was asked for."""
    if not conversation.stream:
        return json_reply(_message(conversation, parts, context, whole=True))
    write_error = error_writer(f"req_{context.request_id}")
    return Reply(
        headers=EVENT_STREAM,
        frames=_frames(conversation, parts, context),
        error_event=write_error,
        sign_of_life=PING,
    )


def _message(conversation: Conversation, parts: Parts, context: Context, *, whole: bool) -> dict[str, Any]:
    """The message: whole, or as it is announced, with nothing in it."""
    finish = finish_reason(parts)
    usage = usage_of(parts, conversation.prompt_tokens)
    blocks = _blocks(parts) if whole else []
    return {
        "id": f"msg_{context.request_id}",
        "type": "message",
        "role": "assistant",
        "model": conversation.model,
        "content": [_block(block, context, finish, whole=True) for block in blocks],
        "stop_reason": _stop_reason(finish) if whole else None,
        "stop_sequence": finish.stop if whole else None,
        "usage": _usage(usage, whole=whole),
    }


def _usage(usage: Usage, *, whole: bool) -> dict[str, Any]:
    """The tokens of the prompt are told apart: those read from the cache, those written to it, and the rest."""
    cached, written = usage.cached or 0, usage.cache_write or 0
    return {
        "input_tokens": max((usage.input or 0) - cached - written, 0),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": cached,
        "output_tokens": usage.output if whole else 1,
        "service_tier": "standard",
    }


def _stop_reason(finish: Finish) -> str:
    return "stop_sequence" if finish.stop is not None else _STOP_REASONS.get(finish.reason, finish.reason)


def _blocks(parts: Parts) -> list[Block]:
    blocks: list[Block] = []
    for part in parts:
        if not isinstance(part, (Text, Refusal, Reasoning, ToolCall)):
            continue
        if isinstance(part, (Text, Refusal)) and blocks and isinstance(blocks[-1].parts[0], (Text, Refusal)):
            blocks[-1] = blocks[-1]._replace(parts=(*blocks[-1].parts, part))
        else:
            blocks.append(Block(len(blocks), (part,)))
    return blocks


def _block(block: Block, context: Context, finish: Finish, *, whole: bool) -> dict[str, Any]:
    """A content block: whole, or as it is announced, with nothing in it."""
    part = block.parts[0]
    if isinstance(part, ToolCall):
        id = part.id or f"toolu_{context.request_id}" + (f"_{block.number}" if block.number else "")
        return {"type": "tool_use", "id": id, "name": part.name, "input": _input(part, finish) if whole else {}}
    text = "".join(each.tokens.text() for each in block.parts)
    if isinstance(part, Reasoning):
        if part.redacted:
            return {"type": "redacted_thinking", "data": text}
        signature = part.signature or signature_of(text)
        return {"type": "thinking", "thinking": text if whole else "", "signature": signature if whole else ""}
    return {"type": "text", "text": text if whole else ""}


def _input(part: ToolCall, finish: Finish) -> Any:
    """The arguments as a value. What is no JSON is the text as it is, but for what the limit cut off: nothing."""
    text = part.arguments.text()
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return {} if finish.reason == "length" or not text else text


def _event(name: str, fields: dict[str, Any]) -> bytes:
    data = write_json({"type": name, **fields})
    return b"event: %b\ndata: %b\n\n" % (name.encode(), data)


def _frames(conversation: Conversation, parts: Parts, context: Context) -> Iterable[Frame]:
    finish = finish_reason(parts)
    start = _event("message_start", {"message": _message(conversation, parts, context, whole=False)})
    usage = usage_of(parts, conversation.prompt_tokens)
    delta = {"stop_reason": _stop_reason(finish), "stop_sequence": finish.stop}
    closing: tuple[bytes, ...] = (
        _event("message_delta", {"delta": delta, "usage": {"output_tokens": usage.output}}),
        _event("message_stop", {}),
    )
    blocks = {id(part): block for block in _blocks(parts) for part in block.parts}
    passages: list[Passage] = []
    for part in parts:
        if isinstance(part, Error):
            passages.append(Passage((_error(part, context),), wait=part.after, is_silent=True))
            closing = ()
            break
        if isinstance(part, Raw):
            passages.append(Passage((part.data,), wait=part.after, is_silent=True))
        elif id(part) in blocks:
            passages.append(_passage(part, blocks[id(part)], context, finish))
    if not passages or passages[0].wait is not None:
        return frames_of((start, PING), passages, closing)
    # The first block is begun at once, and then comes the ping: after that the service thinks.
    first = passages[0]
    return frames_of((start, *first.opening, PING), [first._replace(opening=()), *passages[1:]], closing)


def _passage(part: Part, block: Block, context: Context, finish: Finish) -> Passage:
    """One part, with the start of its block if it is the block's first, and the stop if it is the last."""
    opening: tuple[bytes, ...] = ()
    if part is block.parts[0]:
        announced = _block(block, context, finish, whole=False)
        opening = (_event("content_block_start", {"index": block.number, "content_block": announced}),)
    # All of a delta but the token is rendered once.
    kind, field = _delta_of(part)
    before = (
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":"%b","%b":'
        % (
            block.number,
            kind,
            field,
        )
    )
    closing: tuple[bytes, ...] = ()
    if part is block.parts[-1]:
        closing = (_event("content_block_stop", {"index": block.number}),)
    is_silent = not part.tokens.count and not isinstance(part, (Text, Refusal))
    if isinstance(part, Reasoning):
        if part.redacted:
            return Passage(opening, (), closing, wait=part.after, is_silent=True)
        signature = part.signature or signature_of(part.thought.text())
        signed = {"index": block.number, "delta": {"type": "signature_delta", "signature": signature}}
        closing = (_event("content_block_delta", signed), *closing)
    contents = as_json(part.tokens.tokens(context.tokens_per_event))
    return Passage(opening, contents, closing, before, b"}}\n\n", part.after, part.gap, is_silent)


def _error(error: Error, context: Context) -> bytes:
    return error_writer(f"req_{context.request_id}")(error.problem(ERRORS), 0)


def _delta_of(part: Part) -> tuple[bytes, bytes]:
    if isinstance(part, ToolCall):
        return b"input_json_delta", b"partial_json"
    if isinstance(part, Reasoning):
        return b"thinking_delta", b"thinking"
    return b"text_delta", b"text"
