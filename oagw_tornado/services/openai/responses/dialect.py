"""The two directions of the dialect."""

from __future__ import annotations

from functools import partial

from oagw_tornado.reply.conversation import Conversation
from oagw_tornado.reply.parts import Script
from oagw_tornado.reply.reply import Reply
from oagw_tornado.services.context import Context
from oagw_tornado.services.dialect import Asked, ModelDialect, reply_to
from oagw_tornado.services.openai.errors import ERRORS, InvalidRequest
from oagw_tornado.services.openai.response_format import unanswerable
from oagw_tornado.services.openai.responses import history
from oagw_tornado.services.openai.responses.reading import read
from oagw_tornado.services.openai.responses.writing import write


def too_long() -> InvalidRequest:
    """The refusal of a reply that is too long to be sent whole."""
    return InvalidRequest("So long a response can only be streamed.", param="stream")


def check(conversation: Conversation, body: bytes) -> None:
    """Raise InvalidRequest for what the real service refuses."""
    history.check(conversation.request)
    history.check_calls(history.items_of(conversation.request))


RESPONSES = ModelDialect(read, write, ERRORS, partial(unanswerable, schema_field="text.format.schema"), too_long, check)


def response_reply(body: bytes, context: Context, script: Script | None = None) -> Reply:
    """The reply to the body of a request, `script` or what the canned model says. Raises InvalidRequest."""
    return reply_to(RESPONSES, Asked(body, context, script))
