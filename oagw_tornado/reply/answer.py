"""An HTTP reply defined by a rule, for any upstream: a status, headers, and a body or a list of events."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from oagw_tornado.reply.reply import EVENT_STREAM, JSON, Headers, Reply
from oagw_tornado.reply.schedule import Frame
from oagw_tornado.reply.script_fields import ScriptError, as_text, fields_of, latency, only, text_field, whole
from oagw_tornado.reply.sse import encode
from oagw_tornado.units.documents import quoted
from oagw_tornado.units.latency import Latency

#: Events of one reply, headers of one reply, characters of one body.
MOST_EVENTS = 2_000
MOST_HEADERS = 100
LONGEST_BODY = 4 * 2**20

_BODIES = ("json", "text", "base64", "file", "events")
_KEYS = ("status", "headers", *_BODIES)
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,100}")
_VALUE = re.compile(r"[\t -~\x80-\xff]{0,8000}")
#: What the connection says of the body it sends.
_FRAMING = ("content-length", "transfer-encoding", "connection", "trailer", "upgrade", "keep-alive")
_TEXT: Headers = (("Content-Type", "text/plain; charset=utf-8"),)
_BYTES: Headers = (("Content-Type", "application/octet-stream"),)


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What is replied, in any dialect."""

    status: int
    headers: Headers
    body: bytes = b""
    frames: tuple[Frame, ...] | None = None

    needs_conversation = False

    @property
    def draws(self) -> bool:
        """Whether one of its waits is drawn from a distribution."""
        return any(frame.wait is not None and not frame.wait.is_fixed for frame in self.frames or ())

    def reply(self) -> Reply:
        """The reply itself."""
        return Reply(self.status, self.headers, self.body, self.frames, pace="event-interval")


def text_answer(text: str) -> Answer:
    """A text that answers a request other than a conversation."""
    return Answer(200, _TEXT, text.encode())


def parse_answer(document: Any, where: str) -> Answer:
    """Read an HTTP reply. Raises ScriptError, which names the key."""
    only(document, _KEYS, where)
    status = whole(document.get("status", 200), f"{where}.status", 200, 599)
    headers = _headers(document.get("headers", {}), f"{where}.headers")
    bodies = [key for key in _BODIES if key in document]
    if len(bodies) > 1:
        raise ScriptError(f"{where}: expected one of {', '.join(_BODIES)}, not {' and '.join(bodies)}")
    if bodies == ["events"]:
        frames = _events(document["events"], f"{where}.events")
        return Answer(status, _with_defaults(headers, EVENT_STREAM), frames=frames)
    if not bodies:
        return Answer(status, headers)
    body, default = _body(bodies[0], document[bodies[0]], f"{where}.{bodies[0]}")
    return Answer(status, _with_defaults(headers, default), body)


def _body(kind: str, value: Any, where: str) -> tuple[bytes, Headers]:
    if kind == "file":
        raise ScriptError(f"{where}: files are read for rules of the configuration file only")
    if kind == "text":
        return as_text(value, where, LONGEST_BODY).encode(), _TEXT
    if kind == "json":
        try:
            return orjson.dumps(value), JSON
        except TypeError as error:
            raise ScriptError(f"{where}: expected a JSON value: {error}") from None
    try:
        return b64decode(value, validate=True), _BYTES
    except (TypeError, ValueError):
        raise ScriptError(f"{where}: expected base64, not {quoted(value)}") from None


def _headers(value: Any, where: str) -> Headers:
    given = fields_of(value, where)
    if len(given) > MOST_HEADERS:
        raise ScriptError(f"{where}: expected at most {MOST_HEADERS} headers")
    headers: list[tuple[str, str]] = []
    for name, values in given.items():
        if not isinstance(name, str) or not _TOKEN.fullmatch(name):
            raise ScriptError(f"{where}: expected names of headers, not {quoted(name)}")
        if name.lower() in _FRAMING:
            raise ScriptError(f"{where}.{name}: is set by the connection itself")
        for each in values if isinstance(values, list) else [values]:
            text = str(each) if isinstance(each, (int, float)) and not isinstance(each, bool) else each
            if not isinstance(text, str) or not _VALUE.fullmatch(text):
                raise ScriptError(f"{where}.{name}: expected a text of one line, not {quoted(each)}")
            headers.append((name, text))
    return tuple(headers)


def _with_defaults(headers: Headers, defaults: Headers) -> Headers:
    """`headers`, and those of `defaults` that are not there."""
    given = {name.lower() for name, _ in headers}
    return (*headers, *(field for field in defaults if field[0].lower() not in given))


def _events(value: Any, where: str) -> tuple[Frame, ...]:
    if not isinstance(value, list):
        raise ScriptError(f"{where}: expected a list of events, not {quoted(value)}")
    if len(value) > MOST_EVENTS:
        raise ScriptError(f"{where}: expected at most {MOST_EVENTS} events, not {len(value)}")
    return tuple(_event(each, f"{where}[{number}]") for number, each in enumerate(value))


def _event(value: Any, where: str) -> Frame:
    given = {"data": value} if isinstance(value, str) else fields_of(value, where)
    only(given, ("id", "event", "data", "retry", "comment", "after"), where)
    wait: Latency | None = latency(given["after"], f"{where}.after") if "after" in given else None
    return Frame(event_bytes({key: each for key, each in given.items() if key != "after"}, where), True, wait)


def event_bytes(given: Mapping[str, Any], where: str) -> bytes:
    """A server-sent event of its fields. Raises ScriptError."""
    only(given, ("id", "event", "data", "retry", "comment"), where)
    data = given.get("data")
    if data is not None and not isinstance(data, str):
        try:
            data = orjson.dumps(data).decode()
        except TypeError as error:
            raise ScriptError(f"{where}.data: expected a JSON value: {error}") from None
    retry = whole(given["retry"], f"{where}.retry", 0, 2**53) if "retry" in given else None
    id = given.get("id")
    if isinstance(id, int) and not isinstance(id, bool):
        given = {**given, "id": str(id)}
    texts: dict[str, Any] = {key: text_field(given, key, where) for key in ("id", "event", "comment")}
    try:
        return encode(data, retry=retry, **texts)
    except ValueError as error:
        raise ScriptError(f"{where}: {error}") from None
