"""One recording is one file of JSON lines: a head, what came of the body read by read, and how it ended. ::

    {"recording":1,"ended":"complete"  ,"alias":"openai","at":"2026-01-01T00:00:00.000000Z","request":{…},"reply":{…}}
    {"at":251034,"text":"data: {…}\\n\\n"}
    {"at":301299,"ended":"complete","trailers":[]}

It is written line by line as the exchange proceeds, and read up to the last complete line: however the recorder ends,
the recording is usable. The head also says how the exchange ended, so that a list need not read whole files: the field
has a fixed width, and is overwritten when the end is known. Times are in whole microseconds since the request was
admitted. Bytes are a ``text`` where they are UTF-8, else ``base64``.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple

import orjson

from oagw_tornado.units.documents import DocumentError, quoted, read_json

#: The version of the format.
VERSION = 1

#: The file name extension of a recording.
SUFFIX = ".jsonl"

_BEGIN = b'{"recording":%d,"ended":' % VERSION

#: Where the head says how the recording ended, and how many bytes there are for it.
ENDED_AT = len(_BEGIN)
ENDED_WIDTH = 32

Fields = tuple[tuple[str, str], ...]


class RecordingError(ValueError):
    """An invalid line of a recording. The text names the key and says what was expected."""


class RecordedRequest(NamedTuple):
    """A request as the simulator got it. `path` is what followed the alias, as sent, `query` is without the ``?``."""

    method: str
    path: str
    query: str = ""
    headers: Fields = ()
    body: bytes | None = None
    """None if there is none, or if it was too large, so that only its hash is known."""
    body_sha256: str = sha256().hexdigest()
    """Of the body as it was sent, in hexadecimal."""
    body_bytes: int = 0


class RecordedReply(NamedTuple):
    """The head of a reply. `reason` is empty where the upstream gave none."""

    status: int
    reason: str = ""
    headers: Fields = ()


class RecordingHead(NamedTuple):
    """The first line: what was asked of which upstream, and the head of the reply."""

    alias: str
    at: str
    """When the request was admitted, UTC: ``2026-01-01T00:00:00.000000Z``."""
    request: RecordedRequest
    reply: RecordedReply | None = None
    """None: there was none, as the upstream could not be reached, say."""
    first_byte_us: int | None = None
    """When the head of the reply was there."""
    ended: str | None = None
    """As `End.ended`; None: the recorder did not come to say."""


class Read(NamedTuple):
    """What came of the body in one read."""

    at: int
    data: bytes


class End(NamedTuple):
    """The last line: ``complete``, or the name of what ended the reply, and in words why."""

    at: int
    ended: str
    error: str = ""
    trailers: Fields = ()


Line = RecordingHead | Read | End


# Writing


def encode_head(head: RecordingHead) -> bytes:
    """The first line, with room for `encode_ended` at `ENDED_AT`."""
    request, reply = head.request, head.reply
    rest = {
        "alias": head.alias,
        "at": head.at,
        "request": {
            **request._asdict(),
            "body": None if request.body is None else _document(request.body, "text"),
        },
        "reply": None if reply is None else reply._asdict(),
        "first_byte_us": head.first_byte_us,
    }
    return b"%b%b,%b\n" % (_BEGIN, encode_ended(head.ended), orjson.dumps(rest)[1:])


def encode_ended(ended: str | None) -> bytes:
    """What the head has at `ENDED_AT`: always of the same width. Raises ValueError for a name that is too long."""
    text = orjson.dumps(ended)
    if len(text) > ENDED_WIDTH:
        raise ValueError(f"{ended!r} is longer than {ENDED_WIDTH - 2} bytes")
    return text.ljust(ENDED_WIDTH)


def encode_read(read: Read) -> bytes:
    """The line of one read."""
    try:
        text = read.data.decode()
    except UnicodeDecodeError:
        return b'{"at":%d,"base64":"%b"}\n' % (read.at, b64encode(read.data))
    return b'{"at":%d,"text":%b}\n' % (read.at, orjson.dumps(text))


def encode_end(end: End) -> bytes:
    """The last line."""
    error = {"error": end.error} if end.error else {}
    return orjson.dumps({"at": end.at, "ended": end.ended, **error, "trailers": end.trailers}) + b"\n"


def _document(data: bytes, key: str) -> Any:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"base64": b64encode(data).decode()}


# Reading


def decode_line(line: bytes) -> Line:
    """What one line says, with or without its line break. Raises RecordingError."""
    try:
        document = read_json(line, is_bounded=False)
    except DocumentError as error:
        raise RecordingError(f"is not a JSON document: {error}") from None
    if not isinstance(document, dict):
        raise RecordingError(f"expected an object, not {quoted(document)}")
    if "recording" in document:
        return _head(document)
    at = _whole(document, "at")
    if "ended" in document:
        why = _text(document, "error", "")
        return End(at, _text(document, "ended"), why, _fields(document, "trailers", ()))
    return Read(at, _bytes(document))


def _head(document: Mapping[str, Any]) -> RecordingHead:
    if document["recording"] != VERSION:
        raise RecordingError(f"recording: expected version {VERSION}, not {quoted(document['recording'])}")
    ended = document.get("ended")
    if ended is not None and not isinstance(ended, str):
        raise RecordingError(f"ended: expected a text or null, not {quoted(ended)}")
    reply = document.get("reply")
    first = document.get("first_byte_us")
    return RecordingHead(
        _text(document, "alias"),
        _text(document, "at"),
        _request(_object(document, "request")),
        None if reply is None else _reply(_object(document, "reply")),
        None if first is None else _whole(document, "first_byte_us"),
        ended,
    )


def _request(document: Mapping[str, Any]) -> RecordedRequest:
    where = "request."
    given = document.get("body")
    body = given.encode() if isinstance(given, str) else None
    if given is not None and body is None:
        body = _bytes(_object(document, "body", where), f"{where}body.")
    return RecordedRequest(
        _text(document, "method", where=where),
        _text(document, "path", where=where),
        _text(document, "query", "", where),
        _fields(document, "headers", (), where),
        body,
        _text(document, "body_sha256", sha256(body or b"").hexdigest(), where),
        _whole(document, "body_bytes", where) if "body_bytes" in document else len(body or b""),
    )


def _reply(document: Mapping[str, Any]) -> RecordedReply:
    status = _whole(document, "status", "reply.")
    if not 100 <= status <= 999:
        raise RecordingError(f"reply.status: expected three digits, not {status}")
    return RecordedReply(status, _text(document, "reason", "", "reply."), _fields(document, "headers", (), "reply."))


def _object(document: Mapping[str, Any], key: str, where: str = "") -> Mapping[str, Any]:
    value = document.get(key)
    if not isinstance(value, dict):
        raise RecordingError(f"{where}{key}: expected an object, not {quoted(value)}")
    return value


def _text(document: Mapping[str, Any], key: str, default: str | None = None, where: str = "") -> str:
    value = document.get(key, default)
    if not isinstance(value, str):
        raise RecordingError(f"{where}{key}: expected a text, not {quoted(value)}")
    return value


def _whole(document: Mapping[str, Any], key: str, where: str = "") -> int:
    value = document.get(key)
    if type(value) is not int or not 0 <= value < 2**63:
        raise RecordingError(f"{where}{key}: expected a whole number from 0, not {quoted(value)}")
    return value


def _fields(document: Mapping[str, Any], key: str, default: Fields | None = None, where: str = "") -> Fields:
    value = document.get(key, default)
    if isinstance(value, (list, tuple)) and all(
        isinstance(each, list) and len(each) == 2 and all(isinstance(text, str) for text in each) for each in value
    ):
        return tuple((name, text) for name, text in value)
    raise RecordingError(f"{where}{key}: expected a list of [name, value], not {quoted(value)}")


def _bytes(document: Mapping[str, Any], where: str = "") -> bytes:
    if isinstance(text := document.get("text"), str):
        return text.encode()
    if not isinstance(encoded := document.get("base64"), str):
        raise RecordingError(f"{where}text: expected a text here or in base64")
    try:
        return b64decode(encoded, validate=True)
    except ValueError:
        raise RecordingError(f"{where}base64: not base64: {quoted(encoded)}") from None
