"""The bodies of requests as typed values."""

from __future__ import annotations

from typing import TypeVar

from oagw_tornado.services import typed
from oagw_tornado.services.openai.errors import InvalidRequest
from oagw_tornado.services.openai.invalid_field import invalid_field

T = TypeVar("T")


def read(body: bytes, type: type[T]) -> T:
    """Read a request's body. Raises InvalidRequest."""
    try:
        return typed.read(body, type)
    except typed.WrongField as error:
        raise invalid_field(error) from None
    except typed.NotJson:
        raise InvalidRequest("We could not parse the JSON body of your request.") from None
