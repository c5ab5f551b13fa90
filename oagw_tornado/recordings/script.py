"""A recording as a script: what the model said, part by part, with its pauses, to be edited and replied by a rule.

Known are the dialects of OpenAI (chat completions, completions, responses) and Anthropic (messages), streamed and
whole. What is said in any other becomes an HTTP reply with its events. `left_out` names what no part can say.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from oagw_tornado.recordings.anthropic_output import anthropic_message, anthropic_stream
from oagw_tornado.recordings.model_output import ModelOutput
from oagw_tornado.recordings.openai_output import (
    chat_completion,
    chat_stream,
    completion,
    completion_stream,
    openai_error,
    response,
    response_stream,
)  # fmt: skip
from oagw_tornado.recordings.recording import Recording
from oagw_tornado.reply.sse import Event, EventDecoder
from oagw_tornado.units.documents import DocumentError, read_json
from oagw_tornado.units.durations import format_duration


class Scripted(NamedTuple):
    """The `reply` of a rule, and a line for each thing that it does not say."""

    reply: Any
    left_out: list[str]


# By the end of the path: what reads a stream, and what reads a whole reply.
_DIALECTS = {
    "chat/completions": (chat_stream, chat_completion),
    "completions": (completion_stream, completion),
    "responses": (response_stream, response),
    "messages": (anthropic_stream, anthropic_message),
}


def rule_of(recording: Recording) -> tuple[dict[str, Any], list[str]]:
    """A rule that replies as was recorded to requests for the same path, and what it leaves out.

    Raises ValueError for a recording without a reply.
    """
    scripted = script_of(recording)
    request = recording.head.request
    match = {"alias": recording.head.alias, "path": f"/{request.path.lstrip('/')}", "method": request.method}
    return {"match": match, "reply": scripted.reply}, scripted.left_out


def script_of(recording: Recording) -> Scripted:
    """What a rule replies that says what was recorded. Raises ValueError for a recording without a reply."""
    reply = recording.head.reply
    if reply is None:
        raise ValueError(f"there was no reply: {recording.ended}")
    path = recording.head.request.path.rstrip("/")
    readers = next((each for end, each in _DIALECTS.items() if f"/{path}".endswith(f"/{end}")), None)
    said = ModelOutput()
    if readers is not None:
        if reply.status >= 400:
            said.add_error(openai_error(_document(recording), reply.status))
            return Scripted(said.parts(recording.end_us), said.left_out)
        if _is_event_stream(recording):
            for at, event in _events(recording):
                readers[0](said, at, event)
            _end(said, recording)
            return Scripted(said.parts(recording.end_us), said.left_out)
        document = _document(recording)
        if isinstance(document, dict) and reply.status == 200:
            readers[1](said, recording.offsets[0] if recording.offsets else 0, document)
            return Scripted(said.parts(recording.end_us), said.left_out)
    return _http_reply(recording)


def _end(said: ModelOutput, recording: Recording) -> None:
    if recording.ended not in ("complete", "client-left"):
        said.left_out.append(f"it ended with {recording.ended or 'the recorder'}: a fault such as reset does that")


def _header(recording: Recording, wanted: str) -> str:
    headers = recording.head.reply.headers if recording.head.reply is not None else ()
    return next((value for name, value in headers if name.lower() == wanted), "")


def _is_event_stream(recording: Recording) -> bool:
    return _header(recording, "content-type").lower().startswith("text/event-stream")


def _events(recording: Recording) -> Iterator[tuple[int, Event]]:
    decoder = EventDecoder()
    for at, data in zip(recording.offsets, recording.reads, strict=True):
        for event in decoder.feed(data):
            yield at, event


def _event_documents(recording: Recording) -> Iterator[dict[str, Any]]:
    before, last_id = 0, ""
    for at, event in _events(recording):
        named = {"event": event.event} if event.event != "message" else {}
        numbered = {"id": event.id} if event.id != last_id else {}
        retried = {"retry": event.retry} if event.retry is not None else {}
        yield {**numbered, **named, **retried, "data": event.data, "after": _duration(at - before)}
        before, last_id = at, event.id


def _document(recording: Recording) -> Any:
    try:
        return read_json(b"".join(recording.reads))
    except DocumentError:
        return None


def _http_reply(recording: Recording) -> Scripted:
    head = recording.head.reply
    assert head is not None
    document: dict[str, Any] = {"status": head.status}
    kept = {"content-type", "retry-after", "location", "etag", "cache-control"}
    headers = {name: value for name, value in head.headers if name.lower() in kept}
    left_out: list[str] = []
    if _is_event_stream(recording):
        headers.pop(next((name for name in headers if name.lower() == "content-type"), ""), None)
        document |= ({"headers": headers} if headers else {}) | {"events": list(_event_documents(recording))}
        return Scripted(document, left_out)
    if headers:
        document["headers"] = headers
    body = b"".join(recording.reads)
    found = _document(recording)
    if found is not None:
        document["json"] = found
        headers.pop(next((name for name in headers if name.lower() == "content-type"), ""), None)
    else:
        try:
            document["text"] = body.decode()
        except UnicodeDecodeError:
            from base64 import b64encode

            document["base64"] = b64encode(body).decode()
    return Scripted({key: value for key, value in document.items() if value != {}}, left_out)


def _duration(microseconds: int) -> str:
    return format_duration(microseconds / 1_000_000)
