"""How a stream of somebody else's says that something went wrong in the middle of it: in the form of its own events.

Whoever passes a stream on, or plays a recorded one, knows its bytes and its path, not its service: how it begins tells
which form its clients read, and the path does where nothing has come of it yet.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import orjson

from oagw_tornado.reply.problem import SERVER_ERROR, ErrorWriter, Problem, error_chunk

#: Bytes of a stream that tell whose it is.
LOOKED_AT = 4096

_OVERLOADED = Problem(529, "Overloaded", "overloaded_error")
_PING = b'event: ping\ndata: {"type":"ping"}\n\n'

_MESSAGES = re.compile(rb'^event: ?message_start\b|^data: ?\{"type": ?"message_start"', re.MULTILINE)
_RESPONSES = re.compile(rb'^event: ?response\.|^data: ?\{"type": ?"response\.', re.MULTILINE)
_CHUNKS = re.compile(rb'"object": ?"(?:chat\.completion\.chunk|text_completion)"')
_DATA = re.compile(rb"^data: ?(.*)$", re.MULTILINE)


class StreamForm(NamedTuple):
    """What such a stream says in trouble, and what keeps it alive."""

    error_event: ErrorWriter = error_chunk
    sign_of_life: bytes | None = None
    error_forms: Mapping[str, ErrorWriter] | None = None
    """Other ways to fail, by name."""


def form_of(content_type: str, beginning: bytes, path: str = "") -> StreamForm:
    """The form of a stream that begins so, and was asked for by this path."""
    if not content_type.lower().startswith("text/event-stream"):
        return StreamForm(_line)
    route = path.rstrip("/").rpartition("/")[2]
    if _MESSAGES.search(beginning):
        route = "messages"
    elif _RESPONSES.search(beginning):
        route = "responses"
    elif _CHUNKS.search(beginning):
        route = "completions"
    if route == "messages":
        return StreamForm(_message_error, _PING)
    if route == "responses":
        return StreamForm(_response_error, None, _response_forms(beginning))
    return StreamForm(_chat_error) if route == "completions" else StreamForm()


def form_when_asked(content_type: str, path: str, beginning: Callable[[], bytes]) -> StreamForm:
    """The same of a stream that is still coming: its `beginning` is looked at when something goes wrong."""

    def asked() -> StreamForm:
        return form_of(content_type, beginning(), path)

    def failing(name: str) -> ErrorWriter:
        def write(problem: Problem | None, events: int) -> bytes:
            form = asked()
            return (form.error_forms or {}).get(name, form.error_event)(problem, events)

        return write

    known = asked()
    forms = {name: failing(name) for name in known.error_forms or ()}
    return StreamForm(lambda problem, events: asked().error_event(problem, events), known.sign_of_life, forms or None)


def _chat_error(problem: Problem | None, events: int) -> bytes:
    error = problem or SERVER_ERROR
    return error_chunk(error if error.type else error._replace(type=SERVER_ERROR.type), events)


def _message_error(problem: Problem | None, events: int) -> bytes:
    error = problem or _OVERLOADED
    return _named("error", {"type": "error", "error": {"type": error.type or "api_error", "message": error.message}})


def _response_error(problem: Problem | None, events: int) -> bytes:
    error = problem or SERVER_ERROR
    said = {"code": _code(error), "message": error.message, "param": error.param}
    return _named("error", {"type": "error", "sequence_number": events, **said})


def _code(error: Problem) -> str | None:
    return error.code or error.type or SERVER_ERROR.type


def _response_forms(beginning: bytes) -> Mapping[str, ErrorWriter]:
    """``response.failed`` and ``response.incomplete`` say the response again that the stream has begun with."""

    def ended(status: str, events: int, **why: Any) -> bytes:
        response = {"object": "response", **_first_response(beginning), "status": status, **why}
        kind = f"response.{status}"
        return _named(kind, {"type": kind, "sequence_number": events, "response": response})

    def failed(problem: Problem | None, events: int) -> bytes:
        error = problem or SERVER_ERROR
        return ended("failed", events, error={"code": _code(error), "message": error.message})

    def incomplete(problem: Problem | None, events: int) -> bytes:
        reason = (problem.code or problem.type) if problem is not None else None
        return ended("incomplete", events, incomplete_details={"reason": reason or "max_output_tokens"})

    return {"failed": failed, "incomplete": incomplete}


def _first_response(beginning: bytes) -> dict[str, Any]:
    """The response that the first event has; empty if that is not there, or not whole."""
    data = _DATA.search(beginning)
    try:
        response = orjson.loads(data[1])["response"] if data is not None else {}
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return {}
    return response if isinstance(response, dict) else {}


def _named(event: str, document: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (event.encode(), orjson.dumps(document))


def _line(problem: Problem | None, events: int) -> bytes:
    return b"%b\n" % orjson.dumps({"error": (problem or SERVER_ERROR).message})
