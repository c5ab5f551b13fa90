"""Responses on the wire: one JSON object, or the run of named events that builds it up.

The order of the events, https://platform.openai.com/docs/api-reference/responses-streaming: ``created`` and
``in_progress``; the output item is added; for a text its part is added; deltas; the text (or the arguments) done, the
part done, the item done; ``completed``, or ``incomplete`` if the limit on tokens cut it off. Each has the next number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import orjson

from oagw_tornado.reply.problem import SERVER_ERROR, Problem
from oagw_tornado.reply.reply import EVENT_STREAM, Reply, json_reply
from oagw_tornado.reply.schedule import Stream
from oagw_tornado.services.language_model import Answer, as_json
from oagw_tornado.services.openai.context import Context
from oagw_tornado.services.openai.requests import ResponseRequest


def buffered(request: ResponseRequest, answer: Answer, prompt_tokens: int, context: Context) -> Reply:
    """The whole response."""
    status = _status(answer)
    item = _item(answer, context, status, answer.text())
    return json_reply(_response(request, answer, prompt_tokens, context, status, [item]))


def _status(answer: Answer) -> str:
    return "incomplete" if answer.ends == "length" else "completed"


def _item_id(answer: Answer, context: Context) -> str:
    return f"{'msg' if answer.tool is None else 'fc' if answer.tool.schema is not None else 'ctc'}_{context.request_id}"


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}


def _item(answer: Answer, context: Context, status: str, text: str | None) -> dict[str, Any]:
    """The one item of the output; `text` None: as it is announced, with nothing in it."""
    item: dict[str, Any] = {"id": _item_id(answer, context)}
    if answer.tool is None:
        content = [] if text is None else [_part(text)]
        item |= {"type": "message", "status": status, "content": content, "role": "assistant"}
    else:
        kind, field = (
            ("function_call", "arguments") if answer.tool.schema is not None else ("custom_tool_call", "input")
        )
        call_id = f"call_{context.request_id}"
        item |= {"type": kind, "status": status, field: text or "", "call_id": call_id, "name": answer.tool.name}
    return item


def _response(
    request: ResponseRequest,
    answer: Answer,
    prompt_tokens: int,
    context: Context,
    status: str,
    output: list[dict[str, Any]],
) -> dict[str, Any]:
    usage = None
    if status != "in_progress":
        usage = {
            "input_tokens": prompt_tokens,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": answer.count,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": prompt_tokens + answer.count,
        }
    return {
        "id": f"resp_{context.request_id}",
        "object": "response",
        "created_at": context.created,
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
        "instructions": request.instructions if isinstance(request.instructions, str) else None,
        "max_output_tokens": request.max_output_tokens,
        "model": request.model,
        "output": output,
        "parallel_tool_calls": True if request.parallel_tool_calls is None else request.parallel_tool_calls,
        "previous_response_id": request.previous_response_id,
        "reasoning": {"effort": None, "summary": None},
        "service_tier": "default",
        "store": True,
        "temperature": 1.0 if request.temperature is None else request.temperature,
        "text": {"format": _format(request)},
        "tool_choice": request.tool_choice or "auto",
        "tools": [
            {"type": tool.type, "name": tool.name, "parameters": tool.parameters, "strict": True}
            if tool.type == "function"
            else {"type": tool.type, **({"name": tool.name} if tool.name else {})}
            for tool in request.tools or ()
        ],
        "top_p": 1.0 if request.top_p is None else request.top_p,
        "truncation": "disabled",
        "usage": usage,
        "user": None,
        "metadata": request.metadata or {},
    }


def _format(request: ResponseRequest) -> dict[str, Any]:
    wanted = request.text.format if request.text is not None else None
    if wanted is None:
        return {"type": "text"}
    if wanted.type != "json_schema":
        return {"type": wanted.type}
    return {"type": "json_schema", "name": wanted.name, "schema": wanted.schema, "strict": True}


# Streamed


def streamed(request: ResponseRequest, answer: Answer, prompt_tokens: int, context: Context) -> Reply:
    """The response event by event."""
    begun = _response(request, answer, prompt_tokens, context, "in_progress", [])
    item = _item(answer, context, "in_progress", None)
    at: dict[str, Any] = {"item_id": item["id"], "output_index": 0}
    opening = [
        _event("response.created", 0, {"response": begun}),
        _event("response.in_progress", 1, {"response": begun}),
        _event("response.output_item.added", 2, {"output_index": 0, "item": item}),
    ]
    name, more = _kind(answer), b"}\n\n"
    if answer.tool is None:
        at["content_index"] = 0
        opening.append(_event("response.content_part.added", 3, {**at, "part": _part("")}))
        more = b',"logprobs":[]}\n\n'

    # All of a delta but its number and the token is rendered once.
    delta = f"{name}.delta".encode()
    before = b'event: %b\ndata: {"type":"%b","sequence_number":' % (delta, delta)
    between = b',%b,"delta":' % orjson.dumps(at)[1:-1]
    tokens = as_json(answer.tokens(context.tokens_per_event))
    contents = (b"%d%b%b" % (number, between, token) for number, token in enumerate(tokens, len(opening)))
    deltas = -(-answer.count // context.tokens_per_event)
    closing = _closing(request, answer, prompt_tokens, context, at, len(opening) + deltas)

    def failed(problem: Problem | None, events: int) -> bytes:
        error = problem or SERVER_ERROR
        outcome = {"status": "failed", "error": {"code": error.code or error.type, "message": error.message}}
        return _event("response.failed", events, {"response": {**begun, **outcome}})

    def incomplete(problem: Problem | None, events: int) -> bytes:
        said = replace(answer, ends="length", whole=None, count=_said(answer, context, events - len(opening)))
        response = _response(
            request, said, prompt_tokens, context, "incomplete", [_item(said, context, "incomplete", said.text())]
        )
        if problem is not None:
            response["incomplete_details"] = {"reason": problem.code}
        return _event("response.incomplete", events, {"response": response})

    return Reply(
        headers=EVENT_STREAM,
        frames=Stream(tuple(opening), contents, closing, before, more),
        error_event=_error_event,
        error_forms={"failed": failed, "incomplete": incomplete},
    )


def _error_event(problem: Problem | None, events: int) -> bytes:
    error = problem or SERVER_ERROR
    fields = {"code": error.code or error.type, "message": error.message, "param": error.param}
    return _event("error", events, fields)


def _said(answer: Answer, context: Context, deltas: int) -> int:
    """How many tokens so many deltas have said."""
    return max(0, min(answer.count, deltas * context.tokens_per_event))


def _kind(answer: Answer) -> str:
    """What the events of the output are called."""
    if answer.tool is None:
        return "response.output_text"
    return "response.function_call_arguments" if answer.tool.schema is not None else "response.custom_tool_call_input"


def _event(name: str, number: int, fields: dict[str, Any]) -> bytes:
    data = orjson.dumps({"type": name, "sequence_number": number, **fields})
    return b"event: %b\ndata: %b\n\n" % (name.encode(), data)


def _closing(
    request: ResponseRequest, answer: Answer, prompt_tokens: int, context: Context, at: dict[str, Any], number: int
) -> Iterator[bytes]:
    """The events behind the last delta; they hold all of the text, so none is made before its time."""
    name, text, status = _kind(answer), "".join(answer.tokens()), _status(answer)
    if answer.tool is None:
        yield _event(f"{name}.done", number, {**at, "text": text, "logprobs": []})
        number += 1
        yield _event("response.content_part.done", number, {**at, "part": _part(text)})
    else:
        field = "arguments" if answer.tool.schema is not None else "input"
        yield _event(f"{name}.done", number, {**at, field: text})
    item = _item(answer, context, status, text)
    yield _event("response.output_item.done", number + 1, {"output_index": 0, "item": item})
    response = _response(request, answer, prompt_tokens, context, status, [item])
    yield _event(f"response.{status}", number + 2, {"response": response})
