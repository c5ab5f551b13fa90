"""Messages: which answer a request gets, and how it is written, whole or as the run of named events that builds it up.

The order of the events, https://docs.anthropic.com/en/docs/build-with-claude/streaming: ``message_start``; the start
of the one content block; ``ping``; deltas; the block's stop; ``message_delta`` with the reason and the usage;
``message_stop``.
"""

from __future__ import annotations

from typing import Any

import orjson

from oagw_tornado.reply.reply import EVENT_STREAM, Reply, json_reply
from oagw_tornado.reply.schedule import Stream
from oagw_tornado.services import language_model as model
from oagw_tornado.services.anthropic.errors import InvalidRequest, error_writer, read
from oagw_tornado.services.anthropic.requests import CountRequest, MessagesRequest, text_of
from oagw_tornado.services.json_instance import instance_of
from oagw_tornado.services.language_model import Answer, as_json
from oagw_tornado.services.pattern_text import UnsupportedSchema

PING = b'event: ping\ndata: {"type":"ping"}\n\n'

_STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool": "tool_use"}


def message_reply(body: bytes, id: str, output_tokens: int | None = None, tokens_per_event: int = 1) -> Reply:
    """The reply to the body of a request; `id` is the part of the ids that is this request's own.

    Raises InvalidRequest.
    """
    request = read(body, MessagesRequest)
    answer = _answer(request, output_tokens)
    if request.stream:
        return Reply(
            headers=EVENT_STREAM,
            frames=_stream(request, answer, id, tokens_per_event),
            error_event=error_writer(f"req_{id}"),
        )
    if answer.size > model.MOST_BUFFERED:
        raise InvalidRequest("stream: so long a message can only be streamed")
    return json_reply(_message(request, answer, id, whole=True))


def count_reply(body: bytes) -> Reply:
    """The reply to a request to count the tokens of a prompt. Raises InvalidRequest."""
    return json_reply({"input_tokens": model.count_tokens(read(body, CountRequest).texts())})


def _answer(request: MessagesRequest, output_tokens: int | None) -> Answer:
    limit = request.max_tokens
    tool = _called_tool(request)
    wanted = request.output_config.format if request.output_config is not None else None
    try:
        if tool is not None:
            return model.call(tool, limit=limit)
        if wanted is not None and wanted.type == "json_schema":
            return model.say_json(instance_of(wanted.schema or {}), limit=limit)
    except UnsupportedSchema as error:
        field = "output_config.format.schema" if tool is None else "tools.0.custom.input_schema"
        raise InvalidRequest(f"{field}: {error}") from None
    text = model.reply_to(text_of(request.messages[-1].content))
    return model.say(text, limit=limit, stop=request.stop_sequences or (), output_tokens=output_tokens)


def _called_tool(request: MessagesRequest) -> model.Tool | None:
    """The tool that is called: the one asked for, or the first of the client's, unless its result is there already."""
    tools = [model.Tool(tool.name, tool.input_schema) for tool in request.tools or () if tool.input_schema is not None]
    choice = request.tool_choice
    if choice is not None and choice.type == "tool":
        for tool in tools:
            if tool.name == choice.name:
                return tool
        raise InvalidRequest(f"tool_choice: tool '{choice.name}' not found in provided tools")
    if not tools or (choice is not None and choice.type == "none"):
        return None
    content = request.messages[-1].content
    has_result = isinstance(content, list) and any(block.type == "tool_result" for block in content)
    if has_result and (choice is None or choice.type == "auto"):
        return None
    return tools[0]


def _message(request: MessagesRequest, answer: Answer, id: str, *, whole: bool) -> dict[str, Any]:
    """The message: whole, or as it is announced, with nothing in it."""
    content = [_block(answer, id, whole=True)] if whole else []
    return {
        "id": f"msg_{id}",
        "type": "message",
        "role": "assistant",
        "model": request.model,
        "content": content,
        "stop_reason": _stop_reason(answer) if whole else None,
        "stop_sequence": answer.stop if whole else None,
        "usage": {
            "input_tokens": model.count_tokens(request.texts()),
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": answer.count if whole else 1,
            "service_tier": "standard",
        },
    }


def _stop_reason(answer: Answer) -> str:
    return "stop_sequence" if answer.stop is not None else _STOP_REASONS[answer.ends]


def _block(answer: Answer, id: str, *, whole: bool) -> dict[str, Any]:
    if answer.tool is None:
        return {"type": "text", "text": answer.text() if whole else ""}
    # What the limit cut off is no JSON any more: then there is no input.
    arguments = orjson.loads(answer.whole) if whole and answer.whole is not None else {}
    return {"type": "tool_use", "id": f"toolu_{id}", "name": answer.tool.name, "input": arguments}


def _event(name: str, fields: dict[str, Any]) -> bytes:
    data = orjson.dumps({"type": name, **fields})
    return b"event: %b\ndata: %b\n\n" % (name.encode(), data)


def _stream(request: MessagesRequest, answer: Answer, id: str, tokens_per_event: int) -> Stream:
    opening = (
        _event("message_start", {"message": _message(request, answer, id, whole=False)}),
        _event("content_block_start", {"index": 0, "content_block": _block(answer, id, whole=False)}),
        PING,
    )
    # All of a delta but the token is rendered once.
    kind, field = (b"text_delta", b"text") if answer.tool is None else (b"input_json_delta", b"partial_json")
    before = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"%b","%b":' % (
        kind,
        field,
    )
    contents = as_json(answer.tokens(tokens_per_event))
    delta = {"stop_reason": _stop_reason(answer), "stop_sequence": answer.stop}
    closing = (
        _event("content_block_stop", {"index": 0}),
        _event("message_delta", {"delta": delta, "usage": {"output_tokens": answer.count}}),
        _event("message_stop", {}),
    )
    return Stream(opening, contents, closing, before, b"}}\n\n")
