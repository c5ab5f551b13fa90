"""Gates: a stream waits before each event until a test lets it pass, so that the test needs no clock.

A gate has a name and holds permits. Each event of a reply that waits at it takes one; several replies at one gate take
turns. Permits that are released before anybody waits are kept, so the order does not matter. An
open gate (released with ``all``) lets everything pass from then on.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from time import perf_counter
from typing import Any, Protocol

#: Seconds that a release lets replies go on before the loop has its turn.
SHARE = 0.002

#: Gates that hold permits while nobody waits; beyond this, the oldest are dropped.
MOST_GATES = 10_000


class Gated(Protocol):
    """A reply that waits at a gate."""

    def released(self) -> None:
        """It may go on."""

    def gate_timed_out(self) -> None:
        """Nobody let it pass in time."""


class _Gate:
    __slots__ = ("permits", "is_open", "waiting", "in_release")

    def __init__(self) -> None:
        self.permits = 0
        self.is_open = False
        # True while `release` lets replies go on, which come back to this gate at their next event.
        self.in_release = 0
        # In the order in which they came; each with the timer that ends its patience.
        self.waiting: OrderedDict[Gated, asyncio.TimerHandle] = OrderedDict()


class Gates:
    """The gates of one simulator, by name. `timeout`, in seconds, is how long a reply waits for one release."""

    def __init__(self, timeout: float = 30.0) -> None:
        self.timeout = timeout
        self._gates: OrderedDict[str, _Gate] = OrderedDict()
        # When the share of the release under way is over.
        self._share_end = 0.0

    def enter(self, name: str, gated: Gated) -> bool:
        """Pass at once (True), or wait: then `gated.released` or `gated.gate_timed_out` is called later."""
        gate = self._gate(name)
        if gate.in_release and perf_counter() >= self._share_end:
            # There may be any number of permits: the release goes on with this reply in its next share.
            gate.waiting[gated] = asyncio.get_running_loop().call_later(self.timeout, self._time_out, name, gated)
            return False
        if gate.is_open:
            return True
        if gate.permits and not gate.waiting:
            gate.permits -= 1
            self._forget_if_idle(name, gate)
            return True
        timer = asyncio.get_running_loop().call_later(self.timeout, self._time_out, name, gated)
        gate.waiting[gated] = timer
        return False

    def is_passable(self, name: str) -> bool:
        """Whether the next that enters passes at once."""
        gate = self._gates.get(name)
        if gate is None or (gate.in_release and perf_counter() >= self._share_end):
            return False
        return gate.is_open or (gate.permits > 0 and not gate.waiting)

    def is_in_release(self, name: str) -> bool:
        """Whether replies that wait at this gate are let go on right now."""
        gate = self._gates.get(name)
        return gate is not None and gate.in_release > 0 and perf_counter() < self._share_end

    def leave(self, name: str, gated: Gated) -> None:
        """Wait no longer: the client has gone."""
        gate = self._gates.get(name)
        if gate is not None:
            timer = gate.waiting.pop(gated, None)
            if timer is not None:
                timer.cancel()
            self._forget_if_idle(name, gate)

    def release(self, name: str, events: int | None) -> dict[str, Any]:
        """Let so many more events pass; None opens the gate for good. Released events have been sent when this returns.

        The result says how the gate stands then.
        """
        for _ in self.releasing(name, events):
            pass
        return self.state(name)

    def releasing(self, name: str, events: int | None) -> Iterator[None]:
        """As `release`, in shares: the caller takes all the steps, and lets the loop have its turn between them."""
        gate = self._gate(name)
        if events is None:
            gate.is_open = True
        else:
            gate.permits += events
        gate.in_release += 1
        self._share_end = perf_counter() + SHARE
        while gate.waiting and (gate.is_open or gate.permits):
            if perf_counter() >= self._share_end:
                yield
                self._share_end = perf_counter() + SHARE
                continue
            gated, timer = gate.waiting.popitem(last=False)
            timer.cancel()
            if not gate.is_open:
                gate.permits -= 1
            gated.released()
        gate.in_release -= 1
        self._forget_if_idle(name, gate)

    def reset(self) -> None:
        """Release every reply that waits, and forget all gates."""
        for _ in self.resetting():
            pass

    def resetting(self) -> Iterator[None]:
        """As `reset`, in shares."""
        end = perf_counter() + SHARE
        for name in list(self._gates):
            yield from self.releasing(name, None)
            self._gates.pop(name, None)
            if perf_counter() >= end:
                yield
                end = perf_counter() + SHARE

    def state(self, name: str) -> dict[str, Any]:
        """How the gate of that name stands."""
        gate = self._gates.get(name)
        return _state(_Gate() if gate is None else gate)

    def names(self) -> list[str]:
        """The gates that hold permits or that somebody waits at."""
        return list(self._gates)

    def as_json(self) -> dict[str, Any]:
        return {name: _state(gate) for name, gate in self._gates.items()}

    def _gate(self, name: str) -> _Gate:
        gate = self._gates.get(name)
        if gate is None:
            gate = self._gates[name] = _Gate()
            if len(self._gates) > MOST_GATES:
                self._forget_oldest()
        return gate

    def _forget_if_idle(self, name: str, gate: _Gate) -> None:
        if not (gate.permits or gate.is_open or gate.waiting or gate.in_release):
            self._gates.pop(name, None)

    def _forget_oldest(self) -> None:
        for name, gate in self._gates.items():
            if not gate.waiting:
                del self._gates[name]
                return

    def _time_out(self, name: str, gated: Gated) -> None:
        gate = self._gates.get(name)
        if gate is not None and gate.waiting.pop(gated, None) is not None:
            self._forget_if_idle(name, gate)
            gated.gate_timed_out()


def _state(gate: _Gate) -> dict[str, Any]:
    return {"open": gate.is_open, "permits": gate.permits, "waiting": len(gate.waiting)}
