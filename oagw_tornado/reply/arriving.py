"""A body that is still arriving, as the steps of a schedule.

Its reader feeds it here; the player of the reply takes it out as the client reads, and is told when there
is more. Nothing here knows a clock or a socket: `elapsed` says how long ago the request was admitted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from oagw_tornado.reply.boundaries import Boundaries, Boundary
from oagw_tornado.reply.schedule import LARGEST_WRITE, Action, Schedule, Step

#: Bytes waiting for the client at which reading pauses, and at which it resumes.
MOST_HELD = 128 * 2**10
_FEW = MOST_HELD // 4

_NONE: list[Boundary] = []
_AWAIT = Step(0.0, b"", Action.AWAIT)


class Arriving:
    """What has arrived of one body and was not taken yet. `length` is what its head states; None: nothing."""

    __slots__ = (
        "length",
        "trailers",
        "elapsed",
        "held",
        "direct",
        "more",
        "over",
        "room",
        "_boundaries",
        "_arrived",
        "_last",
    )

    def __init__(
        self, elapsed: Callable[[], float], boundaries: Boundaries | None = None, length: int | None = None
    ) -> None:
        self.length = length
        #: Field lines that follow it, once it has ended.
        self.trailers = b""
        self.elapsed = elapsed
        #: Bytes that wait to be taken.
        self.held = 0
        #: Takes what arrives while nothing waits before it (offset, bytes, events), or says that it cannot.
        self.direct: Callable[[float, bytes, int], bool] | None = None
        #: Told when something has arrived; set by who plays it.
        self.more: Callable[[], None] | None = None
        #: Told once when nobody takes any more of it.
        self.over: Callable[[], None] | None = None
        #: Told when there is room again, after `is_full`.
        self.room: Callable[[], None] | None = None
        self._boundaries = boundaries
        self._arrived: deque[tuple[float, bytes, list[Boundary]]] = deque()
        # How it ended, once it has.
        self._last: Step | None = None

    @property
    def is_full(self) -> bool:
        """Whether to feed no more until `room` is called."""
        return self.held > MOST_HELD

    @property
    def has_ended(self) -> bool:
        """Whether nothing more comes of it."""
        return self._last is not None

    def feed(self, at: float, data: bytes) -> int:
        """`data` has arrived at the offset `at`; returns how many events have ended with it."""
        found = _NONE if self._boundaries is None else self._boundaries.feed(data)
        events = len(found)
        for each in found:
            if not each.is_event:
                events -= 1
        if self.direct is not None and self.direct(at, data, events):
            return events
        self.held += len(data)
        self._arrived.append((at, data, found))
        if self.more is not None:
            self.more()
        return events

    def end(self, at: float, action: Action = Action.END, outcome: str = "") -> None:
        """Nothing more comes: it is whole, or (CLOSE, RESET) it never will be."""
        if self._last is None:
            self._last = Step(at, b"", action, outcome=outcome)
            if self.more is not None:
                self.more()

    def abandon(self) -> None:
        """Nobody takes any more of it."""
        self.direct = self.more = self.room = None
        self._arrived.clear()
        over, self.over = self.over, None
        if over is not None:
            over()

    @property
    def has_more(self) -> bool:
        """Whether there is something to take."""
        return bool(self._arrived) or self._last is not None

    def _take(self) -> tuple[float, bytes, list[Boundary]]:
        arrived = self._arrived.popleft()
        self.held -= len(arrived[1])
        if self.room is not None and self.held < _FEW:
            room, self.room = self.room, None
            room()
        return arrived

    def reads(self) -> Schedule:
        """Each read as one write."""
        while True:
            if self._arrived:
                at, data, found = self._take()
                events = sum(each.is_event for each in found)
                yield Step(at, data, Action.WRITE, events, events)
            elif self._last is not None:
                yield self._last
                return
            else:
                yield _AWAIT

    def events(self) -> Schedule:
        """Each event as one write, when it is whole; so is a comment in a block of its own."""
        rest = bytearray()
        while True:
            if self._arrived:
                at, data, found = self._take()
                start = 0
                for end, is_event in found:
                    yield Step(at, bytes(rest) + data[start:end], Action.WRITE, int(is_event), int(is_event))
                    rest.clear()
                    start = end
                rest += data[start:]
                if self._boundaries is None or len(rest) > LARGEST_WRITE:
                    yield Step(at, bytes(rest))
                    rest.clear()
            elif self._last is not None:
                if rest:
                    yield Step(self._last.at, bytes(rest))
                yield self._last
                return
            else:
                yield Step(self.elapsed(), b"", Action.AWAIT)


def spaced(steps: Schedule, head_at: float, first_at: float, gaps: Iterator[float]) -> Schedule:
    """`steps` not before `head_at`, the first content event not before `first_at`, and each later one a gap behind the
    one before it at least: what comes more slowly leaves as it comes."""
    due = first_at
    last = head_at
    for step in steps:
        at = max(step.at, last)
        if step.content:
            at = max(at, due)
            due = at + next(gaps)
        last = at
        yield step if at == step.at else step._replace(at=at)
