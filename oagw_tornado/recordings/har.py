"""Recordings as an HTTP Archive (HAR 1.2, http://www.softwareishard.com/blog/har-12-spec/), and back.

An archive has one time for the whole body. The instants of its reads are added under ``_oagw``, and Chrome's record
of server-sent events is read too, so that a stream from either keeps its timing; for any other, the knobs supply it.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from oagw_tornado import __version__
from oagw_tornado.recordings.foreign import Imported, alias_of, reads_of, request_of, whole_reply
from oagw_tornado.recordings.format import RecordedReply, RecordedRequest, RecordingHead
from oagw_tornado.recordings.recording import Recording
from oagw_tornado.reply.phrases import phrase
from oagw_tornado.units.documents import quoted

#: Where the gateway serves an alias; an archive wants whole URLs.
GATEWAY = "http://localhost:8765/api/oagw/v1/proxy"

_MILLISECOND = 1000


def har(entries: list[dict[str, Any]]) -> dict[str, Any]:
    """The archive of these entries."""
    creator = {"name": "oagw-tornado", "version": __version__}
    return {"log": {"version": "1.2", "creator": creator, "pages": [], "entries": entries}}


def har_entry(recording: Recording, name: str) -> dict[str, Any]:
    """One recording; `name` is that of its file."""
    head = recording.head
    first, end = (head.first_byte_us or 0) / _MILLISECOND, recording.end_us / _MILLISECOND
    return {
        "startedDateTime": head.at,
        "time": end,
        "request": _request(head.alias, head.request),
        "response": _response(recording),
        "cache": {},
        "timings": {
            "blocked": -1,
            "dns": -1,
            "connect": -1,
            "send": 0,
            "wait": first,
            "receive": max(0.0, end - first),
        },
        "comment": name,
        "_oagw": {
            "ended": recording.ended,
            "first_byte_us": head.first_byte_us,
            "reads": [[at, len(data)] for at, data in zip(recording.offsets, recording.reads, strict=True)],
        },
    }


def _pairs(fields: Any) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in fields]


def _request(alias: str, request: RecordedRequest) -> dict[str, Any]:
    query = f"?{request.query}" if request.query else ""
    view: dict[str, Any] = {
        "method": request.method,
        "url": f"{GATEWAY}/{alias}/{request.path.lstrip('/')}{query}",
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _pairs(request.headers),
        "queryString": _pairs(parse_qsl(request.query, keep_blank_values=True)),
        "headersSize": -1,
        "bodySize": request.body_bytes,
    }
    if request.body_bytes:
        kind = next((value for name, value in request.headers if name.lower() == "content-type"), "")
        text = request.body.decode("utf-8", "replace") if request.body is not None else ""
        view["postData"] = {"mimeType": kind, "text": text, "params": []}
        if request.body is None:
            view["postData"]["comment"] = f"not recorded; its SHA-256 is {request.body_sha256}"
    return view


def _response(recording: Recording) -> dict[str, Any]:
    reply = recording.head.reply or RecordedReply(0, recording.ended or "")
    headers = {name.lower(): value for name, value in reply.headers}
    body = b"".join(recording.reads)
    content: dict[str, Any] = {"size": len(body), "mimeType": headers.get("content-type", "")}
    try:
        content["text"] = body.decode()
    except UnicodeDecodeError:
        content |= {"text": b64encode(body).decode(), "encoding": "base64"}
    return {
        "status": reply.status,
        "statusText": reply.reason or (phrase(reply.status) if reply.status else ""),
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _pairs(reply.headers),
        "content": content,
        "redirectURL": headers.get("location", ""),
        "headersSize": -1,
        "bodySize": len(body),
    }


# Import


def import_har(document: Any, alias: str | None = None) -> Imported:
    """The recordings in an archive. Raises ValueError if it is not an archive.

    Without an `alias` each is told from its URL. A line says of each entry that has none why.
    """
    log = document.get("log") if isinstance(document, dict) else None
    entries = log.get("entries") if isinstance(log, dict) else None
    if not isinstance(entries, list):
        raise ValueError('expected {"log": {"entries": […]}}, an HTTP Archive')
    found = Imported([], [])
    for number, entry in enumerate(entries, 1):
        try:
            found.recordings.append(_recording(entry, alias))
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            found.left_out.append(f"entry {number}: {str(error)[:200]}; it is left out")
    return found


def _recording(entry: Any, given_alias: str | None) -> Recording:
    request, response = _object(entry, "request"), _object(entry, "response")
    url = _text(request, "url")
    alias, path = alias_of(url)
    post = request.get("postData")
    text = post.get("text") if isinstance(post, dict) else None
    asked = request_of(
        _text(request, "method"), path, urlsplit(url).query, _headers(request), (text or "").encode("utf-8", "replace")
    )
    status = response.get("status")
    if type(status) is not int or not 200 <= status <= 599:
        raise ValueError(f"response.status: expected 200 to 599, not {quoted(status)}")
    body = _content(_object(response, "content"))
    headers = _headers(response)
    reply, first, reads = RecordedReply(status, str(response.get("statusText") or ""), headers), None, None
    own = entry.get("_oagw")
    if isinstance(own, dict):
        first, reads = _own_reads(own, body)
    head = RecordingHead(given_alias or alias, _instant(entry.get("startedDateTime")), asked, reply, first)
    if reads is None:
        timings = entry.get("timings")
        first, reads = reads_of(headers, body, *_times(timings if isinstance(timings, dict) else {}))
        messages = response.get("_eventSourceMessages") or entry.get("_eventSourceMessages")
        if isinstance(messages, list):
            first, reads = _chrome_reads(messages, first, reads, _seconds(entry.get("startedDateTime")))
    ended = own.get("ended") if isinstance(own, dict) else "complete"
    return whole_reply(head._replace(first_byte_us=first), reads, body, ended if isinstance(ended, str) else None)


def _own_reads(own: Mapping[str, Any], body: bytes) -> tuple[int | None, list[tuple[int, bytes]]]:
    """The reads as this project's own archives have them."""
    reads: list[tuple[int, bytes]] = []
    start = 0
    for at, size in own.get("reads") or ():
        if type(at) is not int or type(size) is not int or size < 0 or at < 0:
            raise ValueError("_oagw.reads: expected instants and sizes")
        reads.append((at, body[start : start + size]))
        start += size
    if start != len(body):
        raise ValueError("_oagw.reads: the sizes are not that of the body")
    first = own.get("first_byte_us")
    return (first if type(first) is int and first >= 0 else None), reads


def _chrome_reads(
    messages: list[Any], first: int | None, reads: list[tuple[int, bytes]], started: float
) -> tuple[int | None, list[tuple[int, bytes]]]:
    """The instants that Chrome notes of events, if there is one for each."""
    given = [each.get("time") for each in messages if isinstance(each, dict)]
    times = [time for time in given if isinstance(time, (int, float))]
    if not times or len(times) != len(reads):
        return first, reads
    instants = [max(0, round((time - started) * 1_000_000)) for time in times]
    if instants != sorted(instants):
        return first, reads
    return instants[0], [(at, data) for at, (_, data) in zip(instants, reads, strict=True)]


def _times(timings: Mapping[str, Any]) -> tuple[int, int]:
    """When the head was there and when the end, in microseconds."""
    parts = [timings.get(name) for name in ("blocked", "dns", "connect", "send", "wait")]
    wait = sum(each for each in parts if isinstance(each, (int, float)) and each > 0)
    receive = timings.get("receive")
    end = wait + (receive if isinstance(receive, (int, float)) and receive > 0 else 0)
    return round(wait * _MILLISECOND), round(end * _MILLISECOND)


def _content(content: Mapping[str, Any]) -> bytes:
    text = content.get("text") or ""
    if not isinstance(text, str):
        raise ValueError("response.content.text: expected a text")
    return b64decode(text) if content.get("encoding") == "base64" else text.encode("utf-8", "replace")


def _headers(message: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((_text(each, "name"), _text(each, "value")) for each in message.get("headers") or ())


def _seconds(text: Any) -> float:
    try:
        instant = datetime.fromisoformat(str(text))
    except ValueError:
        raise ValueError(f"startedDateTime: expected ISO 8601, not {quoted(text)}") from None
    return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp()


def _instant(text: Any) -> str:
    return datetime.fromtimestamp(_seconds(text), UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _object(value: Any, key: str) -> Mapping[str, Any]:
    found = value.get(key) if isinstance(value, dict) else None
    if not isinstance(found, dict):
        raise ValueError(f"{key}: expected an object, not {quoted(found)}")
    return found


def _text(value: Any, key: str) -> str:
    found = value.get(key) if isinstance(value, dict) else None
    if not isinstance(found, str):
        raise ValueError(f"{key}: expected a text, not {quoted(found)}")
    return found
