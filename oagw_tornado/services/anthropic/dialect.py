"""The two directions of the dialect."""

from __future__ import annotations

from msgspec.json import decode

from oagw_tornado.reply.conversation import Conversation
from oagw_tornado.reply.parts import Script
from oagw_tornado.reply.reply import Reply, json_reply
from oagw_tornado.reply.tokens import count_tokens
from oagw_tornado.services.anthropic.errors import ERRORS, too_long, unanswerable
from oagw_tornado.services.anthropic.errors import read as read_body
from oagw_tornado.services.anthropic.fields import COUNT, REQUEST, check_fields
from oagw_tornado.services.anthropic.history import check as check_history
from oagw_tornado.services.anthropic.reading import read
from oagw_tornado.services.anthropic.requests import CountRequest, MessagesRequest
from oagw_tornado.services.anthropic.writing import write
from oagw_tornado.services.context import Context
from oagw_tornado.services.dialect import Asked, ModelDialect, reply_to
from oagw_tornado.units.caches import CachedFunction

#: Bytes of a request's body up to which it is known again as one that was found good.
LONGEST_KEPT = 4096


def check(conversation: Conversation, body: bytes) -> None:
    """Raise InvalidRequest for what the real service refuses."""
    if len(body) > LONGEST_KEPT:
        check_request(conversation.request, body)
    else:
        _check_once(body)


def _check(body: bytes) -> None:
    # Load tests repeat themselves. Refused requests are checked again each time.
    check_request(read_body(body, MessagesRequest), body)


_check_once = CachedFunction(_check, 128)


def check_request(request: CountRequest, body: bytes) -> None:
    """As `check`, for a request that is not a conversation yet."""
    check_fields(decode(body), REQUEST if isinstance(request, MessagesRequest) else COUNT)
    check_history(request)


ANTHROPIC = ModelDialect(read, write, ERRORS, unanswerable, too_long, check)


def message_reply(body: bytes, context: Context, script: Script | None = None) -> Reply:
    """The reply to the body of a request, `script` or what the canned model says. Raises InvalidRequest."""
    return reply_to(ANTHROPIC, Asked(body, context, script))


def count_reply(body: bytes, *, is_strict: bool = True) -> Reply:
    """The reply to a request to count the tokens of a prompt. Raises InvalidRequest."""
    request = read_body(body, CountRequest)
    if is_strict:
        check_request(request, body)
    return json_reply({"input_tokens": count_tokens(request.texts()) + request.other_tokens})
