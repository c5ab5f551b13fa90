"""Saturation: a limited number of an alias's requests run at once, more wait in order, and the rest are rejected.

The names are those of vLLM and llm-d-inference-sim: ``max-num-seqs`` run, ``max-waiting-queue-length`` wait. A request
starts when a running one ends, and the plan of its reply counts from there: from the instant at which that one was
*planned* to end, if it ended as planned, so that lateness does not add up along the queue. A client that
leaves gives its place to the next one at once. Nothing polls, and no waiting request has a timer.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from enum import Enum
from time import monotonic
from typing import Protocol

from oagw_tornado.evidence.exchange import Exchange

#: Bytes of request bodies that may wait, of all aliases together.
MOST_WAITING_BYTES = 256 * 2**20

# Requests started in one go; due streams are served before the next ones.
_AT_A_TIME = 16


class QueueDecision(Enum):
    """What becomes of a request that comes."""

    NOW = "it runs"
    LATER = "it waits"
    NEVER = "the queue is full"


class Waiter(Protocol):
    """What waits for its turn."""

    def start(self) -> None:
        """It is its turn."""

    def cut_off(self) -> None:
        """There will be no turn: the server ends."""


class _Line:
    """The requests of one alias."""

    __slots__ = ("running", "waiting", "freed")

    def __init__(self) -> None:
        self.running = 0
        # In the order in which they came; each with the most that may run, it included.
        self.waiting: OrderedDict[Exchange, tuple[int, Waiter]] = OrderedDict()
        # When places became free that are not taken yet (monotonic); kept while requests wait.
        self.freed: deque[float] = deque()


class WaitingQueues:
    """The queues of one simulator, by alias. Instants are of `time.monotonic`."""

    def __init__(self) -> None:
        self._lines: dict[str, _Line] = {}
        self._bytes = 0
        # Lines that are to be looked at in the next turn of the loop.
        self._stirred: OrderedDict[str, _Line] = OrderedDict()
        # Requests that wait, of all aliases.
        self.waiting = 0

    def enter(self, exchange: Exchange, waiter: Waiter) -> QueueDecision:
        """Take in a request whose knobs limit how many run. If it waits, `waiter` is told later when it is its turn."""
        knobs = exchange.knobs
        assert knobs is not None
        assert knobs.max_num_seqs is not None
        line = self._lines.get(exchange.alias)
        if line is None:
            line = self._lines[exchange.alias] = _Line()
        if not line.waiting and line.running < knobs.max_num_seqs:
            line.running += 1
            exchange.queued = 0.0
            return QueueDecision.NOW
        size = exchange.body_size
        if len(line.waiting) >= knobs.max_waiting_queue_length or self._bytes + size > MOST_WAITING_BYTES:
            return QueueDecision.NEVER
        line.waiting[exchange] = (knobs.max_num_seqs, waiter)
        self._bytes += size
        self.waiting += 1
        return QueueDecision.LATER

    def leave(self, exchange: Exchange) -> None:
        """Wait no longer: the client has gone."""
        line = self._lines.get(exchange.alias)
        if line is not None and exchange in line.waiting:
            self._remove(line, exchange)
            # The request that is now first may have a higher limit than the previous one.
            self._stir(exchange.alias, line)

    def over(self, exchange: Exchange) -> None:
        """A request that ran, as its `queued` says, is over: its place is free."""
        line = self._lines[exchange.alias]
        line.running -= 1
        if line.waiting:
            line.freed.append(freed_at(exchange, monotonic()))
            self._stir(exchange.alias, line)

    def lengths(self) -> dict[str, tuple[int, int]]:
        """How many run and how many wait, by alias."""
        return {alias: (line.running, len(line.waiting)) for alias, line in self._lines.items()}

    def cut_off(self) -> None:
        """End all that wait, because the server ends."""
        for line in self._lines.values():
            for exchange, (_, waiter) in list(line.waiting.items()):
                self._remove(line, exchange)
                waiter.cut_off()

    def _stir(self, alias: str, line: _Line) -> None:
        if not self._stirred:
            asyncio.get_running_loop().call_soon(self._advance)
        self._stirred[alias] = line

    def _advance(self) -> None:
        """Give a turn to those that may have one, some at a time."""
        left = _AT_A_TIME
        while self._stirred:
            alias, line = next(iter(self._stirred.items()))
            while (waiter := self._next(line) if left else None) is not None:
                left -= 1
                waiter.start()
            if left == 0:
                asyncio.get_running_loop().call_soon(self._advance)
                return
            self._stirred.pop(alias, None)

    def _next(self, line: _Line) -> Waiter | None:
        """The first that waits, if there is a place for it; it has the place then."""
        if not line.waiting:
            line.freed.clear()
            return None
        exchange, (most, waiter) = next(iter(line.waiting.items()))
        if line.running >= most:
            return None
        self._remove(line, exchange)
        line.running += 1
        free = line.freed.popleft() if line.freed else monotonic()
        exchange.queued = max(0.0, free - exchange.admitted)
        return waiter

    def _remove(self, line: _Line, exchange: Exchange) -> None:
        del line.waiting[exchange]
        self._bytes -= exchange.body_size
        self.waiting -= 1


def freed_at(exchange: Exchange, now: float) -> float:
    """When a request gave its place back: at the planned end of its reply, if it ended as planned, else now."""
    if exchange.outcome == "complete" and exchange.planned_end is not None:
        return min(exchange.admitted + exchange.planned_end, now)
    return now
