"""Parts as completions: `n` choices per prompt, buffered or as chunks, one choice after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any

import orjson

from oagw_tornado.reply.conversation import Conversation
from oagw_tornado.reply.parts import Error, Finish, Parts, Raw, Refusal, Text, Usage, finish_reason, usage_of
from oagw_tornado.reply.passages import Passage, frames_of
from oagw_tornado.reply.problem import error_chunk
from oagw_tornado.reply.reply import EVENT_STREAM, Reply, json_reply
from oagw_tornado.reply.tokens import Tokens, as_json, words_of
from oagw_tornado.services.context import Context
from oagw_tornado.services.openai.chat.writing import DONE
from oagw_tornado.services.openai.completions.logprobs import logprobs_object, prompt_logprobs
from oagw_tornado.services.openai.context import SIGN_OF_LIFE
from oagw_tornado.services.openai.continuous_usage import with_usage
from oagw_tornado.services.openai.errors import ERRORS
from oagw_tornado.services.openai.usage import usage_object

_FINISH_REASONS = {"tool_calls": "stop", "refusal": "content_filter", "model_context_window_exceeded": "length"}


def whole(conversation: Conversation, choices: list[Parts], context: Context) -> Reply:
    """All choices in one document."""
    said = [_choice(conversation, parts, index) for index, parts in enumerate(choices)]
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
        said = _passages(conversation, parts, index, head, tail, context)
        if any(isinstance(part, Error) for part in parts):
            closing = []
        elif len(choices) == 1:
            closing.insert(0, ending)
        else:
            said.append(Passage((ending,), is_silent=True))
        passages += said
    if conversation.request.continues_usage:
        passages = with_usage(passages, tail, b"}]", conversation.prompt_tokens, choices, context)
    return Reply(headers=EVENT_STREAM, sign_of_life=SIGN_OF_LIFE, frames=frames_of((), passages, closing))


def _passages(
    conversation: Conversation, parts: Parts, index: int, head: bytes, tail: bytes, context: Context
) -> list[Passage]:
    request = conversation.request
    goes_on = b',"index":%d,"logprobs":null,"finish_reason":null' % index + tail
    echoed = _echoed(conversation, index)
    passages: list[Passage] = []
    offset = len(echoed)
    opening: tuple[bytes, ...] = ()
    if echoed:
        logprobs = None if request.logprobs is None else _logprobs(request, words_of(echoed), 0, is_prompt=True)
        opening = (_chunk(head, echoed, index, logprobs, tail),)
    for part in parts:
        if isinstance(part, (Error, Raw)):
            data = error_chunk(part.problem(ERRORS), 0) if isinstance(part, Error) else part.data
            passages.append(Passage((*opening, data), wait=part.after, is_silent=True))
            opening = ()
            if isinstance(part, Error):
                break
        elif isinstance(part, (Text, Refusal)):
            tokens = _spaced(part.tokens.tokens(context.tokens_per_event), echoed)
            if request.logprobs is None:
                said = Passage(opening, as_json(tokens), (), head, goes_on, part.after, part.gap)
            else:
                chunks = _with_logprobs(tokens, request, index, offset, head, tail)
                said = Passage(opening, chunks, (), b"", b"", part.after, part.gap)
            is_silent = not part.tokens.count and bool(opening)
            passages.append(said._replace(is_silent=is_silent))
            opening = ()
            offset += len(part.tokens.text()) + bool(echoed)
    return passages


def _spaced(tokens: Iterable[str], echoed: str) -> Iterable[str]:
    """`tokens`, set off from the prompt that stands before them."""
    if not echoed:
        return tokens
    pieces = iter(tokens)
    return chain((" " + token for token in islice(pieces, 1)), pieces)


def _with_logprobs(
    tokens: Iterable[str], request: Any, index: int, offset: int, head: bytes, tail: bytes
) -> Iterator[bytes]:
    for token in tokens:
        logprobs = logprobs_object([token], request.logprobs, offset, is_prompt=False)
        offset += len(token)
        yield _chunk(head, token, index, logprobs, tail)


def _chunk(head: bytes, text: str, index: int, logprobs: dict[str, Any] | None, tail: bytes) -> bytes:
    told = orjson.dumps(logprobs)
    return b'%b%b,"index":%d,"logprobs":%b,"finish_reason":null%b' % (head, orjson.dumps(text), index, told, tail)


def _echoed(conversation: Conversation, index: int) -> str:
    """The prompt of a choice, if it is to stand before it; empty: it is not."""
    request = conversation.request
    return conversation.messages[index // (request.n or 1)].text if request.echo else ""


def _logprobs(request: Any, tokens: Tokens, offset: int, *, is_prompt: bool) -> dict[str, Any] | None:
    if request.logprobs is None:
        return None
    return logprobs_object(list(tokens.tokens()), request.logprobs, offset, is_prompt=is_prompt)


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


def _choice(conversation: Conversation, parts: Parts, index: int) -> dict[str, Any]:
    request = conversation.request
    said = [part for part in parts if isinstance(part, (Text, Refusal))]
    echoed = _echoed(conversation, index)
    logprobs = None
    if request.logprobs is not None:
        prompt = list(words_of(echoed).tokens())
        tokens = list(_spaced((token for part in said for token in part.tokens.tokens()), echoed))
        logprobs = logprobs_object([*prompt, *tokens], request.logprobs, is_prompt=bool(prompt))
    text = "".join(part.tokens.text() for part in said)
    choice = {
        "text": f"{echoed} {text}" if echoed and text else echoed or text,
        "index": index,
        "logprobs": logprobs,
        "finish_reason": _finish(parts),
    }
    if request.prompt_logprobs is not None:
        asked = words_of(conversation.messages[index // (request.n or 1)].text)
        choice["prompt_logprobs"] = prompt_logprobs(list(asked.tokens()), request.prompt_logprobs)
    return choice
