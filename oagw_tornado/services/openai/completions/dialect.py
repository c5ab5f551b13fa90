"""The reply to a completion request: one or more choices per prompt."""

from __future__ import annotations

from dataclasses import replace

from oagw_tornado.reply.conversation import Conversation
from oagw_tornado.reply.parts import Parts, Script, error_in_place_of_all, waits
from oagw_tornado.reply.reply import Reply
from oagw_tornado.services import canned
from oagw_tornado.services.context import Context
from oagw_tornado.services.dialect import Asked, check_event_size, failed, inference_of
from oagw_tornado.services.openai.completions.reading import read
from oagw_tornado.services.openai.completions.writing import streamed, whole
from oagw_tornado.services.openai.errors import ERRORS, too_long

#: Bytes of one token's logprob, and of the time that it takes to make it.
LOGPROB_SIZE = 500


def completion_reply(body: bytes, context: Context, script: Script | None = None) -> Reply:
    """The reply to the body of a request, `script` or what the canned model says. Raises InvalidRequest."""
    return reply_to_completion(Asked(body, context, script))


def reply_to_completion(asked: Asked) -> Reply:
    """The reply to a completion. Raises InvalidRequest."""
    body, context, script, known, told = asked
    conversation = known or read(body, context)
    n = conversation.request.n or 1
    if script is not None:
        said: list[Parts] = [script.parts] * len(conversation.messages)
    else:
        said = [_canned(conversation, number, context) for number in range(len(conversation.messages))]
    said[0] = (*told, *said[0])
    error = error_in_place_of_all(said[0], conversation.stream)
    if error is not None:
        reply = failed(error, ERRORS, context)
    else:
        extra = LOGPROB_SIZE if conversation.request.logprobs is not None else 0
        size = sum(part.tokens.size + part.tokens.count * extra for parts in said for part in parts) * n
        for parts in said if conversation.stream else ():
            check_event_size(parts, context)
        if not conversation.stream and size > canned.MOST_BUFFERED:
            raise too_long()
        choices = _times(said, n)
        reply = (streamed if conversation.stream else whole)(conversation, choices, context)
        reply.inference = inference_of(conversation, choices, context, reply)
    if reply.frames is None:
        reply.pauses = waits(said[0])
    return reply


def _times(said: list[Parts], n: int) -> list[Parts]:
    return [parts for parts in said for _ in range(n)]


def _canned(conversation: Conversation, number: int, context: Context) -> Parts:
    """What is said to the prompt of that number."""
    prompt = conversation.messages[number]
    one = replace(conversation, messages=(prompt,))
    return canned.answer(one, context.output_tokens, filler=context.filler)
