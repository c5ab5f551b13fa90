"""The dialect of stored responses, read together with the responses that they continue."""

from __future__ import annotations

from functools import partial
from typing import Any

from oagw_tornado.reply.conversation import Conversation
from oagw_tornado.reply.parts import Parts
from oagw_tornado.reply.reply import Reply
from oagw_tornado.services.context import Context
from oagw_tornado.services.dialect import Asked, reply_to
from oagw_tornado.services.openai.bounds import quote
from oagw_tornado.services.openai.errors import InvalidRequest
from oagw_tornado.services.openai.responses import history
from oagw_tornado.services.openai.responses.dialect import RESPONSES
from oagw_tornado.services.openai.responses.document import response_object
from oagw_tornado.services.openai.responses.reading import read
from oagw_tornado.services.openai.responses.store import StoredResponse, StoredResponses
from oagw_tornado.services.openai.responses.writing import write
from oagw_tornado.units.documents import write_json


def reply_to_response(asked: Asked, store: StoredResponses) -> Reply:
    """The reply to the request of a response, which is stored unless it says no. Raises InvalidRequest."""
    dialect = RESPONSES._replace(
        read=partial(read, recall=store.recall), write=partial(_write, store, asked.body), check=partial(_check, store)
    )
    return reply_to(dialect, asked)


def _check(store: StoredResponses, conversation: Conversation, body: bytes) -> None:
    """Raise InvalidRequest for what the real service refuses."""
    request = conversation.request
    history.check(request)
    earlier = store.recall(request.previous_response_id)
    if earlier is None:
        if request.previous_response_id is not None:
            raise not_found_before(request.previous_response_id)
        earlier = ()
    history.check_calls((*earlier, *history.items_of(request)))


def not_found_before(id: str) -> InvalidRequest:
    """The refusal of a request that builds on a response that is not there."""
    return InvalidRequest(
        f"Previous response with id '{quote(id)}' not found.",
        param="previous_response_id",
        code="previous_response_not_found",
    )


def _write(store: StoredResponses, body: bytes, conversation: Conversation, parts: Parts, context: Context) -> Reply:
    request = conversation.request
    if request.store is False:
        return write(conversation, parts, context)
    stored = StoredResponse(
        f"resp_{context.request_id}",
        body,
        store.chain(request.previous_response_id),
        lambda: write_json(response_object(conversation, parts, context, "in_progress", [])),
    )

    def end(document: dict[str, Any]) -> None:
        store.end(stored, write_json(document))

    reply = write(conversation, parts, context, end)
    if reply.frames is None:
        stored.end(reply.body)
    store.keep(stored)
    return reply
