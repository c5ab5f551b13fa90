"""How a stream of somebody else's says that something went wrong in the middle of it: in the form of its own events.

Whoever plays a recorded stream knows its bytes, not its service; how it begins tells which form its clients read.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from oagw_tornado.reply.problem import SERVER_ERROR, ErrorWriter, Problem, error_chunk

_OVERLOADED = Problem(529, "Overloaded", "overloaded_error")


class StreamForm(NamedTuple):
    """What such a stream says in trouble, and what keeps it alive."""

    error_event: ErrorWriter = error_chunk
    sign_of_life: bytes | None = None


def form_of(content_type: str, beginning: bytes) -> StreamForm:
    """The form of a stream that begins so."""
    if not content_type.lower().startswith("text/event-stream"):
        return StreamForm(_line)
    if b"event: message_start" in beginning or b"event:message_start" in beginning:
        return StreamForm(_message_error, b'event: ping\ndata: {"type":"ping"}\n\n')
    if b"event: response." in beginning or b"event:response." in beginning:
        return StreamForm(_response_error)
    return StreamForm()


def _message_error(problem: Problem | None, events: int) -> bytes:
    error = problem or _OVERLOADED
    return _named({"type": "error", "error": {"type": error.type or "api_error", "message": error.message}})


def _response_error(problem: Problem | None, events: int) -> bytes:
    error = problem or SERVER_ERROR
    said = {"code": error.code or error.type, "message": error.message, "param": error.param}
    return _named({"type": "error", "sequence_number": events, **said})


def _named(document: dict[str, Any]) -> bytes:
    return b"event: error\ndata: %b\n\n" % orjson.dumps(document)


def _line(problem: Problem | None, events: int) -> bytes:
    return b"%b\n" % orjson.dumps({"error": (problem or SERVER_ERROR).message})
