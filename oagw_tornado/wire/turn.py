"""A turn of the loop: readable sockets are handled in it one after the other, and due events come first.

Order: a loop handles every readable socket before it checks its timers again, so a thousand requests that arrive
together would delay every event that becomes due by up to a quarter of a second. So before each connection is accepted
and each piece of a request is read, due events are played, for at most a millisecond; then the connection
or the request is served, however far behind the events are. Neither waits for more than one of the other.

Wait: a socket found readable in this turn became so after the last poll: just now if the loop slept in between,
otherwise while the previous turn was running. `since` is the earliest possible instant, so a wait counted from it is
never too short, and at most one turn too long. A connection may have waited in the backlog for many turns; the
acceptor knows for how long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic

#: A gap between two turns, in seconds, that means the loop has slept: its own work takes a tenth of that.
ASLEEP = 50e-6

#: The same for what came from the backlog.
SOON = 0.02

_NEVER = float("inf")


class Turn:
    """The turns of one loop. Instants are of `time.monotonic`."""

    __slots__ = (
        "due",
        "play",
        "set_timer",
        "now",
        "since",
        "awake_since",
        "accepted",
        "is_behind",
        "after",
        "_loop",
        "_began",
        "_last_began",
        "_last_ended",
        "_last_entered",
        "_entered_before",
        "_left",
    )

    def __init__(self) -> None:
        # When something is due that `play` plays: for a millisecond at most.
        self.due = _NEVER
        self.play: Callable[[], None] = _nothing
        # Called when a turn is over, to make the loop wake for due events.
        self.set_timer: Callable[[], None] = _nothing
        # When `enter` was called last.
        self.now = 0.0
        # Since when, at the earliest, that waited which this turn handles, and since when the loop has not slept.
        self.since = 0.0
        self.awake_since = 0.0
        # Of the connection that was accepted last: when it can have come at the earliest; and when it was accepted, if
        # it waited in the backlog, else 0.
        self.accepted = (0.0, 0.0)
        # True while the backlog of a listening socket is not empty: then the loop does not sleep, whatever it seems.
        self.is_behind = False
        # Called when a turn is over in which something was handled.
        self.after: Callable[[], None] = _nothing
        self._loop: asyncio.AbstractEventLoop | None = None
        # 0 while nothing that `enter` knows of is under way.
        self._began = 0.0
        self._last_began = 0.0
        self._last_ended = 0.0
        # The last two turns that were entered: when they began, and when the last one ended.
        self._last_entered = 0.0
        self._entered_before = 0.0
        self._left = 0.0

    def enter(self) -> None:
        """To be called before each thing that the loop hands out, in the loop's thread."""
        self.now = now = monotonic()
        if not self._began:
            self._began = now
            if now - self._last_ended < ASLEEP or self.is_behind:
                self.since = self._last_began
            else:
                self.since = self.awake_since = now
            loop = self._loop
            if loop is None:
                loop = self._loop = asyncio.get_running_loop()
            loop.call_soon(self._end)
        if now >= self.due:
            self.play()

    @property
    def is_under_way(self) -> bool:
        """True between the first `enter` of a turn and its end."""
        return self._began != 0.0

    def passed(self, began: float, ended: float) -> None:
        """A turn is over, or a part of one, that was not entered."""
        if not self._began:
            if began - self._last_ended >= ASLEEP and not self.is_behind:
                self.awake_since = began
            self._last_began = began
            self._last_ended = ended

    def waited_since(self, accepted: tuple[float, float]) -> float:
        """Since when, at the earliest, the first request of a connection waited of which `accepted` was said: since it
        came, if the loop has not slept meanwhile; if it has, the request was not there yet."""
        came, taken = accepted
        if came >= self.awake_since:
            return came
        # What waited in the backlog is read in the next turn but one at the latest if its request was there, even if a
        # processor that others use made it look as if the loop had slept in between.
        is_next = taken >= self._entered_before and self._began - self._left < SOON
        return came if is_next else self.since

    def _end(self) -> None:
        self._entered_before = self._last_entered
        self._last_began = self._last_entered = self._began
        self._began = 0.0
        self.set_timer()
        try:
            self.after()
        finally:
            self._last_ended = self._left = monotonic()


def _nothing() -> None:
    pass
