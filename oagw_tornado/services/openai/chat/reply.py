"""The reply to a chat completion. Those who test load ask the same again and again: then little is made anew.

What a reply depends on beside its id and its time is kept, for bodies that are not long; so is its stream.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from oagw_tornado.reply.conversation import Conversation
from oagw_tornado.reply.parts import Parts, Script
from oagw_tornado.reply.reply import Reply
from oagw_tornado.services.context import Context
from oagw_tornado.services.dialect import canned_parts, reply_of
from oagw_tornado.services.openai.chat.dialect import CHAT
from oagw_tornado.services.openai.chat.shared_stream import SharedStream, perform, shared_stream

#: Bytes of a request's body up to which it is known again.
LONGEST_KEPT = 4096


class Prepared:
    """A request that was read and what is said to it: all of a reply but its id and its time."""

    __slots__ = ("conversation", "parts", "stream")

    def __init__(self, conversation: Conversation) -> None:
        self.conversation = conversation
        # What is said to it, once somebody has asked.
        self.parts: Parts | None = None
        # The stream as all who ask share it; None: nobody has asked yet, or it cannot be shared.
        self.stream: SharedStream | None = None


def conversation_in(body: bytes, context: Context) -> Conversation:
    """As `read`, from memory where the same body was read before. Raises InvalidRequest."""
    return prepare(body, context, None).conversation


def prepare(body: bytes, context: Context, script: Script | None) -> Prepared:
    """What the reply to `body` depends on beside its id and its time. Raises InvalidRequest."""
    make = _prepare_once if len(body) <= LONGEST_KEPT else _prepare
    return make(body, context[2:], script)


def _prepare(body: bytes, settings: tuple[Any, ...], script: Script | None) -> Prepared:
    # Of a context nothing goes in but what is the same for all, so it may be kept.
    return Prepared(CHAT.read(body, Context("", 0, *settings)))


_prepare_once = lru_cache(128)(_prepare)


def chat_reply(body: bytes, context: Context, script: Script | None = None) -> Reply:
    """The reply to the body of a request, `script` or what the canned model says. Raises InvalidRequest."""
    prepared = prepare(body, context, script)
    if prepared.stream is not None:
        return perform(prepared.stream, context)
    conversation = prepared.conversation
    if prepared.parts is None:
        prepared.parts = canned_parts(CHAT, conversation, context) if script is None else script.parts
    reply = reply_of(CHAT, conversation, context, prepared.parts)
    if conversation.stream:
        prepared.stream = shared_stream(conversation, prepared.parts, reply, context)
        if prepared.stream is not None:
            return perform(prepared.stream, context)
    return reply
