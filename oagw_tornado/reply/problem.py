"""What is wrong, before a service words it; and how an error is written in mid-stream."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from oagw_tornado.units.documents import write_json


class Problem(NamedTuple):
    """What is wrong, before a service words it."""

    status: int
    message: str
    type: str | None = None
    code: str | None = None
    param: str | None = None
    retry_after: float | None = None
    """Seconds after which it may be well again."""
    more: Mapping[str, Any] = {}
    """What the service says of this error alone."""


#: Tells a client of a stream, in the stream's own form, that something went wrong in the middle of it. It gets what is
#: wrong (None: what usually goes wrong there), and how many events went before.
ErrorWriter = Callable[[Problem | None, int], bytes]

SERVER_ERROR = Problem(500, "The server had an error while processing your request.", "server_error")


def error_object(problem: Problem) -> dict[str, str | None]:
    """An error in the format of the OpenAI API and its imitators."""
    return {"message": problem.message, "type": problem.type, "param": problem.param, "code": problem.code}


def error_chunk(problem: Problem | None, events: int) -> bytes:
    """An error in the middle of a stream of `data:` lines."""
    return b"data: %b\n\n" % write_json({"error": error_object(problem or SERVER_ERROR)})
