"""The two directions of the dialect."""

from __future__ import annotations

from oagw_tornado.reply.conversation import Conversation
from oagw_tornado.services.dialect import Dialect
from oagw_tornado.services.openai.chat import history
from oagw_tornado.services.openai.chat.reading import read, unanswerable
from oagw_tornado.services.openai.chat.writing import write
from oagw_tornado.services.openai.errors import ERRORS, too_long


def check(conversation: Conversation, body: bytes) -> None:
    """Raise InvalidRequest for what the real service refuses."""
    history.check(conversation.request)


CHAT = Dialect(read, write, ERRORS, unanswerable, too_long, check)
