"""The errors of the Anthropic API: https://docs.anthropic.com/en/api/errors."""

from __future__ import annotations

from typing import TypeVar

from oagw_tornado.reply.reply import Reply, json_reply

T = TypeVar("T")

TYPES = {400: "invalid_request_error", 404: "not_found_error"}


class InvalidRequest(Exception):
    """The request cannot be served: why, in the API's terms."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.status = status

    def reply(self, request_id: str) -> Reply:
        """What the client is told."""
        error = {"type": TYPES[self.status], "message": self.message}
        return json_reply({"type": "error", "error": error, "request_id": request_id}, self.status)


def read(body: bytes, type: type[T]) -> T:
    """Read a request's body. Raises InvalidRequest."""
    from oagw_tornado.services import typed

    try:
        return typed.read(body, type)
    except typed.WrongField as error:
        field = error.field.replace("[", ".").replace("]", "")
        problem = "Field required" if error.missing else error.problem
        raise InvalidRequest(f"{field}: {problem}" if field else problem) from None
    except typed.NotJson:
        raise InvalidRequest("The request body is not valid JSON") from None
