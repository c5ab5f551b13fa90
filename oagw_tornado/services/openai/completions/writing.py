"""Parts as completions: a choice for each prompt and `n`, whole or as chunks, one choice after the other."""

from __future__ import annotations

from typing import Any

import orjson

from oagw_tornado.reply.conversation import Conversation
from oagw_tornado.reply.parts import Error, Finish, Parts, Raw, Refusal, Text, Usage, finish_reason, usage_of
from oagw_tornado.reply.passages import Passage, frames_of
from oagw_tornado.reply.problem import error_chunk
from oagw_tornado.reply.reply import EVENT_STREAM, Reply, json_reply
from oagw_tornado.reply.tokens import as_json
from oagw_tornado.services.context import Context
from oagw_tornado.services.openai.chat.writing import DONE
from oagw_tornado.services.openai.errors import ERRORS
from oagw_tornado.services.openai.usage import usage_object

_FINISH_REASONS = {"tool_calls": "stop", "refusal": "content_filter", "model_context_window_exceeded": "length"}


def whole(conversation: Conversation, choices: list[Parts], context: Context) -> Reply:
    """All choices in one document."""
    said = [_choice(conversation.request, parts, index) for index, parts in enumerate(choices)]
    payload = {**_head(conversation, context), "choices": said, "usage": _usage(conversation, choices, context)}
    return json_reply(payload)


def streamed(conversation: Conversation, choices: list[Parts], context: Context) -> Reply:
    """The choices token by token."""
    include_usage = conversation.request.includes_usage
    head = b"data: " + orjson.dumps(_head(conversation, context))[:-1] + b',"choices":[{"text":'
    tail = b'}],"usage":null}\n\n' if include_usage else b"}]}\n\n"
    closing: list[bytes] = []
    if include_usage:
        last = {**_head(conversation, context), "choices": [], "usage": _usage(conversation, choices, context)}
        closing.append(b"data: %b\n\n" % orjson.dumps(last))
    closing.append(DONE)

    passages: list[Passage] = []
    for index, parts in enumerate(choices):
        after = b',"index":%d,"logprobs":null,"finish_reason":' % index
        ending = b'%b""%b%b%b' % (head, after, orjson.dumps(_finish(parts)), tail)
        said = _passages(parts, head, after + b"null" + tail, context)
        if any(isinstance(part, Error) for part in parts):
            closing = []
        elif len(choices) == 1:
            closing.insert(0, ending)
        else:
            said.append(Passage((ending,), is_silent=True))
        passages += said
    return Reply(headers=EVENT_STREAM, frames=frames_of((), passages, closing))


def _passages(parts: Parts, head: bytes, goes_on: bytes, context: Context) -> list[Passage]:
    passages: list[Passage] = []
    for part in parts:
        if isinstance(part, (Error, Raw)):
            data = error_chunk(part.problem(ERRORS), 0) if isinstance(part, Error) else part.data
            passages.append(Passage((data,), wait=part.after, is_silent=True))
            if isinstance(part, Error):
                break
        elif isinstance(part, (Text, Refusal)):
            tokens = as_json(part.tokens.tokens(context.tokens_per_event))
            passages.append(Passage((), tokens, (), head, goes_on, part.after, part.gap))
    return passages


def _finish(parts: Parts) -> str:
    finish: Finish = finish_reason(parts)
    return _FINISH_REASONS.get(finish.reason, finish.reason)


def _head(conversation: Conversation, context: Context) -> dict[str, Any]:
    return {
        "id": f"cmpl-{context.request_id}",
        "object": "text_completion",
        "created": context.created,
        "model": conversation.model,
    }


def _usage(conversation: Conversation, choices: list[Parts], context: Context) -> dict[str, Any]:
    prompt = conversation.prompt_tokens
    counted = [usage_of(parts, prompt) for parts in choices]
    of_all = Usage(
        input=counted[0].input,
        output=sum(each.output or 0 for each in counted),
        cached=counted[0].cached,
        reasoning=sum(each.reasoning or 0 for each in counted),
    )
    return usage_object(of_all, context.is_exact)


def _choice(request: Any, parts: Parts, index: int) -> dict[str, Any]:
    said = [part for part in parts if isinstance(part, (Text, Refusal))]
    logprobs = None
    if request.logprobs is not None:
        tokens = [token for part in said for token in part.tokens.tokens()]
        offsets = [0]
        for token in tokens:
            offsets.append(offsets[-1] + len(token))
        logprobs = {
            "tokens": tokens,
            "token_logprobs": [-0.01] * len(tokens),
            "top_logprobs": [{token: -0.01} for token in tokens] if request.logprobs else None,
            "text_offset": offsets[:-1],
        }
    text = "".join(part.tokens.text() for part in said)
    return {"text": text, "index": index, "logprobs": logprobs, "finish_reason": _finish(parts)}
