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
    except typed.NotJson as error:
        why = f" It has {error}." if str(error) else ""
        raise InvalidRequest(f"We could not parse the JSON body of your request.{why}") from None
