"""What a service says: a status, headers and either a whole body or a run of frames. No word of when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from oagw_tornado.reply.schedule import Frame

Headers = tuple[tuple[str, str], ...]

JSON: Headers = (("Content-Type", "application/json"),)
EVENT_STREAM: Headers = (
    ("Content-Type", "text/event-stream; charset=utf-8"),
    ("Cache-Control", "no-cache"),
    ("X-Accel-Buffering", "no"),  # a reverse proxy (nginx) passes each event on at once
)


@dataclass(slots=True)
class Reply:
    """One reply. `body` is sent whole; if `frames` is there the reply is a stream, and `body` is not looked at.

    `pace` names the knob that spaces the content frames. `error_event` is the frame that tells a client of this
    stream, in the stream's own form, that something went wrong in the middle of it; it is made from a message.
    """

    status: int = 200
    headers: Headers = JSON
    body: bytes = b""
    frames: Iterable[Frame] | None = None
    pace: Literal["inter-token-latency", "event-interval"] = "inter-token-latency"
    error_event: bytes = (
        b'data: {"error":{"message":"The server had an error while processing your request.",'
        b'"type":"server_error","param":null,"code":null}}\n\n'
    )
    source: Literal["upstream", "gateway"] | None = "upstream"
    """Who made this reply: the value of ``X-OAGW-Error-Source``; None leaves the header out."""
    reason: str = ""
    """The reason phrase of the status line, where it is not the status' own."""


def json_reply(payload: Any, status: int = 200, headers: Headers = ()) -> Reply:
    """A buffered JSON reply. orjson never writes NaN or Infinity: they would come out as null."""
    return Reply(status, JSON + headers if headers else JSON, orjson.dumps(payload))
