"""Completions, as they were before there were chats."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from oagw_tornado.reply.reply import EVENT_STREAM, Reply, json_reply
from oagw_tornado.reply.schedule import Frame, Stream
from oagw_tornado.services import language_model as model
from oagw_tornado.services.language_model import Answer, as_json
from oagw_tornado.services.openai.bodies import read
from oagw_tornado.services.openai.chat_wire import DONE
from oagw_tornado.services.openai.context import Context
from oagw_tornado.services.openai.errors import InvalidRequest
from oagw_tornado.services.openai.requests import CompletionRequest, sequences
from oagw_tornado.services.openai.usage import usage

DEFAULT_MODEL = "gpt-3.5-turbo-instruct"


def completion_reply(body: bytes, context: Context) -> Reply:
    """The reply to the body of a request. Raises InvalidRequest."""
    request = read(body, CompletionRequest)
    if not request.model:
        if context.is_exact:
            raise InvalidRequest("you must provide a model parameter")
        request.model = DEFAULT_MODEL
    if request.stream_options is not None and not request.stream:
        raise InvalidRequest(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.", param="stream_options"
        )
    prompts = _prompts(request)
    answers = [answer for prompt in prompts for answer in [_answer(prompt, request, context)] * (request.n or 1)]
    counted = usage(model.count_tokens(prompts), sum(answer.count for answer in answers), is_exact=context.is_exact)
    if request.stream:
        return _streamed(request, answers, counted, context)
    if sum(answer.size for answer in answers[:: request.n or 1]) * (request.n or 1) > model.MOST_BUFFERED:
        raise InvalidRequest("So long a completion can only be streamed.", param="stream")
    choices = [_choice(request, answer, index) for index, answer in enumerate(answers)]
    return json_reply({**_head(request, context), "choices": choices, "usage": counted})


def _prompts(request: CompletionRequest) -> list[str]:
    """The prompts as texts. Tokens cannot be read back, so each is a word of its own."""
    prompt = request.prompt
    if isinstance(prompt, str):
        return [prompt]
    if not prompt:
        raise InvalidRequest("Invalid 'prompt': empty array.", param="prompt", code="empty_array")
    if isinstance(prompt[0], int):
        return [" ".join(map(str, prompt))]
    if len(prompt) > 2048:
        raise InvalidRequest("Invalid 'prompt': more than 2048 prompts.", param="prompt", code="array_above_max_length")
    return [each if isinstance(each, str) else " ".join(map(str, each)) for each in prompt if not isinstance(each, int)]


def _answer(prompt: str, request: CompletionRequest, context: Context) -> Answer:
    text = model.reply_to(prompt)
    if request.echo:
        text = f"{prompt} {text}"
    return model.say(text, limit=request.max_tokens, stop=sequences(request.stop), output_tokens=context.output_tokens)


def _head(request: CompletionRequest, context: Context) -> dict[str, Any]:
    return {
        "id": f"cmpl-{context.request_id}",
        "object": "text_completion",
        "created": context.created,
        "model": request.model,
    }


def _choice(request: CompletionRequest, answer: Answer, index: int) -> dict[str, Any]:
    logprobs = None
    if request.logprobs is not None:
        tokens = list(answer.tokens())
        offsets = [0]
        for token in tokens:
            offsets.append(offsets[-1] + len(token))
        logprobs = {
            "tokens": tokens,
            "token_logprobs": [-0.01] * len(tokens),
            "top_logprobs": [{token: -0.01} for token in tokens] if request.logprobs else None,
            "text_offset": offsets[:-1],
        }
    return {"text": answer.text(), "index": index, "logprobs": logprobs, "finish_reason": answer.ends}


def _streamed(request: CompletionRequest, answers: list[Answer], counted: dict[str, Any], context: Context) -> Reply:
    """The choices token by token."""
    head = b"data: " + orjson.dumps(_head(request, context))[:-1] + b',"choices":[{"text":'
    include_usage = request.stream_options is not None and bool(request.stream_options.include_usage)
    tail = b'}],"usage":null}\n\n' if include_usage else b"}]}\n\n"

    closing = [DONE]
    if include_usage:
        last = {**_head(request, context), "choices": [], "usage": counted}
        closing.insert(0, b"data: %b\n\n" % orjson.dumps(last))
    if len(answers) == 1:
        (answer,) = answers
        after = b',"index":0,"logprobs":null,"finish_reason":'
        closing.insert(0, b'%b""%b"%b"%b' % (head, after, answer.ends.encode(), tail))
        contents = as_json(answer.tokens(context.tokens_per_event))
        return Reply(headers=EVENT_STREAM, frames=Stream((), contents, closing, head, after + b"null" + tail))
    return Reply(headers=EVENT_STREAM, frames=_one_by_one(answers, context, head, tail, closing))


def _one_by_one(
    answers: list[Answer], context: Context, head: bytes, tail: bytes, closing: list[bytes]
) -> Iterator[Frame]:
    """One choice after the other."""
    for index, answer in enumerate(answers):
        after = b',"index":%d,"logprobs":null,"finish_reason":' % index
        goes_on = after + b"null" + tail
        for token in as_json(answer.tokens(context.tokens_per_event)):
            yield Frame(head + token + goes_on)
        yield Frame(b'%b""%b"%b"%b' % (head, after, answer.ends.encode(), tail), content=False)
    for data in closing:
        yield Frame(data, content=False)
