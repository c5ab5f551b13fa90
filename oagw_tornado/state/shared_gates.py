"""Gates whose permits are in the store: a release lets replies pass wherever they wait, one event per permit.

A reply at a gate waits in one queue with those of all other processes. Each member is notified through a list of its
own in the store, so that nothing is lost when a connection is. Each event costs one round trip.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from time import monotonic
from typing import Any

from oagw_tornado.playback.gates import MOST_GATES, Gated, Gates
from oagw_tornado.state.link import Link
from oagw_tornado.state.store import StateAway

#: Replies that are let pass in one step.
TOGETHER = 1000
#: Seconds that a release waits for those that it let pass to have gone on.
RELEASE_PATIENCE = 5.0
#: Seconds between two looks whether they have.
_LOOK = 0.002


class _Waiting:
    __slots__ = ("name", "gated", "timer", "entry")

    def __init__(self, name: str, gated: Gated, timer: asyncio.TimerHandle, entry: str) -> None:
        self.name = name
        self.gated = gated
        self.timer = timer
        self.entry = entry


class SharedGates(Gates):
    """The gates that all members of a state share, as one of them sees them."""

    def __init__(self, link: Link, member: str, timeout: float = 30.0) -> None:
        super().__init__(timeout)
        self._link = link
        self._member = member
        self._numbers = 0
        # By the entry in the line, and by the reply.
        self._waits: dict[str, _Waiting] = {}
        self._entries: dict[Gated, str] = {}
        # Gates that are known to be open: whoever opens or resets one tells all.
        self._open: set[str] = set()

    def enter(self, name: str, gated: Gated) -> bool:
        if name in self._open:
            return True
        self._numbers += 1
        entry = f"{self._member}/{self._numbers}"
        timer = asyncio.get_running_loop().call_later(self.timeout, self._time_out_entry, entry)
        self._waits[entry] = _Waiting(name, gated, timer, entry)
        self._entries[gated] = entry
        self._stand_in_line(name, entry)
        return False

    def is_passable(self, name: str) -> bool:
        return name in self._open

    def is_in_release(self, name: str) -> bool:
        return False

    def leave(self, name: str, gated: Gated) -> None:
        entry = self._entries.pop(gated, None)
        if entry is not None:
            self._waits.pop(entry).timer.cancel()
            self._link.send_decision("leave-gate", name, entry)

    async def released(self, name: str, events: int | None) -> dict[str, Any]:
        """As `release`, over all members: what could go on has gone on when this returns. Raises StateAway."""
        more: str | int = "all" if events is None else events
        deadline = monotonic() + RELEASE_PATIENCE
        while True:
            permits, is_open, waiting, pending = await self._link.decide("release", name, more, TOGETHER)
            more = 0
            if not pending and (not waiting or not (permits or is_open)):
                break
            if monotonic() > deadline:
                break
            await asyncio.sleep(_LOOK)
        return {"open": bool(is_open), "permits": permits, "waiting": waiting}

    def resetting(self) -> Iterator[None]:
        """Let all replies go on that wait here; the store has forgotten the gates already."""
        self._open.clear()
        for entry in list(self._waits):
            self._let_go(entry)
            yield

    async def all_states(self) -> dict[str, Any]:
        """How the gates stand, by name. Raises StateAway."""
        return {_text(name): _state(*rest) for name, *rest in await self._link.decide("gates")}

    async def state_of(self, name: str) -> dict[str, Any]:
        """How one stands. Raises StateAway."""
        ((_, *rest),) = await self._link.decide("gates", name)
        return _state(*rest)

    async def take_granted(self) -> None:
        """Let go on what was let pass. Raises StateAway."""
        while granted := await self._link.decide("granted", self._member):
            self._grant(granted)
            if len(granted) < TOGETHER:
                return

    async def came_back(self) -> None:
        """The store was away, and may have forgotten who waits."""
        self._open.clear()
        granted = await self._link.ask("granted", self._link.epoch, self._member)
        self._grant(granted)
        for waiting in list(self._waits.values()):
            stands = await self._link.ask("enter", self._link.epoch, waiting.name, waiting.entry, MOST_GATES, 1)
            self._entered(waiting.name, waiting.entry, stands)

    def _stand_in_line(self, name: str, entry: str) -> None:
        asked = self._link.decide("enter", name, entry, MOST_GATES, 0)
        asked.add_done_callback(partial(self._answered, name, entry))

    def _answered(self, name: str, entry: str, asked: asyncio.Future[Any]) -> None:
        if asked.cancelled() or isinstance(asked.exception(), StateAway):
            return  # `came_back` asks again
        self._entered(name, entry, asked.result())

    def _entered(self, name: str, entry: str, stands: int) -> None:
        if stands == 0:
            return
        if stands == -1:  # reset meanwhile: its gate is as every gate at start
            if entry in self._waits:
                asyncio.get_running_loop().call_later(_LOOK, self._again, name, entry)
            return
        if stands == 2:
            self._open.add(name)
        self._let_go_or_give_back(name, entry, is_counted=stands == 1)

    def _again(self, name: str, entry: str) -> None:
        if entry in self._waits:
            self._stand_in_line(name, entry)

    def _grant(self, granted: list[bytes]) -> None:
        for each in granted:
            entry, _, name = each.decode().partition(" ")
            self._let_go_or_give_back(name, entry, is_counted=True)

    def _let_go_or_give_back(self, name: str, entry: str, is_counted: bool) -> None:
        if self._let_go(entry):
            if is_counted:
                # Behind what the reply has asked for since, if it is at a gate again.
                self._link.send_decision("settled", name, 1)
        elif is_counted:
            self._link.send_decision("settled", name, 1)
            if name not in self._open:
                self._link.send_decision("release", name, 1, TOGETHER)

    def _let_go(self, entry: str) -> bool:
        """Whether the reply was waiting yet."""
        waiting = self._waits.pop(entry, None)
        if waiting is None:
            return False
        waiting.timer.cancel()
        self._entries.pop(waiting.gated, None)
        waiting.gated.released()
        return True

    def _time_out_entry(self, entry: str) -> None:
        waiting = self._waits.pop(entry, None)
        if waiting is not None:
            self._entries.pop(waiting.gated, None)
            self._link.send_decision("leave-gate", waiting.name, entry)
            waiting.gated.gate_timed_out()


def _state(permits: int, is_open: int, waiting: int, pending: int) -> dict[str, Any]:
    return {"open": bool(is_open), "permits": permits, "waiting": waiting}


def _text(name: bytes | str) -> str:
    return name.decode() if isinstance(name, bytes) else name
