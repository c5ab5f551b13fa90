"""A recorded stream whose reads are not one event each: several in one, a part of one, or none at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from oagw_tornado.reply.recorded_stream import RecordedStream
from oagw_tornado.reply.schedule import HEAD, WRITE, Step, Steps


class RecordedReads(RecordedStream):
    """A `RecordedStream` that says how many events end with each of its reads: each is one write still."""

    __slots__ = ("events",)

    def __init__(
        self, contents: Iterable[bytes], offsets: Sequence[int] | None, events: Sequence[int], **others: Any
    ) -> None:
        """`others` as for `RecordedStream`."""
        super().__init__(contents, offsets, **others)
        self.events = events

    def rewritten(self, rewrite: Callable[[bytes], bytes]) -> RecordedStream:
        made = RecordedReads(map(rewrite, self.contents), self.offsets, self.events)
        for name in RecordedStream.__slots__[2:]:
            setattr(made, name, getattr(self, name))
        return made

    def steps(self, head_at: float, first_at: float, gaps: Iterator[float], factor: float) -> Steps:
        scale = 1e-6 * factor / self.speed if self.speed else 0.0
        head_at = head_at if self.head is None else self.head * scale
        first_at = first_at if self.first is None else self.first * scale
        yield Step(head_at, b"", HEAD)
        at, offsets = max(head_at, first_at), self.offsets
        is_first = True
        last = self.head or 0
        for number, (data, events) in enumerate(zip(self.contents, self.events, strict=False)):
            if offsets is not None:
                at += (offsets[number] - last) * scale if number else 0.0
                last = offsets[number]
            elif events:
                at += 0.0 if is_first else next(gaps)
                is_first = False
            yield Step(at, data, WRITE, events, events)
        if self.end is not None and offsets is not None:
            at += max(self.end - last, 0) * scale
        yield Step(at, b"", self.ending, outcome=self.outcome)
