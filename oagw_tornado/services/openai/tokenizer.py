"""The replies of the tokenizer's endpoints, in vLLM's form. They count as the usage of a completion does: words."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from oagw_tornado.reply.reply import Reply, json_reply
from oagw_tornado.services.openai.bodies import read
from oagw_tornado.services.openai.chat.requests import Message
from oagw_tornado.services.openai.context import Context
from oagw_tornado.services.openai.errors import InvalidRequest
from oagw_tornado.services.openai.requests import text_of
from oagw_tornado.services.vocabulary import Vocabulary, tokens_in

#: Tokens in one request, and characters of a prompt: all streams wait while they are looked up.
MOST_TOKENS = 100_000
LONGEST_PROMPT = 2**17


class TokenizeRequest(Struct):
    """A prompt, or messages."""

    model: str | None = None
    prompt: str | None = None
    messages: Annotated[list[Message], Meta(min_length=1)] | None = None
    return_token_strs: bool | None = None


class DetokenizeRequest(Struct):
    tokens: Annotated[list[int], Meta(max_length=MOST_TOKENS)]
    model: str | None = None


def tokenize_reply(body: bytes, vocabulary: Vocabulary, context: Context) -> Reply:
    """The reply to the body of a request. Raises InvalidRequest."""
    request = read(body, TokenizeRequest)
    if request.prompt is not None:
        texts = [request.prompt]
    elif request.messages is not None:
        texts = [text_of(message.content) for message in request.messages]
    else:
        raise InvalidRequest("Missing required parameter: 'prompt'.", param="prompt", code="missing_required_parameter")
    if sum(map(len, texts)) > LONGEST_PROMPT:
        raise InvalidRequest(
            f"Invalid 'prompt': string too long. Expected a string with maximum length {LONGEST_PROMPT}.",
            param="prompt",
            code="string_above_max_length",
        )
    tokens = [token for text in texts for token in tokens_in(text)]
    numbers = vocabulary.numbers(tokens)
    reply: dict[str, Any] = {"count": len(numbers), "max_model_len": context.max_model_len, "tokens": numbers}
    return json_reply({**reply, "token_strs": tokens if request.return_token_strs else None})


def detokenize_reply(body: bytes, vocabulary: Vocabulary) -> Reply:
    """The reply to the body of a request. Raises InvalidRequest."""
    return json_reply({"prompt": vocabulary.decode(read(body, DetokenizeRequest).tokens)})
