"""The turn of the loop: what became readable is handled in it one after the other, and events that are due come first.

The order. A loop hands out all that is readable before it looks at a timer again: a thousand requests that arrive
together would hold up, for a quarter of a second, every event that falls due meanwhile. So before each connection that
is taken and each piece of a request that is read, what is due is played, for a millisecond at most: then the connection
or the request has its turn, however far behind the events are. Neither waits for more than one of the other.

The wait. A socket that is seen readable in a turn became so after the loop had looked last: just now, if the loop slept
meanwhile, else while the turn before was under way. `since` is the earliest instant that is possible, so what is
counted from there is never too little, and at most one turn too much.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic

#: A gap between two turns, in seconds, in which the loop has slept: what it does by itself takes a tenth of that.
ASLEEP = 50e-6

#: Seconds after it was accepted within which a connection's request may have been there from the start.
JUST_ACCEPTED = 0.1

_NEVER = float("inf")


class Turn:
    """The turns of one loop. Instants are of `time.monotonic`."""

    __slots__ = ("due", "play", "now", "since", "awake_since", "after", "_loop", "_began", "_last_began", "_last_ended")

    def __init__(self) -> None:
        # When something is due that `play` plays: for a millisecond at most.
        self.due = _NEVER
        self.play: Callable[[], None] = _nothing
        # When `enter` was called last.
        self.now = 0.0
        # Since when, at the earliest, that waited which this turn handles, and since when the loop has not slept.
        self.since = 0.0
        self.awake_since = 0.0
        # Called when a turn is over in which something was handled.
        self.after: Callable[[], None] = _nothing
        self._loop: asyncio.AbstractEventLoop | None = None
        # 0 while nothing that `enter` knows of is under way.
        self._began = 0.0
        self._last_began = 0.0
        self._last_ended = 0.0

    def enter(self) -> None:
        """To be called before each thing that the loop hands out, in the loop's thread."""
        self.now = now = monotonic()
        if not self._began:
            self._began = now
            if now - self._last_ended < ASLEEP:
                self.since = self._last_began
            else:
                self.since = self.awake_since = now
            loop = self._loop
            if loop is None:
                loop = self._loop = asyncio.get_running_loop()
            loop.call_soon(self._end)
        if now >= self.due:
            self.play()

    def passed(self, began: float, ended: float) -> None:
        """A turn is over, or a part of one, that was not entered."""
        if not self._began:
            if began - self._last_ended >= ASLEEP:
                self.awake_since = began
            self._last_began = began
            self._last_ended = ended

    def waited_since(self, accepted: float) -> float:
        """Since when, at the earliest, the first request of a connection waited that was `accepted` then."""
        if accepted >= self.awake_since and self.since - accepted < JUST_ACCEPTED:
            return accepted
        return self.since

    def _end(self) -> None:
        self._last_began, self._began = self._began, 0.0
        try:
            self.after()
        finally:
            self._last_ended = monotonic()


def _nothing() -> None:
    pass
