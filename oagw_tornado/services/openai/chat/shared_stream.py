"""The part that all streams answering the same request have in common: everything but the id and the time.

The chunks of a stream begin with its id and its time, and the rest depends only on the request. So a stream is
rendered once without that beginning. Each stream that answers the same request puts its own beginning in front and
shares the rest, tokens included, which is most of what a stream holds in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from oagw_tornado.reply.conversation import Conversation
from oagw_tornado.reply.inference import Inference
from oagw_tornado.reply.parts import Parts, Reasoning, Refusal, Text
from oagw_tornado.reply.reply import EVENT_STREAM, Reply
from oagw_tornado.reply.schedule import Stream
from oagw_tornado.reply.tokens import Tokens
from oagw_tornado.services.context import Context
from oagw_tornado.services.openai.chat.writing import DONE, beginning
from oagw_tornado.services.openai.context import SIGN_OF_LIFE

#: Bytes that the tokens of the longest stream that is shared hold.
LARGEST_SHARED = 128 * 1024

# Bytes that a token holds beside its own: an object, and a place in the list of them.
_TOKEN = 41


class SharedStream(NamedTuple):
    """A stream without the beginning of its chunks. As `reply.schedule.Stream`, less what `perform` adds."""

    opening: tuple[bytes, ...]
    tokens: list[bytes]
    closing: tuple[bytes, ...]
    before: bytes
    after: bytes
    inference: Inference | None


def is_shared(tokens: Tokens) -> bool:
    """Whether a stream of these tokens is short enough to be held for all who ask the same."""
    return tokens.size + tokens.count * (_TOKEN + len(tokens.separator)) <= LARGEST_SHARED


def shared_stream(conversation: Conversation, parts: Parts, reply: Reply, context: Context) -> SharedStream | None:
    """What of `reply` others can share; None: nothing, and it is as it was. Else its frames are used up.

    The ids of tool calls are made of the stream's own, and of several choices no chunk is like the next.
    """
    request = conversation.request
    stream = reply.frames
    said = [part for part in parts if isinstance(part, (Text, Reasoning, Refusal))]
    if type(stream) is not Stream or request.logprobs or (request.n or 1) > 1 or len(said) != 1:
        return None
    if not is_shared(said[0].tokens) or not stream.before:
        return None
    begun = len(beginning(context))
    *closing, done = stream.closing
    assert done is DONE
    return SharedStream(
        tuple(data[begun:] for data in stream.opening),
        list(stream.contents),
        tuple(data[begun:] for data in closing),
        stream.before[begun:],
        stream.after,
        reply.inference,
    )


class _Closing(Iterable[bytes]):
    """What closes a stream, made when it is said: until then ten thousand streams hold it."""

    __slots__ = ("_before", "_closing", "_begun")

    def __init__(self, before: bytes, closing: tuple[bytes, ...], begun: int) -> None:
        """The first `begun` bytes of `before` are the beginning of all chunks."""
        self._before = before
        self._closing = closing
        self._begun = begun

    def __iter__(self) -> Iterator[bytes]:
        own = self._before[: self._begun]
        for data in self._closing:
            yield own + data
        yield DONE


def perform(shared: SharedStream, context: Context) -> Reply:
    """The stream with the id and the time of `context`."""
    own = beginning(context)
    before = own + shared.before
    stream = Stream(
        tuple([own + data for data in shared.opening]),
        iter(shared.tokens),
        _Closing(before, shared.closing, len(own)),
        before,
        shared.after,
    )
    return Reply(headers=EVENT_STREAM, sign_of_life=SIGN_OF_LIFE, frames=stream, inference=shared.inference)
