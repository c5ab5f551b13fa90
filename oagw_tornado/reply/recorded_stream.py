"""A stream whose events leave at recorded instants; the player plays it in its tight loop like any other run.

How it is used::

    Reply(
        status, headers,
        frames=RecordedStream(
            contents=recorded reads, in order,  # bytes as they came, each played as one event and one write
            offsets=array("q", [...]),          # one for each of them, in microseconds from the admission
            head=..., end=...,                  # those of the head and of the end, on the same clock
            ending=Action.RESET,                # or CLOSE, or END, which is the default
            outcome="fault:reset",              # what the journal says of an ending that is not in order
            speed=2.0,                          # twice as fast; 0: all at once
        ),
    )

Each part of the plan that is left out (`head`, `first`, `offsets` are None) is as the knobs have it, so a knob that a
rule or a request gives takes the place of what was recorded. Offsets are absolute, and the differences of whole
microseconds that the player adds up are exact to less than a nanosecond after 100,000 events. `contents` may be lazy:
one event is in hand at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice, repeat
from operator import mul, sub

from oagw_tornado.reply.schedule import HEAD, Action, Frame, Run, Step, Steps, TimedStream

_MICROSECOND = 1e-6


class RecordedStream(TimedStream):
    """What was recorded of one streamed reply. All times are whole microseconds from the admission of its request and
    do not decrease: `head`, then `offsets`, then `end`."""

    __slots__ = ("contents", "offsets", "head", "first", "end", "ending", "outcome", "speed")

    def __init__(
        self,
        contents: Iterable[bytes],
        offsets: Sequence[int] | None,
        head: int | None = None,
        end: int | None = None,
        ending: Action = Action.END,
        outcome: str = "",
        speed: float = 1.0,
        first: int | None = None,
    ) -> None:
        """`first` is when the first event leaves, if not at the first of `offsets`. Without `end` the stream ends with
        its last event. Events beyond the last of `offsets` leave with the one before them."""
        self.contents = contents
        self.offsets = offsets
        self.head = head
        self.first = first if first is not None or not offsets else offsets[0]
        self.end = end
        self.ending = ending
        self.outcome = outcome
        self.speed = speed

    def __iter__(self) -> Iterator[Frame]:
        for data in self.contents:
            yield Frame(data)

    def rewritten(self, rewrite: Callable[[bytes], bytes]) -> RecordedStream:
        """The same, each event of it rewritten."""
        return RecordedStream(
            map(rewrite, self.contents),
            self.offsets,
            self.head,
            self.end,
            self.ending,
            self.outcome,
            self.speed,
            self.first,
        )

    def steps(self, head_at: float, first_at: float, gaps: Iterator[float], factor: float) -> Steps:
        scale = _MICROSECOND * factor / self.speed if self.speed else 0.0
        if self.head is not None:
            head_at = self.head * scale
        if self.first is not None:
            first_at = self.first * scale
        offsets = self.offsets
        if offsets is not None:
            # Iterators in C; the offsets are shared by all replays of the recording.
            gaps = chain(map(mul, map(sub, islice(offsets, 1, None), offsets), repeat(scale)), repeat(0.0))
        yield Step(head_at, b"", HEAD)
        run = Run(max(head_at, first_at), iter(self.contents), gaps)
        yield run
        at = run.at if run.taken else head_at
        if self.end is not None and offsets is not None:
            # As long after the last event as it was: the knobs may have moved all of them.
            last = offsets[min(run.taken, len(offsets)) - 1] if run.taken and offsets else self.head or 0
            at += max(self.end - last, 0) * scale
        yield Step(at, b"", self.ending, outcome=self.outcome)
