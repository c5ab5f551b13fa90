"""Plays one schedule on one connection, against absolute deadlines, and notes how late each event left.

Rules on the path of an event: no task, no future, no timer of its own; one write. Behind its plan a playback sends
at once and keeps the plan. A client that does not read blocks its own stream and nobody else's, and what it made
wait is counted as blocked, not as late.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Protocol

from oagw_tornado.evidence.exchange import Exchange
from oagw_tornado.evidence.timing import BINS_PER_SECOND, SPAN, Timing
from oagw_tornado.playback.gates import Gates
from oagw_tornado.playback.pacer import Paced, Pacer
from oagw_tornado.reply.schedule import Action, Schedule, Step
from oagw_tornado.wire.connection import ReplyConnection

WRITE = Action.WRITE

#: Offsets kept for one exchange; a longer stream is counted in full and noted up to here.
NOTED_EVENTS = 1000

#: Steps played in one go when all of them are due: the other streams have their turn after them.
BURST = 256

# What a playback holds when nothing is left to play: it does nothing when its time comes.
OVER = Step(0.0, b"", Action.STALL)


class Stage(Protocol):
    """What a playback needs of the simulator that it belongs to."""

    pacer: Pacer
    timing: Timing
    gates: Gates
    # `pacer.at` and `timing.recent.append`, bound once for all.
    pace: Callable[[float, Paced], None]
    count_late: Callable[[float], None]

    def outwaited(self, exchange: Exchange) -> tuple[int, bytes, bytes]:
        """Status, header lines and body of the refusal in place of a reply that waited at its gate in vain."""

    def ended(self, playback: Playback, outcome: str) -> None:
        """The reply is over, one way or another."""


class Playback:
    """One schedule under way. `play` is called when the step that waits is due; times are of `time.monotonic`."""

    __slots__ = (
        "slot",
        "exchange",
        "_admitted",
        "_connection",
        "_stage",
        "_steps",
        "_step",
        "_fields",
        "_length",
        "_head",
        "_excused",
        "_gated",
        "_waits_at",
        "_note",
    )

    def __init__(
        self,
        stage: Stage,
        exchange: Exchange,
        connection: ReplyConnection,
        steps: Schedule,
        fields: bytes,
        length: int | None,
    ) -> None:
        self.slot = 0
        self.exchange = exchange
        self._admitted = exchange.admitted
        self._connection = connection
        self._stage = stage
        self._steps = steps
        self._step = next(steps, OVER)
        self._fields = fields  # status line and header lines
        self._length = length  # of the body; None for a stream
        # The head between its own instant and the first write: what is due with it leaves in the same write.
        self._head = b""
        # The offset up to which whatever is late is so for a reason that is not ours: the client did not read,
        # or (then `_gated` is true) a gate was shut.
        self._excused = -1.0
        self._gated = False
        # The gate at which this reply waits.
        self._waits_at: str | None = None
        # The fault under way, for the journal.
        self._note = ""

    def start(self) -> None:
        """Play what is due, and have the pacer do the rest."""
        self._connection.set_close_callback(self.client_left)
        self._play_when_due(monotonic())

    def play(self) -> None:
        """Play the step that waits, whose time has come, and each later one that is due as well."""
        step = self._step
        admitted = self._admitted
        connection = self._connection
        exchange = self.exchange
        behind = 0  # steps that were due already when the one before them was played
        while True:
            at, data, action, events, _, _ = step
            if action is WRITE:
                piece = b"%x\r\n%b\r\n" % (len(data), data) if connection.chunked else data
                if self._head:
                    piece = self._take_head() + piece
                left = connection.send(piece)
                now = monotonic()
                exchange.bytes_sent += len(data)
                if not left:
                    exchange.events += events
                    if events:
                        self._keep_times(at, now - admitted)
                    self._wait_for_client(events)
                    return
                if events:
                    exchange.events += events
                    offset = now - admitted
                    if at > self._excused:
                        late = offset - at
                        timing = self._stage.timing
                        timing.events += events
                        if 0.0 <= late < SPAN:
                            timing.late[int(late * BINS_PER_SECOND)] += events
                        else:
                            timing.outlier(late, events)
                        if late > timing.max:
                            timing.max = late
                        if late < timing.earliest:
                            timing.earliest = late
                    else:
                        self._excuse(offset, events)
                    actual = exchange.actual
                    if actual is not None and len(actual) < NOTED_EVENTS:
                        actual.append(offset)
                        exchange.planned.append(at)  # type: ignore[union-attr]  # one is there if the other is
            elif self._act(step):
                now = monotonic()
            else:
                return
            following = next(self._steps, None)
            if following is None:
                self._run_out(now)
                return
            step = following
            due = admitted + step.at
            if due > now:
                self._step = step
                if self._head and not self._send_head():
                    return
                self._stage.pacer.at(due, self)
                return
            behind += 1
            if behind == BURST:
                self._step = step
                self._stage.pacer.at(now, self)
                return

    def settle(self) -> None:
        """Bring the exchange up to date with what has left."""

    def client_left(self) -> None:
        """The connection is gone; so is the rest of the schedule."""
        self._over(self._note or "client-left")

    def cut_off(self) -> None:
        """End the reply where it is, because the server ends."""
        self._connection.set_close_callback(None)
        self._connection.close()
        self._over("drained")

    def released(self) -> None:
        """The gate has let the next event pass."""
        self._waits_at = None
        now = monotonic()
        self._excused = now - self._admitted
        self._gated = True
        self._continue(now)

    def gate_timed_out(self) -> None:
        """Nobody released the gate in time: say so, and end in order; in the stream's own form if the head has left."""
        self._waits_at = None
        self._note = "gate-timeout"
        if not self.exchange.head_sent:
            status, fields, body = self._stage.outwaited(self.exchange)
            self._over(self._note)
            self._connection.send_whole(status, fields, body)
            return
        self._act(Step(0.0, self._step.data, Action.END))

    # The steps that are not a plain write.

    def _act(self, step: Step) -> bool:
        """Do what `step` says; False if the schedule does not go on from here by itself."""
        action = step.action
        connection = self._connection
        if step.note:
            self._note = step.note
        if action is Action.HEAD:
            self.exchange.head_sent = True
            self._head = connection.render_head(self.exchange.status, self._fields, self._length)
            self._fields = b""
            return True
        if action is Action.END:
            self._end(step)
        elif action is Action.RAW:
            if not connection.send(self._take_head() + step.data):
                self._wait_for_client(0)
                return False
            return True
        elif action is Action.GATE:
            return self._enter_gate(step)
        elif action is Action.STALL:
            self._step = OVER._replace(note=step.note)
            if self._head:
                connection.send(self._take_head())
        else:
            connection.set_close_callback(None)
            if self._head:
                connection.send(self._take_head())
            if action is Action.RESET:
                connection.reset()
            else:
                connection.close()
            self._over(self._note or "closed")
        return False

    def _run_out(self, now: float) -> None:
        """The schedule has no more steps."""
        self._act(Step(0.0, b"", Action.END))

    def _end(self, step: Step) -> None:
        connection, exchange = self._connection, self.exchange
        last = self._take_head() + connection.render_end(step.data)
        if last:
            connection.send(last)
        if step.at > max(self._excused, 0.0):
            exchange.planned_end = step.at
        if step.data:
            exchange.bytes_sent += len(step.data)
        if step.events:
            exchange.events += step.events
            self._count(step.at, monotonic() - self._admitted, step.events)
        self._over(self._note or "complete")
        connection.end_sent()

    def _enter_gate(self, step: Step) -> bool:
        name = self.exchange.gate
        if name is None or self._stage.gates.enter(name, self):
            return True
        self._waits_at = name
        self._step = step
        if self._head:
            self._send_head()
        return False

    # What every way shares.

    def _take_head(self) -> bytes:
        head, self._head = self._head, b""
        return head

    def _send_head(self) -> bool:
        if self._connection.send(self._take_head()):
            return True
        # The step that waits is already in hand: it goes back in front of the others.
        self._steps = _chain(self._step, self._steps)
        self._wait_for_client(0)
        return False

    def _wait_for_client(self, events: int) -> None:
        """The kernel did not take it all: go on when the client has read."""
        self._step = OVER
        if events:
            self._stage.timing.blocked_by_client += events
            self.exchange.blocked += events
        self._connection.drained = self._client_reads

    def _client_reads(self) -> None:
        now = monotonic()
        self._excused = now - self._admitted
        self._gated = False
        self._continue(now)

    def _continue(self, now: float) -> None:
        """Go on with the next step of a schedule that waited for something other than the clock."""
        following = next(self._steps, None)
        if following is None:
            self._run_out(now)
        else:
            self._step = following
            self._play_when_due(now)

    def _play_when_due(self, now: float) -> None:
        due = self._admitted + self._step.at
        if due > now:
            self._stage.pacer.at(due, self)
        else:
            self.play()

    def _count(self, at: float, offset: float, events: int) -> None:
        """Count events that left at `offset`; as `play` does it inline."""
        if at > self._excused:
            self._stage.timing.count(offset - at, events)
        else:
            self._excuse(offset, events)
        self._keep_times(at, offset)

    def _keep_times(self, at: float, offset: float) -> None:
        exchange = self.exchange
        if exchange.actual is not None and exchange.planned is not None and len(exchange.actual) < NOTED_EVENTS:
            exchange.actual.append(offset)
            exchange.planned.append(at)

    def _excuse(self, offset: float, events: int) -> None:
        if self._gated:
            # Its plan is the instant of its release.
            self._stage.timing.count(offset - self._excused, events)
        else:
            self._stage.timing.blocked_by_client += events
            self.exchange.blocked += events

    def _over(self, outcome: str) -> None:
        self._step = OVER
        self._steps = iter(())
        self._stage.pacer.cancel(self)
        if self._waits_at is not None:
            self._stage.gates.leave(self._waits_at, self)
            self._waits_at = None
        self._connection.drained = None
        self._stage.ended(self, outcome)


def _chain(step: Step, steps: Schedule) -> Schedule:
    yield step
    yield from steps
