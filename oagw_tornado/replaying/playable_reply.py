"""A recording as a reply: the same bytes, times and end, unless knobs change them."""

from __future__ import annotations

import re
from array import array
from collections.abc import Collection
from functools import cached_property
from itertools import islice
from typing import NamedTuple

from oagw_tornado.evidence.ledger import NOTED_REPLAYED
from oagw_tornado.gateway.upstream_failure import FAILURES, Failure
from oagw_tornado.knobs.vocabulary import Knobs
from oagw_tornado.recordings.events import Pieces, as_read, pieces_of
from oagw_tornado.recordings.format import Fields, RecordedReply, RecordingError
from oagw_tornado.recordings.recording import Recording, in_writes
from oagw_tornado.reply.recorded_reads import RecordedReads
from oagw_tornado.reply.recorded_stream import RecordedStream
from oagw_tornado.reply.reply import Headers, Reply
from oagw_tornado.reply.schedule import Action
from oagw_tornado.reply.stream_errors import LOOKED_AT, form_of
from oagw_tornado.units.latency import Fixed

MICROSECOND = 1e-6

# Speeds at which the instants of one recording are kept.
_SPEEDS = 4

# For a recording without times.
_NEVER = array("d")

#: What the connection itself says of a reply, and what the gateway says in its own words.
NOT_REPLAYED = frozenset(
    (
        "connection",
        "content-length",
        "date",
        "keep-alive",
        "proxy-authenticate",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)

# What a gateway and its clients say to each other.
_OURS = ("x-oagw-", "x-sim-")

# ``X-Request-Id`` is the gateway's own, as where an upstream is passed on; the type is looked at by this name.
_RENAMED = {"x-request-id": "X-Upstream-Request-Id", "content-type": "Content-Type"}

#: The knobs that say when a stream leaves, and when a reply that is sent whole does; by their fields.
STREAM_TIMES = ("header_delay", "time_to_first_token", "inter_token_latency", "event_interval")
WHOLE_TIMES = ("latency",)

# The last event in dialects that have one: a client that has read it need not wait for the end of the body.
_LAST_WORD = re.compile(
    rb"^data: ?\[DONE\]|^event: ?(?:message_stop|response\.(?:completed|failed|incomplete)|error|done)\b"
    rb'|^data: ?\{"type": ?"message_stop"',
    re.MULTILINE,
)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class Planned(NamedTuple):
    """A reply and the plan it follows."""

    reply: Reply
    offsets: array[float] | None
    """When each write with an event in it was recorded, in seconds from admission, at the speed of the replay; None:
    the reply is sent whole. Empty: nobody knows."""
    ends_at: float
    """When it was over, likewise."""
    overridden: tuple[str, ...]
    """The knobs that stand in the place of recorded times, by their fields."""


class PlayableReply:
    """A recording as it is replayed, again and again. Raises RecordingError if it is none that can be."""

    def __init__(self, recording: Recording) -> None:
        reply = recording.head.reply
        #: Why there was no reply; None: there was one.
        self.failure: Failure | None = None
        if reply is None:
            self.failure = FAILURES.get(recording.ended or "") or _unanswered(recording.ended)
            reply = RecordedReply(self.failure.status)
        if reply.status < 200:
            raise RecordingError(f"line 1: reply.status: expected 200 or above, not {reply.status}")
        _check(reply.headers)
        self.recording = recording
        self.status = reply.status
        self.reason = reply.reason
        dropped = NOT_REPLAYED | {name.lower() for name in _listed(reply.headers, "connection")}
        self.headers: Headers = tuple(
            (_RENAMED.get(lowered, name), value)
            for name, value in reply.headers
            if (lowered := name.lower()) not in dropped and not lowered.startswith(_OURS)
        )
        lengths = _listed(reply.headers, "content-length")
        #: What the head says of the length of the body; None: nothing.
        self.length = int(lengths[0]) if lengths and re.fullmatch(r"[0-9]{1,18}", lengths[0]) else None
        is_coded = any(coding.lower() != "identity" for coding in _listed(reply.headers, "content-encoding"))
        # A body in a content coding has no visible events.
        self._kind = "" if is_coded else ",".join(_listed(reply.headers, "content-type"))
        self.is_event_stream = self._kind.lower().startswith("text/event-stream")
        self.ending, self.outcome = self._ending()
        #: It came at once, and ended in order.
        self.is_whole = (
            not self.is_event_stream
            and len(recording.reads) <= 1
            and self.ending is Action.END
            and recording.head.request.method != "HEAD"
        )
        #: It is known when it was said; else knobs give the times, as where nothing was recorded.
        self.is_timed = recording.head.first_byte_us is not None
        self.as_read = self._pieces()
        self._form = form_of(self._kind, b"".join(recording.reads[:2])[:LOOKED_AT], recording.head.request.path)
        # By whether the reads are as they were, and by the speed.
        self._instants: dict[tuple[bool, float], array[float]] = {}

    @cached_property
    def one_by_one(self) -> Pieces:
        """The body event by event, for what has to take hold of single events."""
        return pieces_of(self._kind, self.as_read.contents, self.as_read.offsets)

    def planned(self, knobs: Knobs, given: Collection[str]) -> Planned:
        """The reply under `knobs`; `given` are the fields of those that a rule or the request sets."""
        recording, speed = self.recording, knobs.replay_speed
        scale = MICROSECOND / speed if speed else 0.0
        ends_at = recording.end_us * scale
        if self.failure is not None:
            refusal = self.failure.reply(recording.head.alias)
            overridden = tuple(field for field in WHOLE_TIMES if field in given)
            refusal.pauses = () if overridden else (Fixed(ends_at),)
            return Planned(refusal, None, ends_at, overridden)
        as_whole = self.is_whole or (
            self.ending is Action.END
            and not self.is_event_stream
            and recording.head.request.method != "HEAD"
            and bool(knobs.fault or knobs.gate is not None or "latency" in given)
        )
        if as_whole:
            overridden = tuple(field for field in WHOLE_TIMES if field in given)
            pauses = () if overridden or not self.is_timed else (Fixed(ends_at),)
            body = b"".join(recording.reads)
            reply = Reply(self.status, self.headers, body, reason=self.reason, pauses=pauses)
            return Planned(reply, None if self.is_timed else _NEVER, ends_at, overridden)
        overridden = tuple(field for field in STREAM_TIMES if field in given)
        if knobs.time_factor_under_load != 1.0:
            overridden += ("time_factor_under_load",)
        if knobs.events_per_write != 1:
            overridden += ("events_per_write",)
        if not self.is_timed:
            given = {*given, *STREAM_TIMES[:3]}
        is_spaced = "inter_token_latency" in given or "event_interval" in given
        is_plain = knobs.plays_as_said and knobs.keep_alive is None and "line_ending" not in given and not is_spaced
        pieces = self.as_read if is_plain else self.one_by_one
        contents = pieces.contents
        if "line_ending" in given and self.is_event_stream:
            contents = [_with_lf(data) for data in contents]
        offsets = None if is_spaced else pieces.offsets
        frames = (
            RecordedStream(contents, offsets) if pieces.are_events else RecordedReads(contents, offsets, pieces.events)
        )
        frames.head = None if "header_delay" in given else recording.head.first_byte_us or 0
        frames.first = pieces.offsets[0] if pieces.offsets and "time_to_first_token" not in given else None
        frames.end, frames.ending, frames.outcome, frames.speed = recording.end_us, self.ending, self.outcome, speed
        pace = "event-interval" if "event_interval" in given and "inter_token_latency" not in given else None
        reply = Reply(
            self.status,
            self.headers,
            frames=frames,
            pace="event-interval" if pace else "inter-token-latency",
            reason=self.reason,
            length=self.length,
            error_event=self._form.error_event,
            sign_of_life=self._form.sign_of_life,
            error_forms=self._form.error_forms,
        )
        if not self.is_timed:
            return Planned(reply, _NEVER, ends_at, overridden)
        return Planned(reply, self._recorded(pieces, scale), ends_at, overridden)

    def _recorded(self, pieces: Pieces, scale: float) -> array[float]:
        """When each write with an event in it was recorded. All replays at one speed share it, the latest few."""
        wanted = pieces is self.as_read, scale
        recorded = self._instants.pop(wanted, None)
        if recorded is None:
            events = zip(pieces.offsets, pieces.events, strict=True)
            recorded = array("d", islice((at * scale for at, count in events if count), NOTED_REPLAYED))
            if len(self._instants) >= _SPEEDS:
                del self._instants[next(iter(self._instants))]
        self._instants[wanted] = recorded
        return recorded

    def _pieces(self) -> Pieces:
        recording = self.recording
        pairs = list(in_writes(zip(recording.offsets, recording.reads, strict=True)))
        contents, offsets = [data for _, data in pairs], type(recording.offsets)("q", [at for at, _ in pairs])
        return as_read(self._kind, contents, offsets)

    def _ending(self) -> tuple[Action, str]:
        recording = self.recording
        ended = recording.ended
        if ended == "complete":
            return Action.END, ""
        if ended == "reset":
            return Action.RESET, "reset"
        if ended in (None, "client-left") and self._is_all_there():
            return Action.END, ""
        return Action.CLOSE, "timeout" if ended == "timeout" else "cut"

    def _is_all_there(self) -> bool:
        """Whether the body is whole, although the recorder did not see it end."""
        if self.length is not None:
            return self.recording.body_bytes >= self.length
        return self.is_event_stream and _LAST_WORD.search(b"".join(self.recording.reads[-4:])) is not None


def _unanswered(ended: str | None) -> Failure:
    return Failure(
        ended or "killed", 502, "not_answered", f"had not answered when its recording ended ({ended or 'killed'})",
        "oagw-tornado recordings show FILE has what there is of it",
    )  # fmt: skip


def _with_lf(data: bytes) -> bytes:
    """An event with LF at the end of each line."""
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _listed(headers: Fields, wanted: str) -> list[str]:
    return [part.strip() for name, value in headers if name.lower() == wanted for part in value.split(",")]


def _check(headers: Fields) -> None:
    for name, value in headers:
        if not _TOKEN.fullmatch(name):
            raise RecordingError(f"line 1: reply.headers: {name[:80]!r} is not the name of a header")
        if not value.isprintable() and any(
            (ord(letter) < 32 and letter != "\t") or letter == "\x7f" for letter in value
        ):
            raise RecordingError(f"line 1: reply.headers: {name}: a value without control characters is expected")
