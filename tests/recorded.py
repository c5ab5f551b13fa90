"""Recordings made by hand, for tests that replay them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from oagw_tornado.recordings.format import (
    End,
    Read,
    RecordedReply,
    RecordedRequest,
    RecordingHead,
    encode_end,
    encode_head,
    encode_read,
)  # fmt: skip

EVENT_STREAM = (("Content-Type", "text/event-stream"),)
JSON = (("Content-Type", "application/json"), ("Content-Length", "11"))


def write_recording(
    path: Path,
    body: Any = None,
    reads: Iterable[tuple[int, bytes]] = (),
    *,
    ended: str | None = "complete",
    status: int | None = 200,
    headers: Sequence[tuple[str, str]] = EVENT_STREAM,
    at: str = "2026-01-01T00:00:00.000000Z",
    method: str = "POST",
    target: str = "v1/chat/completions",
    alias: str = "openai",
    content_type: str = "application/json",
) -> Path:
    """One recording: `body` is bytes, or is written as JSON; `reads` are instants in microseconds with what came."""
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    place, _, query = target.partition("?")
    request = RecordedRequest(method, place, query, (("Content-Type", content_type),), content, body_bytes=len(content))
    came = list(reads)
    first = came[0][0] if came else 1000
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        reply = None if status is None else RecordedReply(status, "", tuple(headers))
        file.write(encode_head(RecordingHead(alias, at, request, reply, None if status is None else first, ended)))
        for instant, data in came:
            file.write(encode_read(Read(instant, data)))
        if ended is not None:
            file.write(encode_end(End(came[-1][0] if came else first, ended)))
    return path


def events(count: int, every: int = 1000, first: int = 1000) -> list[tuple[int, bytes]]:
    """So many events, one a read, `every` so many microseconds."""
    return [(first + number * every, b'data: {"n":%d}\n\n' % number) for number in range(count)]
