"""What is the same in all streams that answer the same request: everything but the id and the time.

The chunks of a stream begin with its id and its time, and what follows depends on the request alone. So a stream is
written once, for nobody, and the beginning left out: that is its script. Each who asks the same gets a beginning of
his own in front of it, and shares the rest, tokens included, which is most of what a stream holds in memory.
"""

from __future__ import annotations

from itertools import chain
from typing import NamedTuple

from oagw_tornado.reply.reply import EVENT_STREAM, Reply
from oagw_tornado.reply.schedule import Stream
from oagw_tornado.services.language_model import Answer
from oagw_tornado.services.openai import chat_wire
from oagw_tornado.services.openai.context import Context
from oagw_tornado.services.openai.requests import ChatRequest

#: Tokens of the longest stream that is kept as a script.
MOST_TOKENS = 256


class Script(NamedTuple):
    """A stream without the beginning of its chunks. As `reply.schedule.Stream`, less what `perform` adds."""

    opening: tuple[bytes, ...]
    tokens: list[bytes]
    closing: tuple[bytes, ...]
    before: bytes
    after: bytes


def chat_script(request: ChatRequest, answer: Answer, context: Context) -> Script | None:
    """The script of the stream that `chat_wire.streamed` makes; None if it has none, or a long one.

    The ids of tool calls are made of the stream's own, and of several choices no chunk is like the next.
    """
    if answer.tool is not None or request.logprobs or (request.n or 1) > 1 or answer.count > MOST_TOKENS:
        return None
    stream = chat_wire.streamed(request, answer, context).frames
    assert isinstance(stream, Stream)
    begun = len(chat_wire.beginning(context))
    *closing, done = stream.closing
    assert done is chat_wire.DONE
    return Script(
        tuple(data[begun:] for data in stream.opening),
        list(stream.contents),
        tuple(data[begun:] for data in closing),
        stream.before[begun:],
        stream.after,
    )


def perform(script: Script, context: Context) -> Reply:
    """The stream of `script` with the id and the time of `context`."""
    beginning = chat_wire.beginning(context)
    stream = Stream(
        tuple([beginning + data for data in script.opening]),
        iter(script.tokens),
        chain(map(beginning.__add__, script.closing), (chat_wire.DONE,)),
        beginning + script.before,
        script.after,
    )
    return Reply(headers=EVENT_STREAM, frames=stream)
