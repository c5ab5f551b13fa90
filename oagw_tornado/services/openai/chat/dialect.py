"""The two directions of the dialect."""

from __future__ import annotations

from functools import partial

from oagw_tornado.reply.conversation import Conversation
from oagw_tornado.services.dialect import ModelDialect
from oagw_tornado.services.openai.chat import history
from oagw_tornado.services.openai.chat.reading import read
from oagw_tornado.services.openai.chat.writing import write
from oagw_tornado.services.openai.errors import ERRORS, too_long
from oagw_tornado.services.openai.response_format import unanswerable


def check(conversation: Conversation, body: bytes) -> None:
    """Raise InvalidRequest for what the real service refuses."""
    history.check(conversation.request)


CHAT = ModelDialect(read, write, ERRORS, partial(unanswerable, schema_field="response_format"), too_long, check)
