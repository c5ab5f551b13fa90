"""A reply is a schedule: a lazily produced sequence of steps, each with its instant and its action.

A service decides what is said, as frames. The latency model decides when. Together they make a schedule; a fault
is a function from schedule to schedule; `playback.Playback` plays the result. Everything here is a pure function
of values, so a test reads ``list(single_steps(schedule))`` and needs neither clock nor socket.

The rules of a schedule:

- ``at`` is in seconds from the moment the request was admitted. It never decreases along a schedule.
- The first step is HEAD, unless the client is to see no byte at all (then CLOSE, RESET or STALL comes first).
- WRITE steps carry body bytes; the connection frames them (chunked, by length, or by closing), one write each.
- AWAIT says that more of an arriving body is awaited: the schedule continues when it has come, or at `until`.
- END ends the body properly; its data, if any, leaves in the same write. A schedule that is exhausted without
  END ends properly too. CLOSE and RESET leave the body incomplete. Nothing after any of these is played.
- A `Run` stands for the content events of a stream, which are most of its steps. Code that must see each of
  them takes them one by one; other code passes the run on, and the player plays it without making a step of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from math import inf
from typing import NamedTuple

from oagw_tornado.units.latency import Fixed, Latency

#: Bytes of one write: longer data leaves in several writes, and joined writes stay below it.
LARGEST_WRITE = 1 << 20

#: Bytes of a whole body that leave in one write; the rest follows as the client takes it.
BODY_PIECE = 1 << 18


class Action(Enum):
    """What a step does at its instant."""

    HEAD = "status line and headers leave"
    WRITE = "data leaves as body bytes, in one write"
    RAW = "data leaves as it is, without the connection's framing"
    STRIKE = "nothing leaves: a fault begins that shows in what comes later"
    GATE = "wait until the reply's gate is released; data is the last word of a reply whose gate never was"
    AWAIT = "wait until more of the body has come, or until its time is over"
    STALL = "nothing more, until the client leaves"
    END = "data, if any, leaves, and the body ends in order"
    CLOSE = "the connection is closed, the body incomplete"
    RESET = "the connection is reset (TCP RST)"


HEAD, WRITE, END = Action.HEAD, Action.WRITE, Action.END


class Frame(NamedTuple):
    """One unit of a stream, such as a whole SSE event."""

    data: bytes
    content: bool = True
    """A content event: it takes the next instant of the plan, and ``at-event`` counts it. What is not content
    before the first content event leaves with it, so does what follows the frame that ends the plan."""
    wait: Latency | None = None
    """Before this frame, in the place of whatever the plan has there; from the admission, if it is the first one."""
    gap: Latency | None = None
    """Between the content event before this one and it, in the place of the plan's; frames in a row share one."""


#: The wait of a frame that opens a stream: it leaves with the head, if the knobs have it so, else with the first token.
WITH_HEAD: Latency = Fixed(0.0)


class Stream:
    """The frames of a stream in three parts: opening, content, closing.

    A content frame is `before`, one of `contents`, and `after`, because most of an event is the same throughout a
    stream. Iterating yields the frames. Kept separate, the parts make a `Run` of the content.
    """

    __slots__ = ("opening", "contents", "closing", "before", "after", "leading")

    def __init__(
        self,
        opening: tuple[bytes, ...],
        contents: Iterator[bytes],
        closing: Iterable[bytes] = (),
        before: bytes = b"",
        after: bytes = b"",
        leading: int | None = None,
    ) -> None:
        """So many of the `opening` are said before the service thinks: all of it, unless told otherwise."""
        self.leading = len(opening) if leading is None else leading
        self.opening = opening
        self.contents = contents
        self.closing = closing
        self.before = before
        self.after = after

    def __iter__(self) -> Iterator[Frame]:
        for number, data in enumerate(self.opening):
            yield Frame(data, False, WITH_HEAD if number < self.leading else None)
        before, after = self.before, self.after
        for data in self.contents:
            yield Frame(before + data + after, True)
        for data in self.closing:
            yield Frame(data, False)


class TimedStream:
    """Frames that know when they leave; `oagw_tornado.reply.recorded_stream` has those of a recording."""

    __slots__ = ()

    def __iter__(self) -> Iterator[Frame]:
        raise NotImplementedError

    def steps(self, head_at: float, first_at: float, gaps: Iterator[float], factor: float) -> Steps:
        """Their schedule, their own times taking `factor` times as long; the arguments say what they do not know."""
        raise NotImplementedError

    def rewritten(self, rewrite: Callable[[bytes], bytes]) -> TimedStream:
        """The same, each of them rewritten."""
        raise NotImplementedError


class Step(NamedTuple):
    """One step of a schedule. `events` is how many whole events end with this write, `content` how many of them
    are content events."""

    at: float
    data: bytes = b""
    action: Action = WRITE
    events: int = 0
    content: int = 0
    outcome: str = ""
    """How the reply ends with this step, for the journal: ``fault:reset``, say. Empty for a step that is as planned."""
    faults: tuple[str, ...] = ()
    """The types of the faults that strike with this step."""
    until: float = inf
    """When a schedule that waits for more is looked at again, though nothing has come."""


class Run:
    """Consecutive content events, each of them `before`, one of `contents`, and `after`, a gap apart.

    The first is due at `at`, each following one the next of `gaps`, in seconds, after the one before it. `at` moves
    along with what is taken, so whatever comes behind the run knows when its last event was due. With a `limit` of 0
    or more only so many of the events are meant; who set it takes the run up again after them.
    """

    __slots__ = ("at", "before", "contents", "after", "gaps", "taken", "limit")

    def __init__(
        self, at: float, contents: Iterator[bytes], gaps: Iterator[float], before: bytes = b"", after: bytes = b""
    ) -> None:
        self.at = at
        self.before = before
        self.contents = contents
        self.after = after
        self.gaps = gaps
        # Events that were taken so far.
        self.taken = 0
        self.limit = -1

    def take(self) -> Step | None:
        """The next event as a step of its own; None if there is none, or the limit is reached."""
        if self.limit == 0:
            return None
        data = next(self.contents, None)
        if data is None:
            return None
        self.limit -= 1
        if self.taken:
            self.at += next(self.gaps)
        self.taken += 1
        return Step(self.at, self.before + data + self.after, WRITE, 1, 1)

    def steps(self) -> Iterator[Step]:
        """All events that are meant, one by one."""
        while (step := self.take()) is not None:
            yield step


#: A schedule, each event of it a step.
Schedule = Iterator[Step]

#: A schedule in which runs stand for their events.
Steps = Iterator[Step | Run]
