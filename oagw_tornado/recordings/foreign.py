"""What recordings of other tools share: full URLs, decoded bodies, and few times."""

from __future__ import annotations

from array import array
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import urlsplit

from oagw_tornado.recordings.events import pieces_of
from oagw_tornado.recordings.format import End, Fields, RecordedRequest, RecordingHead
from oagw_tornado.recordings.recording import Recording

_PROXY = "/api/oagw/v1/proxy/"

#: The hosts of services whose aliases are known.
ALIASES = {"api.openai.com": "openai", "api.anthropic.com": "anthropic", "api.github.com": "github"}

# How bodies in a content coding begin.
_CODED = {"gzip": b"\x1f\x8b", "zstd": b"\x28\xb5\x2f\xfd"}


class Imported(NamedTuple):
    """Recordings, and a line for each thing that is none."""

    recordings: list[Recording]
    left_out: list[str]


def alias_of(url: str) -> tuple[str, str]:
    """The alias that a URL is for, and what follows it: the path as sent. Raises ValueError."""
    parts = urlsplit(url)
    _, mark, rest = parts.path.partition(_PROXY)
    if mark:
        alias, _, path = rest.partition("/")
    else:
        alias, path = ALIASES.get(parts.hostname or "", parts.hostname or ""), parts.path.lstrip("/")
    if not alias:
        raise ValueError(f"{url[:80]!r} names no host")
    return alias, path


def request_of(method: str, path: str, query: str, headers: Fields, body: bytes) -> RecordedRequest:
    """A request whose body is known."""
    return RecordedRequest(method.upper(), path, query, headers, body or None, sha256(body).hexdigest(), len(body))


def reads_of(headers: Fields, body: bytes, first: int, end: int) -> tuple[int | None, list[tuple[int, bytes]]]:
    """When the head was there, and the reads. Of a stream nobody knows when its events came: each is one read, none
    has a time, and nor has the head."""
    kind = _value(headers, "content-type")
    if kind.lower().startswith("text/event-stream"):
        return None, [(0, data) for data in pieces_of(kind, [body], [0]).contents]
    return first, [(end, body)] if body else []


def whole_reply(head: RecordingHead, reads: list[tuple[int, bytes]], body: bytes, ended: str | None) -> Recording:
    """A recording, its head true to a body that may have been decoded."""
    reply = head.reply
    assert reply is not None
    coding = _value(reply.headers, "content-encoding").lower()
    is_coded = coding in _CODED and body.startswith(_CODED[coding])
    dropped = {"content-length", "transfer-encoding"} | (set() if is_coded else {"content-encoding"})
    headers = tuple(field for field in reply.headers if field[0].lower() not in dropped)
    if _value(reply.headers, "content-length") and head.request.method != "HEAD":
        headers += (("Content-Length", str(len(body))),)
    at = max(reads[-1][0] if reads else 0, head.first_byte_us or 0)
    return Recording(
        head._replace(reply=reply._replace(headers=headers), ended=ended),
        [data for _, data in reads],
        array("q", [at for at, _ in reads]),
        None if ended is None else End(at, ended),
    )


def _value(headers: Fields, wanted: str) -> str:
    return next((value for name, value in headers if name.lower() == wanted), "")
