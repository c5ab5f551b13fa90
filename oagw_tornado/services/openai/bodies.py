"""The bodies of requests as typed values."""

from __future__ import annotations

from typing import TypeVar

from oagw_tornado.services import typed
from oagw_tornado.services.openai.bounds import MOST_MESSAGES
from oagw_tornado.services.openai.errors import InvalidRequest
from oagw_tornado.services.openai.invalid_field import invalid_field

T = TypeVar("T")


def read(body: bytes, type: type[T]) -> T:
    """Read a request's body. Raises InvalidRequest."""
    try:
        return typed.read(body, type)
    except typed.WrongField as error:
        raise invalid_field(error) from None
    except typed.TooManyValues as error:
        if error.field in ("messages", "input"):
            raise InvalidRequest(
                f"Invalid '{error.field}': array too long. Expected an array with maximum length {MOST_MESSAGES}.",
                param=error.field,
                code="array_above_max_length",
            ) from None
        named = f"'{error.field}'" if error.field else "body"
        raise InvalidRequest(f"Invalid {named}: the request has {error}.", param=error.field or None) from None
    except typed.NotJson:
        raise InvalidRequest("We could not parse the JSON body of your request.") from None
