"""The endpoints of stored responses: https://platform.openai.com/docs/api-reference/responses/get."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oagw_tornado.reply.reply import JSON, Reply, json_reply
from oagw_tornado.services.openai.context import Context
from oagw_tornado.services.openai.errors import InvalidRequest
from oagw_tornado.services.openai.handlers import ApiHandler
from oagw_tornado.units.documents import brief

if TYPE_CHECKING:
    from oagw_tornado.services.openai.responses.store import StoredResponse, StoredResponses

#: Items of one page, and how many there are unless a number is asked for.
MOST_LISTED = 100
_LISTED = 20


class _StoreHandler(ApiHandler):
    takes_turns = False

    @property
    def store(self) -> StoredResponses:
        from oagw_tornado.services.openai.responses.shared import responses_of

        return responses_of(self.responder.states)

    def stored(self, id: str) -> StoredResponse:
        """The response of this id. Raises InvalidRequest."""
        response = self.store.get(id)
        if response is None:
            raise self.not_found(id)
        return response

    @staticmethod
    def not_found(id: str) -> InvalidRequest:
        """The refusal of a request for what is not there."""
        return InvalidRequest(f"Response with id '{brief(id)}' not found.", status=404)

    def allow(self, *methods: str) -> None:
        """Raise InvalidRequest for any other method."""
        method = self.request.method or ""
        if method not in methods:
            raise InvalidRequest(f"Invalid method for URL ({method} {brief(self.request.path)})", status=405)


class StoredResponseHandler(_StoreHandler):
    """``v1/responses/<id>``"""

    def reply(self, context: Context, *path_args: str) -> Reply:
        self.allow("GET", "HEAD", "DELETE")
        response = self.stored(path_args[0])
        if self.request.method == "DELETE":
            if not self.store.forget(response.id):
                raise self.not_found(response.id)  # another one who asked was faster
            return json_reply({"id": response.id, "object": "response", "deleted": True})
        return Reply(200, JSON, response.document)


class InputItemsHandler(_StoreHandler):
    """``v1/responses/<id>/input_items``"""

    def reply(self, context: Context, *path_args: str) -> Reply:
        from oagw_tornado.services.openai.responses.store import input_items

        self.allow("GET", "HEAD")
        items = input_items(self.stored(path_args[0]))
        if self._one_of("order", "desc", "asc") == "desc":
            items.reverse()
        after = self.get_query_argument("after", "")
        ids = [item["id"] for item in items]
        if after and after not in ids:
            raise InvalidRequest(f"Item with id '{brief(after)}' not found.", param="after", status=404)
        first = ids.index(after) + 1 if after else 0
        page = items[first : first + self._limit()]
        return json_reply({
            "object": "list",
            "data": page,
            "first_id": page[0]["id"] if page else None,
            "last_id": page[-1]["id"] if page else None,
            "has_more": first + len(page) < len(items),
        })  # fmt: skip

    def _one_of(self, name: str, *values: str) -> str:
        from oagw_tornado.services.openai.bounds import unsupported

        value = self.get_query_argument(name, values[0])
        if value not in values:
            raise unsupported(value, values, name)
        return value

    def _limit(self) -> int:
        text = self.get_query_argument("limit", str(_LISTED))
        if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= MOST_LISTED):
            raise InvalidRequest(
                f"Invalid 'limit': expected an integer from 1 to {MOST_LISTED}, but got '{brief(text)}' instead.",
                param="limit",
                code="invalid_value",
            )
        return int(text)
