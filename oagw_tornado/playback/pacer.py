"""One timing wheel for all streams of a process, one armed timer for its nearest slot.

Theory. Time is divided into slots of a fixed resolution r. A step due at t goes into slot floor(t / r) + 1, which is
played once the clock has passed the slot's *start*, at (floor(t / r) + 1) * r > t: never early, at most r (plus the
machine's own delay) late. All steps of a slot share one wake-up, so the more streams there are, the less a wake-up
costs per event. A heap holds the numbers of the slots in use, not the streams in them.

The width of a slot follows the load unless it is configured (`width_for`): the slots of a wider grid are a subset of
those of the finest one, so the width can change from one event to the next without moving steps that wait.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from heapq import heappop, heappush
from math import exp
from time import monotonic
from typing import Protocol

from oagw_tornado.playback.timer import Timer, UnmadeTimer, new_timer
from oagw_tornado.wire.turn import Turn

log = logging.getLogger(__name__)

_FAR = 1 << 62
_NEVER = float("inf")

#: Seconds for which due steps are played before the loop polls its sockets again.
LONGEST_TURN = 0.005
#: The same between two requests of one turn of the loop.
LONGEST_SHARE = 0.001


#: Widths of slots that follow the load: multiples of the finest, up to the widest.
FINEST, WIDEST = 50e-6, 250e-6
#: Wake-ups a second that are worth their price: each costs about as much as an event.
WAKE_UPS_A_SECOND = 4_000
#: Seconds between two looks at the load.
LOOK_EVERY = 0.25


def width_for(rate: float) -> float:
    """The width of slots for `rate` events a second: the finest of which few enough are in use.

    Of slots w wide ``(1 - exp(-rate * w)) / w`` a second have an event in them, if events know nothing of each other.
    Few events have a wake-up each anyway, however fine the slots; of many, wider slots share one. The result is a
    multiple of `FINEST`, and at most `WIDEST`.

    >>> [round(width_for(rate) * 1e6) for rate in (0, 2_000, 5_000, 20_000, 100_000)]
    [50, 50, 100, 250, 250]
    """
    for multiple in range(1, round(WIDEST / FINEST)):
        width = multiple * FINEST
        if (1.0 - exp(-rate * width)) / width <= WAKE_UPS_A_SECOND:
            return width
    return WIDEST


class Paced(Protocol):
    """Something that is played when its time has come."""

    slot: int

    def play(self) -> None:
        """The time has come."""

    def fail(self) -> None:
        """`play` has raised: end what it was about."""


class Pacer:
    """Plays each thing at its due time, never early. Times are of `time.monotonic`, in seconds."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, resolution: float | None = None, turn: Turn | None = None
    ) -> None:
        """`resolution` is the width of all slots; None: it follows the load. `turn` is that of `loop`, in which what is
        due is played before requests that were read."""
        self._follows_load = resolution is None
        # Slots are numbered by the finest width there is.
        self._finest = FINEST if resolution is None else resolution
        self._finest_rate = 1.0 / self._finest
        # How many of these a slot is wide that is used now.
        self._multiple = 1
        self._rate = self._finest_rate
        # What was played since then.
        self._played = 0
        self._played_since = 0.0
        self._buckets: dict[int, list[Paced]] = {}
        self._slots: list[int] = []
        # The nearest slot, for which the timer is set; 0 while slots are being played.
        self._awaited = _FAR
        # The slot that the timer is set for; 0 if it has gone off.
        self._armed = _FAR
        self._loop = loop
        self._turn = turn or Turn()
        self._turn.play = self._play_share
        self._turn.set_timer = self._set_timer
        self._timer: Timer = UnmadeTimer(self.prepare)
        # Called after each turn in which something was played.
        self.after_turn: Callable[[], None] = _nothing

    def prepare(self) -> Timer:
        """Make the timer, if that has not been done: what it takes is imported for the first stream, or when idle."""
        if isinstance(self._timer, UnmadeTimer):
            self._timer = new_timer(self._loop, self._fire)
        return self._timer

    def at(self, when: float, paced: Paced) -> None:
        """Have `paced` played at `when`."""
        paced.slot = slot = (int(when * self._rate) + 1) * self._multiple
        bucket = self._buckets.get(slot)
        if bucket is not None:
            bucket.append(paced)
            return
        self._buckets[slot] = [paced]
        heappush(self._slots, slot)
        if slot < self._awaited:
            self._await(slot)

    def cancel(self, paced: Paced) -> None:
        """Forget `paced`, if it waits here."""
        bucket = self._buckets.get(paced.slot)
        if bucket is not None and paced in bucket:
            bucket.remove(paced)

    @property
    def waiting(self) -> int:
        """How many things wait for their time."""
        return sum(map(len, self._buckets.values()))

    def close(self) -> None:
        """Play nothing any more."""
        self._buckets.clear()
        self._slots.clear()
        self._turn.due = _NEVER
        self._awaited = self._armed = _FAR
        self._timer.close()

    def _await(self, slot: int) -> None:
        """Have `slot`, the nearest one, played when it is due; `_FAR`: nothing is."""
        self._awaited = slot
        turn = self._turn
        turn.due = _NEVER if slot == _FAR else slot * self._finest
        if not (turn.is_under_way and self._armed):
            self._set_timer()

    def _set_timer(self) -> None:
        """Set the timer for the nearest slot. In a turn that handles many things once, at its end: it costs as much as
        a small write, and the loop does not look at it before. One that has gone off is set at once, lest the loop see
        it again."""
        slot = self._awaited
        if slot != self._armed:
            self._armed = slot
            if slot == _FAR:
                self._timer.disarm()
            else:
                self._timer.arm(slot * self._finest)

    def _fire(self) -> None:
        """Play what is due, for `LONGEST_TURN` seconds at most: the rest has its turn after the loop has read, accepted
        and noticed who left."""
        self._armed = 0
        self._play_due(LONGEST_TURN)

    def give_way(self) -> None:
        """Play what is due by now, for `LONGEST_SHARE` seconds at most: for those who are not done soon."""
        if monotonic() >= self._turn.due:
            self._play_share()

    def _play_share(self) -> None:
        """Play what is due before a request that was read, for `LONGEST_SHARE` seconds at most."""
        self._play_due(LONGEST_SHARE)

    def _play_due(self, seconds: float) -> None:
        self._awaited = 0
        self._turn.due = _NEVER
        slots, buckets = self._slots, self._buckets
        # Steps that become due meanwhile wait for the next turn of the loop too.
        begun = monotonic()
        now, until = int(begun * self._finest_rate), begun + seconds
        if begun - self._played_since > LOOK_EVERY:
            self._look_at_load(begun)
        try:
            while slots and slots[0] <= now:
                slot = heappop(slots)
                bucket = buckets.pop(slot)
                self._played += len(bucket)
                for number, paced in enumerate(bucket, 1):
                    try:
                        paced.play()
                    except Exception:
                        log.exception("a schedule could not be played")
                        self._end(paced)
                    if monotonic() > until:
                        self._put_back(slot, bucket[number:])
                        return
        finally:
            # Whatever went wrong, the streams that wait are woken again.
            self._end_turn()
            self._turn.passed(begun, monotonic())

    def _look_at_load(self, now: float) -> None:
        """Have slots of another width from now on, if another rate asks for it."""
        if self._follows_load:
            rate = self._played / (now - self._played_since)
            self._multiple = round(width_for(rate) / FINEST)
            self._rate = self._finest_rate / self._multiple
        self._played = 0
        self._played_since = now

    @property
    def resolution(self) -> float:
        """The width of a slot that is used now, in seconds."""
        return self._finest * self._multiple

    def _end(self, paced: Paced) -> None:
        try:
            paced.fail()
        except Exception:
            log.exception("a schedule could not be ended")

    def _put_back(self, slot: int, rest: list[Paced]) -> None:
        """Have the rest of a slot played in the next turn, before whatever is due later."""
        if not rest:
            return
        later = self._buckets.get(slot)
        if later is None:
            heappush(self._slots, slot)
            self._buckets[slot] = rest
        else:
            later[:0] = rest

    def _end_turn(self) -> None:
        slots, buckets = self._slots, self._buckets
        try:
            self.after_turn()
        except Exception:
            log.exception("the end of a turn failed")
        # Empty buckets (all cancelled) are dropped here, lest they wake us for nothing.
        while slots and not buckets[slots[0]]:
            del buckets[heappop(slots)]
        self._await(slots[0] if slots else _FAR)


def _nothing() -> None:
    pass
