"""What a reply in progress has sent, what it reports to the ledger, and the wait for a client that does not read.

A client that does not read blocks only its own stream, and events held up by it are counted as blocked, not as late.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from time import monotonic
from typing import NamedTuple, Protocol

from oagw_tornado.evidence.exchange import Exchange
from oagw_tornado.evidence.ledger import Ledger
from oagw_tornado.playback.gates import Gates
from oagw_tornado.playback.pacer import Paced, Pacer
from oagw_tornado.reply.schedule import Step
from oagw_tornado.wire.connection import ReplyConnection


class Backlog:
    """Bytes that wait for clients to read, beyond what the kernel holds for them: at most `limit`, of all clients.

    Each connection holds one write at most, or the rest of a body that is sent whole.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0

    def take(self, size: int) -> bool:
        """Hold `size` bytes more; False if there is no room for them."""
        if self.held + size > self.limit:
            return False
        self.held += size
        return True

    def give_back(self, size: int) -> None:
        """So many bytes are held no longer."""
        self.held -= size


class PlaybackContext(Protocol):
    """What a playback needs of the simulator that it belongs to."""

    pacer: Pacer
    ledger: Ledger
    gates: Gates
    backlog: Backlog
    # `pacer.at`, bound once for all.
    pace: Callable[[float, Paced], None]

    def gate_timeout_reply(self, exchange: Exchange) -> tuple[int, bytes, bytes]:
        """Status, header lines and body of the refusal in place of a reply that waited at its gate in vain."""

    def ended(self, delivery: Delivery, outcome: str) -> None:
        """The reply is over, one way or another."""


class Queued(NamedTuple):
    """What the kernel did not take at once: it has left when the client has read."""

    at: float
    events: int
    size: int
    outcome: str
    """How the reply ends with it; empty if it goes on."""
    held: int
    """Bytes that are held for it, of the backlog of all."""


class Delivery(ABC):
    """One reply on its way to the client; a subclass says what of it leaves when. Times are of `time.monotonic`."""

    __slots__ = (
        "slot",
        "exchange",
        "_admitted",
        "_connection",
        "_context",
        "_length",
        "_head",
        "_held_until",
        "_held_by_gate",
        "_waits_at",
        "_queued",
    )

    # `Playback` sets all of them at once: a constructor for each class would be felt in the price of a reply.
    slot: int
    exchange: Exchange
    _admitted: float
    _connection: ReplyConnection
    _context: PlaybackContext
    # Of the body; None for a stream.
    _length: int | None
    # The head, between its instant and the first write: events due at the same time leave in the same write.
    _head: bytes
    # The offset up to which whatever is late is so for a reason that is not ours: the client did not read,
    # or (then `_held_by_gate` is true) a gate was shut.
    _held_until: float
    _held_by_gate: bool
    # The gate at which this reply waits.
    _waits_at: str | None
    # What waits for the client to read.
    _queued: Queued | None

    @abstractmethod
    def play(self) -> None:
        """Send what is due."""

    @abstractmethod
    def settle(self) -> None:
        """Bring the ledger up to date with what has left."""

    @abstractmethod
    def released(self) -> None:
        """The gate has let the next event pass."""

    @abstractmethod
    def gate_timed_out(self) -> None:
        """Nobody released the gate in time."""

    @abstractmethod
    def _go_on(self, now: float) -> None:
        """Go on with what comes next: now, or when it is due."""

    @property
    def waits_at(self) -> str | None:
        """The gate at which it waits; None: it does not."""
        return self._waits_at

    @property
    def unread(self) -> int | None:
        """Bytes that the client has not read, according to the kernel; None if unknown."""
        return self._connection.unread

    def client_left(self) -> None:
        """The connection is gone; so is the rest of the schedule."""
        self._over("client-left")

    def cut_off(self) -> None:
        """End the reply where it is, because the server ends."""
        self._cut("drained")

    def fail(self) -> None:
        """End the reply where it is, because making it failed; the caller has logged why."""
        self._cut("closed")

    # Sending.

    def _take_head(self) -> bytes:
        head, self._head = self._head, b""
        return head

    def _send_head(self) -> bool:
        """Send the head alone; False if the step in hand has to wait until the client has taken it, or has gone."""
        if self._connection.send(self._take_head()):
            return True
        self._wait_for_client(0.0, 0, 0)
        return False

    # A client that does not read.

    def _wait_for_client(self, at: float, events: int, size: int, outcome: str = "") -> None:
        """The kernel did not take it all: go on when the client has read, if it is there."""
        if not self._connection.is_open:
            self.client_left()
            return
        held = max(size, self._length or 0)
        if not self._context.backlog.take(held):
            # The bytes held for this client are dropped, because there is no room for them.
            self._connection.set_close_callback(None)
            self._connection.reset()
            self._over("backlog-full")
            return
        if events:
            self._context.ledger.blocked(self.exchange, events)
        self._queued = Queued(at, events, size, outcome, held)
        self._connection.drained = self._client_reads

    def _client_reads(self) -> None:
        queued, self._queued = self._queued, None
        if queued is None:
            return  # it is over
        self._context.backlog.give_back(queued.held)
        now = monotonic()
        self._held_until = offset = now - self._admitted
        self._held_by_gate = False
        self._context.ledger.sent(self.exchange, queued.events, queued.size, queued.at, offset)
        if queued.outcome:
            self._over(queued.outcome)
            self._connection.end_sent()
        else:
            self._go_on(now)

    # Reports to the ledger.

    def _strike(self, step: Step) -> None:
        if step.faults:
            self._context.ledger.struck(self.exchange, step.faults)

    def _count(self, step: Step) -> None:
        """Tell the ledger that `step` has left, on time, late, or as soon as the client read or the gate let it."""
        ledger, exchange, events = self._context.ledger, self.exchange, step.events
        offset = monotonic() - self._admitted
        ledger.sent(exchange, events, len(step.data), step.at, offset)
        if not events:
            return
        if step.at > self._held_until:
            ledger.late(offset - step.at, events)
        elif self._held_by_gate:
            # Its plan is the instant of its release.
            ledger.late(offset - self._held_until, events)
        else:
            ledger.blocked(exchange, events)

    # The end.

    def _cut(self, outcome: str) -> None:
        self._connection.set_close_callback(None)
        self._connection.close()
        self._over(outcome)

    def _over(self, outcome: str) -> None:
        """The reply is over, one way or another."""
        self.settle()
        if self._queued is not None:
            self._context.backlog.give_back(self._queued.held)
            self._queued = None
        self._context.pacer.cancel(self)
        if self._waits_at is not None:
            self._context.gates.leave(self._waits_at, self)
            self._waits_at = None
        self._connection.drained = None
        self._context.ended(self, outcome)
