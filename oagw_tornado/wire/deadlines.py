"""How long a client may take: to send its next request, a head or a body, and to read the end of a reply."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from math import inf
from time import monotonic
from typing import Protocol

from oagw_tornado.wire.head import Limits

log = logging.getLogger(__name__)

#: How long a connection is read on after its last reply, so that a client which is still sending gets to see the
#: reply rather than a reset (RFC 9112, section 9.6).
LINGER_TIME = 2.0
#: Bytes a second that a body which takes longer than its time must bring.
LEAST_RATE = 16 * 2**10
#: How often the server looks for those whose time is up, in seconds.
SWEEP = 1.0
#: Bytes read and discarded after the last reply of a connection.
LINGER_BYTES = 64 << 20


class Timed(Protocol):
    """What can wait: a connection of either engine."""

    timeout_queue: TimeoutQueue | None
    """The queue that it is in; only `TimeoutQueue` sets it."""

    def time_out(self, timeout_queue: TimeoutQueue) -> None:
        """The timeout of the queue that it was in has passed."""


class TimeoutQueue:
    """Connections that wait for one kind of thing. All have the same timeout, so their deadlines are in order."""

    __slots__ = ("seconds", "_waiting")

    def __init__(self, seconds: float) -> None:
        # 0 means no limit.
        self.seconds = seconds or inf
        self._waiting: dict[Timed, float] = {}

    def allow(self, seconds: float) -> None:
        """Set the timeout from now on; connections that wait already get no more than that either."""
        self.seconds = seconds or inf
        latest = monotonic() + self.seconds
        for who, deadline in self._waiting.items():
            self._waiting[who] = min(deadline, latest)

    def __len__(self) -> int:
        return len(self._waiting)

    def begin(self, who: Timed) -> None:
        """Start the timeout of `who`, in this queue only."""
        timeout_queue = who.timeout_queue
        if timeout_queue is not None:
            del timeout_queue._waiting[who]
        who.timeout_queue = self
        self._waiting[who] = monotonic() + self.seconds

    def overdue(self, now: float) -> list[Timed]:
        """Takes out those whose deadline has passed."""
        overdue = []
        for who, deadline in self._waiting.items():
            if deadline > now:
                break
            overdue.append(who)
        for who in overdue:
            end_wait(who)
        return overdue


def end_wait(who: Timed) -> None:
    """Stop the timeout of `who`."""
    timeout_queue = who.timeout_queue
    if timeout_queue is not None:
        del timeout_queue._waiting[who]
        who.timeout_queue = None


class Deadlines:
    """The four timeout queues of one server, and the timer that checks them."""

    def __init__(self, limits: Limits) -> None:
        self.idle = TimeoutQueue(limits.idle_timeout)
        self.head = TimeoutQueue(limits.header_timeout)
        self.body = TimeoutQueue(limits.body_timeout)
        self.linger = TimeoutQueue(LINGER_TIME)
        self._timer: asyncio.TimerHandle | None = None

    def configure(self, limits: Limits) -> None:
        """Give as much time as `limits` say from now on."""
        self.idle.allow(limits.idle_timeout)
        self.head.allow(limits.header_timeout)
        self.body.allow(limits.body_timeout)

    def start(self, loop: asyncio.AbstractEventLoop, also: Callable[[], None]) -> None:
        """Look every `SWEEP` seconds, and call `also` then."""

        def sweep() -> None:
            self._timer = loop.call_later(SWEEP, sweep)
            now = monotonic()
            for timeout_queue in (self.idle, self.head, self.body, self.linger):
                for who in timeout_queue.overdue(now):
                    try:
                        who.time_out(timeout_queue)
                    except Exception:
                        # An error of one connection must not keep the others waiting for ever.
                        log.exception("a connection could not be ended")
            also()

        self._timer = loop.call_later(SWEEP, sweep)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
