"""Reads a completion request as a conversation: each prompt is a message."""

from __future__ import annotations

from typing import Any

import orjson

from oagw_tornado.reply.conversation import Conversation, Message
from oagw_tornado.reply.tokens import count_tokens
from oagw_tornado.services.context import Context
from oagw_tornado.services.dialect import in_context
from oagw_tornado.services.openai.bodies import read as read_body
from oagw_tornado.services.openai.completions.logprobs import check_prompt_logprobs
from oagw_tornado.services.openai.completions.requests import CompletionRequest
from oagw_tornado.services.openai.errors import InvalidRequest, context_too_long
from oagw_tornado.services.openai.requests import sequences

DEFAULT_MODEL = "gpt-3.5-turbo-instruct"

MOST_PROMPTS = 512

#: Characters of prompts that are echoed in one reply.
MOST_ECHOED = 2**22


def read(body: bytes, context: Context) -> Conversation:
    """The conversation in the body of a request. Raises InvalidRequest."""
    request = read_body(body, CompletionRequest)
    if not request.model:
        if context.is_exact:
            raise InvalidRequest("you must provide a model parameter")
        request.model = DEFAULT_MODEL
    if request.stream_options is not None and not request.stream:
        raise InvalidRequest(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.", param="stream_options"
        )
    if request.prompt_logprobs and request.stream:
        raise InvalidRequest("`prompt_logprobs` are not available when `stream=True`.", param="prompt_logprobs")
    prompts = _prompts(request)
    if len(prompts) * (request.n or 1) > MOST_PROMPTS:
        raise InvalidRequest(
            f"Invalid 'n': more than {MOST_PROMPTS} choices, of all prompts together.",
            param="n",
            code="integer_above_max_value",
        )
    check_prompt_logprobs(prompts, request.prompt_logprobs, request.n or 1)
    if request.echo:
        check_prompt_logprobs(prompts, request.logprobs, request.n or 1)
        if sum(map(len, prompts)) * (request.n or 1) > MOST_ECHOED:
            raise InvalidRequest(f"Invalid 'echo': more than {MOST_ECHOED} characters of prompts.", param="echo")
    conversation = Conversation(
        dialect="openai-completions",
        model=request.model,
        messages=tuple(Message("user", prompt) for prompt in prompts),
        texts=tuple(prompts),
        stream=bool(request.stream),
        limit=request.max_tokens,
        stop=tuple(sequences(request.stop)),
        ignore_eos=bool(request.ignore_eos),
        min_tokens=request.min_tokens or 0,
        request=request,
    )
    longest = 0 if context.max_model_len is None else max(count_tokens((prompt,)) for prompt in prompts)
    return in_context(conversation, context, context_too_long("prompt"), longest)


def _prompts(request: CompletionRequest) -> list[str]:
    """The prompts as texts. Tokens cannot be read back, so each is a word of its own."""
    prompt = request.prompt
    if isinstance(prompt, str):
        return [prompt]
    if not prompt:
        raise InvalidRequest("Invalid 'prompt': empty array.", param="prompt", code="empty_array")
    kinds = set(map(type, prompt))
    if kinds == {int}:
        return [_words(prompt)]
    if int in kinds:
        number = next(number for number, each in enumerate(prompt) if isinstance(each, int))
        raise InvalidRequest(
            f"Invalid type for 'prompt[{number}]': expected a string or an array of tokens, but got an integer"
            " instead.",
            param=f"prompt[{number}]",
            code="invalid_type",
        )
    if len(prompt) > MOST_PROMPTS:
        raise InvalidRequest(
            f"Invalid 'prompt': more than {MOST_PROMPTS} prompts.", param="prompt", code="array_above_max_length"
        )
    return [each if isinstance(each, str) else _words(each) for each in prompt if not isinstance(each, int)]


def _words(tokens: list[Any]) -> str:
    try:
        return orjson.dumps(tokens)[1:-1].replace(b",", b" ").decode()
    except TypeError:  # an integer beyond 64 bits
        return " ".join(map(str, tokens))
