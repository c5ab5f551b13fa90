"""Chat completions on the wire: one JSON object, or chunks of which all but the token is rendered once a stream.

Two profiles. ``prototype`` has few fields, each delta a word with a space behind it, and in the first one the role
beside the word: openai-node and others raise for a choice without a role. ``openai`` has the real service's fields in
its order, a first chunk with the role, and the space before a word.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any

import orjson

from oagw_tornado.reply.reply import EVENT_STREAM, Reply, json_reply
from oagw_tornado.reply.schedule import Stream
from oagw_tornado.services.language_model import Answer, as_json, count_tokens
from oagw_tornado.services.openai.context import SYSTEM_FINGERPRINT, Context
from oagw_tornado.services.openai.requests import ChatRequest
from oagw_tornado.services.openai.usage import FIXED, usage

DONE = b"data: [DONE]\n\n"

_FINISH_REASONS = {"stop": "stop", "length": "length", "tool": "tool_calls"}


# Buffered


def buffered(request: ChatRequest, answer: Answer, context: Context) -> Reply:
    """The whole completion."""
    payload: dict[str, Any] = {
        "id": f"chatcmpl-{context.request_id}",
        "object": "chat.completion",
        "created": context.created,
        "model": request.model,
        "choices": [_choice(request, answer, context, index) for index in range(request.n or 1)],
        "usage": FIXED if _is_plain(request, context) else _usage(request, answer, context),
    }
    if context.is_exact:
        payload["service_tier"] = "default"
    if context.is_exact or request.seed is not None:
        payload["system_fingerprint"] = SYSTEM_FINGERPRINT
    return json_reply(payload)


def _choice(request: ChatRequest, answer: Answer, context: Context, index: int) -> dict[str, Any]:
    text = answer.text()
    message: dict[str, Any] = {"role": "assistant", "content": None if answer.tool else text}
    if context.is_exact:
        message["refusal"] = None
        message["annotations"] = []
    if answer.tool is not None:
        body = {"name": answer.tool.name, "arguments": text}
        kind = "function"
        if answer.tool.schema is None:
            kind, body = "custom", {"name": answer.tool.name, "input": text}
        message["tool_calls"] = [{"id": _call_id(context, index), "type": kind, kind: body}]
    choice: dict[str, Any] = {"index": index, "message": message}
    if request.logprobs:
        said = [] if answer.tool else [_logprob(token, request.top_logprobs or 0) for token in answer.tokens()]
        choice["logprobs"] = {"content": said, "refusal": None}
    elif context.is_exact:
        choice["logprobs"] = None
    choice["finish_reason"] = _FINISH_REASONS[answer.ends]
    return choice


def _is_plain(request: ChatRequest, context: Context) -> bool:
    """Whether nothing is asked for that the prototype did not know: then the usage is what it always said."""
    return (
        not context.is_exact
        and context.output_tokens is None
        and request.tools is None
        and request.n is None
        and request.max_tokens is None
        and request.max_completion_tokens is None
        and request.stop is None
        and request.response_format is None
    )


def _usage(request: ChatRequest, answer: Answer, context: Context) -> dict[str, Any]:
    return usage(count_tokens(request.texts()), answer.count * (request.n or 1), context.is_exact)


def _call_id(context: Context, index: int) -> str:
    return f"call_{context.request_id}" + (f"_{index}" if index else "")


def _logprob(token: str, alternatives: int) -> dict[str, Any]:
    """The model is nearly certain of what it says; what it might have said instead is less likely one by one."""
    said: dict[str, Any] = {"token": token, "logprob": -0.01, "bytes": list(token.encode())}
    others = [{"token": f" {i}", "logprob": -5.0 - i, "bytes": list(f" {i}".encode())} for i in range(1, alternatives)]
    return {**said, "top_logprobs": [said, *others] if alternatives else []}


# Streamed


def beginning(context: Context) -> bytes:
    """What all chunks of one stream begin with, and those of no other."""
    return b'data: {"id":%b,"object":"chat.completion.chunk","created":%d' % (
        orjson.dumps(f"chatcmpl-{context.request_id}"),
        context.created,
    )


def streamed(request: ChatRequest, answer: Answer, context: Context) -> Reply:
    """The completion token by token."""
    include_usage = request.stream_options is not None and bool(request.stream_options.include_usage)
    head = b'%b,"model":%b,' % (beginning(context), orjson.dumps(request.model))
    if context.is_exact:
        head += b'"service_tier":"default",'
    if context.is_exact or request.seed is not None:
        head += b'"system_fingerprint":"%b",' % SYSTEM_FINGERPRINT.encode()
    tail = b'}],"usage":null}\n\n' if include_usage else b"}]}\n\n"
    no_logprobs = b',"logprobs":null' if context.is_exact or request.logprobs else b""
    goes_on = no_logprobs + b',"finish_reason":null' + tail
    ends = b'}%b,"finish_reason":"%b"%b' % (no_logprobs, _FINISH_REASONS[answer.ends].encode(), tail)
    speaker = _speaker(answer, context)

    choices = [b'%b"choices":[{"index":%d,"delta":{' % (head, index) for index in range(request.n or 1)]
    opening = tuple(
        choice + delta + b"}" + goes_on
        for index, choice in enumerate(choices)
        if (delta := _first_delta(answer, context, index))
    )
    closing = [choice + (b"" if answer.count else speaker) + ends for choice in choices]
    if include_usage:
        counted = orjson.dumps(_usage(request, answer, context))
        closing.append(b'%b"choices":[],"usage":%b}\n\n' % (head, counted))
    closing.append(DONE)

    before, after = _around_token(answer)
    after += goes_on
    befores = [choice + before for choice in choices]
    contents = _spoken(_tokens(answer, context), speaker)
    if request.logprobs and answer.tool is None:
        logprobs = _logprobs(_tokens(answer, context), request.top_logprobs or 0)
        contents = (b'%b},"logprobs":%b' % pair for pair in zip(contents, logprobs, strict=True))
        contents = _for_each_choice(contents, befores, b',"finish_reason":null' + tail)
    elif len(befores) > 1:
        contents = _for_each_choice(contents, befores, after)
    else:
        return Reply(headers=EVENT_STREAM, frames=Stream(opening, contents, tuple(closing), befores[0], after))
    return Reply(headers=EVENT_STREAM, frames=Stream(opening, contents, tuple(closing)))


def _first_delta(answer: Answer, context: Context, index: int) -> bytes:
    """What the chunk in front of the first token says; empty: there is none."""
    if answer.tool is None:
        return b'"role":"assistant","content":"","refusal":null' if context.is_exact else b""
    kind, body = "function", {"name": answer.tool.name, "arguments": ""}
    if answer.tool.schema is None:
        kind, body = "custom", {"name": answer.tool.name, "input": ""}
    tool_call = {"index": 0, "id": _call_id(context, index), "type": kind, kind: body}
    return b'"role":"assistant","content":null,"tool_calls":[%b]' % orjson.dumps(tool_call)


def _around_token(answer: Answer) -> tuple[bytes, bytes]:
    """What stands between the delta's brace and the token, and behind the token up to the end of the delta."""
    if answer.tool is None:
        return b'"content":', b"}"
    if answer.tool.schema is None:
        return b'"tool_calls":[{"index":0,"custom":{"input":', b"}}]}"
    return b'"tool_calls":[{"index":0,"function":{"arguments":', b"}}]}"


def _speaker(answer: Answer, context: Context) -> bytes:
    """The role, where no chunk in front of the first token says it."""
    return b"" if answer.tool is not None or context.is_exact else b'"role":"assistant"'


def _tokens(answer: Answer, context: Context) -> Iterable[str]:
    return answer.tokens(context.tokens_per_event, space_after=not context.is_exact)


def _spoken(tokens: Iterable[str], speaker: bytes) -> Iterator[bytes]:
    """The tokens as JSON, and behind the first one, in the same delta, who speaks."""
    texts = as_json(tokens)
    if not speaker:
        return texts
    return chain((text + b"," + speaker for text in islice(texts, 1)), texts)


def _for_each_choice(texts: Iterable[bytes], befores: list[bytes], after: bytes) -> Iterator[bytes]:
    """One event for each token of each choice."""
    for text in texts:
        for before in befores:
            yield before + text + after


def _logprobs(tokens: Iterable[str], alternatives: int) -> Iterator[bytes]:
    for token in tokens:
        yield orjson.dumps({"content": [_logprob(token, alternatives)], "refusal": None})
