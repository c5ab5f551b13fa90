"""A service's reply: a status, headers and either a whole body or a sequence of frames. No timing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from oagw_tornado.reply.inference import Inference
from oagw_tornado.reply.problem import ErrorWriter, Problem, error_chunk
from oagw_tornado.reply.schedule import Frame
from oagw_tornado.units.documents import write_json
from oagw_tornado.units.latency import Latency

if TYPE_CHECKING:
    from oagw_tornado.reply.arriving import Arriving

Headers = tuple[tuple[str, str], ...]

JSON: Headers = (("Content-Type", "application/json"),)
EVENT_STREAM: Headers = (
    ("Content-Type", "text/event-stream; charset=utf-8"),
    ("Cache-Control", "no-cache"),
    ("X-Accel-Buffering", "no"),  # a reverse proxy (nginx) passes each event on at once
)


@dataclass(slots=True)
class Reply:
    """One reply. `body` is sent whole; if there are `frames`, the reply is a stream and `body` is ignored. A large
    body may be given in `pieces`, which are produced as the client reads.

    `pace` names the knob that spaces the content frames. `error_event` writes the frame that reports an error in the
    middle of this stream; `error_forms` are other ways to report one, by name.
    """

    status: int = 200
    headers: Headers = JSON
    body: bytes = b""
    frames: Iterable[Frame] | None = None
    pace: Literal["inter-token-latency", "event-interval"] = "inter-token-latency"
    error_event: ErrorWriter = error_chunk
    error_forms: Mapping[str, ErrorWriter] | None = None
    source: Literal["upstream", "gateway"] | None = "upstream"
    """Who made this reply: the value of ``X-OAGW-Error-Source``; None leaves the header out."""
    inference: Inference | None = None
    """What it says in tokens, where a model says it."""
    reason: str = ""
    """The reason phrase of the status line, where it is not the status' own."""
    errors: ErrorWording | None = None
    """How the service words its errors, where one is to take the place of this reply."""
    pieces: Iterable[bytes] | None = None
    faults: tuple[str, ...] = ()
    """The types of the faults that made this reply out of another, or part of it."""
    sign_of_life: bytes | None = None
    """What the service itself says in a stream that is silent for long; None: nothing of its own."""
    length: int | None = None
    """Of the body of a stream, where its head is to say it."""
    arriving: Arriving | None = None
    """A body that is still coming from elsewhere; of `frames` and `pieces` the one that says its kind is empty."""
    pauses: tuple[Latency, ...] = ()
    """What a reply that is sent whole waits for, beside the knob `latency`."""

    @property
    def is_event_stream(self) -> bool:
        """Whether it is a stream of server-sent events."""
        return self.frames is not None and any(
            name == "Content-Type" and value.startswith("text/event-stream") for name, value in self.headers
        )

    def last_word(self, events: int) -> bytes:
        """The frame that ends this stream if it cannot continue, after so many events."""
        return self.error_event(None, events)


def json_reply(payload: Any, status: int = 200, headers: Headers = ()) -> Reply:
    """A buffered JSON reply. orjson writes NaN and Infinity as null."""
    return Reply(status, JSON + headers if headers else JSON, write_json(payload))


def in_pieces(before: bytes, values: Iterable[Any], after: bytes) -> Iterator[bytes]:
    """A JSON document with a long array in it: `before` the first of its `values` and `after` the last."""
    piece = before
    for value in values:
        yield piece + write_json(value)
        piece = b","
    yield after


class ErrorWording(Protocol):
    """How a service words its errors; `oagw_tornado.reply.errors.Errors` does it for the reply to one request."""

    def usual(self, status: int) -> Problem:
        """What is usually wrong with a status of 400 and above."""

    def preset(self, name: str) -> Problem:
        """The error of this name. Raises InapplicableKnob."""

    def reply(self, problem: Problem, source: Literal["upstream", "gateway"] = "upstream") -> Reply:
        """The reply that says so, by the service or by the gateway."""
