"""The reply to a chat completion request. Load tests repeat requests, so most of the work is cached.

Everything that a reply depends on except its id and time is cached for short bodies, and so is its stream or its
document.
"""

from __future__ import annotations

from typing import Any

from oagw_tornado.reply.conversation import Conversation
from oagw_tornado.reply.parts import Parts, Script
from oagw_tornado.reply.reply import Reply
from oagw_tornado.services.context import Context
from oagw_tornado.services.dialect import Asked, canned_parts, reply_of, reply_to, scripted
from oagw_tornado.services.openai.chat.dialect import CHAT
from oagw_tornado.services.openai.chat.shared_document import SharedDocument, shared_document
from oagw_tornado.services.openai.chat.shared_stream import SharedStream, perform, shared_stream
from oagw_tornado.units.caches import CachedFunction

#: Bytes of a request's body up to which it is known again.
LONGEST_KEPT = 4096


class Prepared:
    """A request that was read and what is said to it: all of a reply but its id and its time."""

    __slots__ = ("conversation", "parts", "stream", "document")

    def __init__(self, conversation: Conversation) -> None:
        self.conversation = conversation
        # What is said to it, once somebody has asked.
        self.parts: Parts | None = None
        # The shared stream; None if nobody has asked for it yet, or it cannot be shared.
        self.stream: SharedStream | None = None
        # The same of a reply that is sent whole.
        self.document: SharedDocument | None = None


def conversation_in(body: bytes, is_exact: bool) -> Conversation:
    """As the dialect reads it, from memory where the same body was read before. Raises InvalidRequest."""
    return _read_once(body, is_exact) if len(body) <= LONGEST_KEPT else _read(body, is_exact)


def _read(body: bytes, is_exact: bool) -> Conversation:
    return CHAT.read(body, Context("", 0, is_exact))


def _prepare(body: bytes, settings: tuple[Any, ...], script: Script | None) -> Prepared:
    # Of a context nothing goes in but what is the same for all, so it may be kept.
    context = Context("", 0, *settings)
    is_bounded = context.max_model_len is not None
    conversation = CHAT.read(body, context) if is_bounded else _read_once(body, context.is_exact)
    if context.is_strict:
        CHAT.check(conversation, body)
    return Prepared(conversation)


# Load tests repeat requests.
_read_once = CachedFunction(_read, 128)
_prepare_once = CachedFunction(_prepare, 128)


def chat_reply(body: bytes, context: Context, script: Script | None = None) -> Reply:
    """The reply to the body of a request, `script` or what the canned model says. Raises InvalidRequest."""
    return reply_to_chat(Asked(body, context, script))


def reply_to_chat(asked: Asked) -> Reply:
    """The reply to a chat completion. Raises InvalidRequest."""
    body, context, script, _, told = asked
    if told or len(body) > LONGEST_KEPT:
        return reply_to(CHAT, asked)
    prepared = _prepare_once(body, context[2:], script)
    if prepared.stream is not None:
        return perform(prepared.stream, context)
    if prepared.document is not None:
        return prepared.document.reply(context)
    conversation = prepared.conversation
    if prepared.parts is None:
        if script is None:
            prepared.parts = canned_parts(CHAT, conversation, context)
        else:
            prepared.parts = scripted(script, conversation)
    reply = reply_of(CHAT, conversation, context, prepared.parts)
    if conversation.stream:
        prepared.stream = shared_stream(conversation, prepared.parts, reply, context)
        if prepared.stream is not None:
            return perform(prepared.stream, context)
    else:
        prepared.document = shared_document(prepared.parts, reply, context)
    return reply
