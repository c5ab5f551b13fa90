"""Plays one schedule on one connection, against absolute deadlines, and tells the ledger what became of each event.

Rules on the path of an event: no task, no future, no timer of its own; one write. Behind its plan a playback sends
at once and keeps the plan. A client that does not read blocks its own stream and nobody else's, and what it made
wait is counted as blocked, not as late.

Most steps are the content events of a run. They are played in a loop of their own, with less in hand: an event of one
in ten thousand streams finds nothing of its stream in the processor's caches, so its price is the number of objects
that it touches: the playback, what gives the texts and what gives the gaps. What that loop counts for others is
brought to them by `settle`, when somebody asks. All else is played step by step: what opens and closes a stream, what
a fault made of it, and what follows a wait for a client that does not read.
"""

from __future__ import annotations

import logging
from array import array
from collections.abc import Callable, Iterator
from itertools import chain, islice, repeat
from os import write
from time import monotonic
from typing import NamedTuple, Protocol

from oagw_tornado.evidence.exchange import Exchange
from oagw_tornado.evidence.ledger import NOTED_EVENTS, Ledger
from oagw_tornado.playback.backlog import Backlog
from oagw_tornado.playback.gates import Gates
from oagw_tornado.playback.pacer import Paced, Pacer
from oagw_tornado.reply.schedule import LARGEST_WRITE, Action, Run, Step, Steps
from oagw_tornado.reply.shaping import pieces
from oagw_tornado.wire.connection import CHUNK, ReplyConnection, framed

log = logging.getLogger(__name__)

WRITE = Action.WRITE

#: Steps played in one go when all of them are due, and for how long at most, in seconds: then others have their turn.
BURST = 256
LONGEST_TURN = 0.002

# What a playback holds when no step waits.
NONE = Step(0.0, b"", Action.STALL)
_END = Step(0.0, b"", Action.END)
# Stands for the event of a run that `play` has in hand.
_IN_RUN = Step(0.0, b"", Action.STALL)

_NO_TEXTS: Iterator[bytes] = iter(())
_NO_GAPS: Iterator[float] = iter(())
_NOT_NOTED = array("d")


class Stage(Protocol):
    """What a playback needs of the simulator that it belongs to."""

    pacer: Pacer
    ledger: Ledger
    gates: Gates
    backlog: Backlog
    # `pacer.at`, bound once for all.
    pace: Callable[[float, Paced], None]

    def outwaited(self, exchange: Exchange) -> tuple[int, bytes, bytes]:
        """Status, header lines and body of the refusal in place of a reply that waited at its gate in vain."""

    def ended(self, playback: Playback, outcome: str) -> None:
        """The reply is over, one way or another."""


class _Queued(NamedTuple):
    """What the kernel did not take at once: it has left when the client has read."""

    at: float
    events: int
    size: int
    outcome: str
    """How the reply ends with it; empty if it goes on."""
    held: int
    """Bytes that are held for it, of the backlog of all."""


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
        "_queued",
        "_run",
        "_data",
        "_contents",
        "_gaps",
        "_before",
        "_after",
        "_around",
        "_at",
        "_descriptor",
        "_chunked",
        "_actual",
        "_planned",
        "_first",
        "_room",
        "_sent",
        "_settled",
        "_size",
        "_count_late",
        "_pace",
    )

    def __init__(
        self,
        stage: Stage,
        exchange: Exchange,
        connection: ReplyConnection,
        steps: Steps,
        fields: bytes,
        length: int | None,
    ) -> None:
        self.slot = 0
        self.exchange = exchange
        self._admitted = exchange.admitted
        self._connection = connection
        self._stage = stage
        self._steps = steps
        # The step that waits for its time, unless `_data` does.
        self._step = NONE
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
        # What waits for the client to read.
        self._queued: _Queued | None = None
        # The run under way, whose events come before the other steps.
        self._run: Run | None = None
        # The text of the run's event that waits for its time; None while steps are played one by one.
        self._data: bytes | None = None
        # What `play` is to find without a detour; see `_enter`.
        self._contents, self._gaps = _NO_TEXTS, _NO_GAPS
        self._before = self._after = b""
        self._around = 0
        self._at = 0.0
        self._descriptor = -1
        self._chunked = False
        self._actual = _NOT_NOTED
        # Where the planned offsets go; None: the gap is fixed, and `settle` knows them.
        self._planned: array[float] | None = None
        # When the first of the events in hand was due.
        self._first = 0.0
        # Events of the run that `play` has played, how many of them are noted, and of how many the ledger knows.
        self._sent = 0
        self._room = 0
        self._settled = 0
        # Bytes of those of which the ledger does not know yet.
        self._size = 0
        self._count_late = stage.ledger.count_late
        self._pace = stage.pace

    def start(self) -> None:
        """Play what is due, and have the pacer do the rest."""
        self._connection.set_close_callback(self.client_left)
        self._go_on(monotonic())

    def play(self) -> None:
        """Play what waits, whose time has come, and whatever else is due as well."""
        data = self._data
        if data is None:
            self._play_steps()
            return
        at = self._at
        descriptor = self._descriptor
        behind = 0  # events that were due already when the one before them left
        while True:
            size = self._around + len(data)
            if size > LARGEST_WRITE:
                self._leave(at, 1)
                self._step = Step(at, self._before + data + self._after, WRITE, 1, 1)
                self._play_steps()
                return
            if self._chunked:
                piece = CHUNK % (size, self._before, data, self._after)
            else:
                piece = b"%b%b%b" % (self._before, data, self._after)
            if descriptor < 0:
                left = len(piece) if self._connection.send_piece(piece) else -1
            else:
                try:
                    left = write(descriptor, piece)
                except OSError:  # the kernel's buffer is full, or the client has gone: `send` finds out which
                    left = 0
            if left != len(piece) and (left < 0 or not self._connection.send(piece[left:])):
                self._leave(at, 1)
                self._wait_for_client(at, 1, size)
                return
            now = monotonic()
            offset = now - self._admitted
            self._count_late(offset - at)
            self._sent = sent = self._sent + 1
            self._size += size
            if sent <= self._room:
                self._actual.append(offset)
                if self._planned is not None:
                    self._planned.append(at)
            data = next(self._contents, None)
            if data is None:
                self._leave(at, 0)
                self._go_on(now)
                return
            at += next(self._gaps)
            if at > offset:
                self._data = data
                self._at = at
                self._pace(self._admitted + at, self)
                return
            if not behind:
                until = now + LONGEST_TURN
            behind += 1
            if behind == BURST or now > until:
                self._data = data
                self._at = at
                self._pace(now, self)
                return

    def settle(self) -> None:
        """Bring the ledger up to date with what has left."""
        if self._sent != self._settled:
            noted = self.exchange.planned
            if self._planned is None and noted is not None:
                # A line: of ten thousand streams at a fixed pace nobody keeps the plan before somebody asks for it.
                gap = next(self._gaps)
                numbers = range(self._settled, min(self._sent, self._room))
                self._stage.ledger.planned_run(self.exchange, [self._first + number * gap for number in numbers])
            self._stage.ledger.sent_run(self.exchange, self._sent - self._settled, self._size)
            self._settled = self._sent
            self._size = 0

    def client_left(self) -> None:
        """The connection is gone; so is the rest of the schedule."""
        self._over("client-left")

    def cut_off(self) -> None:
        """End the reply where it is, because the server ends."""
        self._cut("drained")

    def fail(self) -> None:
        """End the reply where it is, because what it is made of failed; who calls has logged why."""
        self._cut("closed")

    def released(self) -> None:
        """The gate has let the next event pass."""
        self._waits_at = None
        self._step = NONE
        now = monotonic()
        self._excused = now - self._admitted
        self._gated = True
        self._go_on(now)

    def gate_timed_out(self) -> None:
        """Nobody released the gate in time: say so, and end in order; in the stream's own form if the head has left."""
        self._waits_at = None
        try:
            if self.exchange.head_sent:
                self._end(Step(0.0, self._step.data, Action.END, outcome="gate-timeout"))
                return
            status, fields, body = self._stage.outwaited(self.exchange)
        except Exception:
            log.exception("a reply that waited at a gate in vain could not be ended")
            self.fail()
            return
        self._over("gate-timeout")
        self._connection.send_whole(status, fields, body)

    # From step to step.

    def _go_on(self, now: float) -> None:
        """Go on with the step in hand or, if there is none, with the next one: now, or when it is due."""
        try:
            step = self._step
            if step is NONE:
                step = self._step = self._next()
            due = self._admitted + (self._at if step is _IN_RUN else step.at)
            if due > now:
                self._pace(due, self)
            else:
                self.play()
        except Exception:
            log.exception("a schedule could not be played")
            self.fail()

    def _next(self) -> Step:
        """The next step; `_IN_RUN` for an event of a run, which is in hand then."""
        run = self._run
        while True:
            if run is None:
                step = next(self._steps, _END)
                if not isinstance(step, Run):
                    return step
                run = self._run = step
            # The first event is played as any step, as the head may leave with it.
            if run.taken and run.at > self._excused and not self._head and self._connection.takes_pieces:
                if self._enter(run):
                    return _IN_RUN
            else:
                event = run.take()
                if event is not None:
                    return event
            run = self._run = None

    def _enter(self, run: Run) -> bool:
        """Take the next event of `run` in hand, for `play`; False if there is none."""
        self._contents = run.contents if run.limit < 0 else islice(run.contents, run.limit)
        self._data = next(self._contents, None)
        if self._data is None:
            return False
        self._gaps = run.gaps
        self._at = self._first = run.at + next(run.gaps)
        self._before, self._after = run.before, run.after
        self._around = len(run.before) + len(run.after)
        self._descriptor = self._connection.descriptor
        self._chunked = self._connection.chunked
        self._sent = self._settled = 0
        exchange = self.exchange
        if exchange.actual is not None and exchange.planned is not None:
            self._actual = exchange.actual
            self._planned = None if type(run.gaps) is repeat else exchange.planned
            self._room = NOTED_EVENTS - len(self._actual)
        return True

    def _leave(self, at: float, more: int) -> None:
        """Play the run's events no longer in `play`: the last one taken was due at `at`, `more` of them not counted."""
        self.settle()
        self._data = None
        run = self._run
        assert run is not None
        run.at = at
        run.taken += self._sent + more
        if run.limit >= 0:
            run.limit -= self._sent + more
        self._step = NONE

    def _play_steps(self) -> None:
        """Play the step that waits, and each later one that is due as well, until an event of a run waits."""
        step = self._step
        behind = 0  # steps that were due already when the one before them was played
        while True:
            self._step = NONE
            if len(step.data) > LARGEST_WRITE:
                step = self._split(step)
            if step.action is WRITE:
                data = framed(step.data) if self._connection.chunked and step.data else step.data
                if not self._send(step, self._take_head() + data if self._head else data):
                    return
            elif not self._act(step):
                return
            now = monotonic()
            step = self._next()
            due = self._admitted + (self._at if step is _IN_RUN else step.at)
            self._step = step
            if due > now:
                if not self._head or self._send_head():
                    self._pace(due, self)
                return
            if step is _IN_RUN:
                self.play()
                return
            if not behind:
                until = now + LONGEST_TURN
            behind += 1
            if (behind >= BURST or now > until) and not self._is_in_release():
                self._pace(now, self)
                return

    def _is_in_release(self) -> bool:
        """Whether the release of this reply's gate is under way: it gives turns itself, and ends when all has left."""
        gate = self.exchange.gate
        return gate is not None and self._stage.gates.is_in_release(gate)

    def _split(self, step: Step) -> Step:
        """The first piece of a step that is larger than a write; the others are the next steps."""
        rest = pieces(step, LARGEST_WRITE)
        first = next(rest)
        run, self._run = self._run, None
        self._steps = chain(rest, () if run is None else (run,), self._steps)
        return first

    # What a step does.

    def _send(self, step: Step, data: bytes) -> bool:
        """Send `data`, which is `step` framed; False if the schedule does not go on from here by itself."""
        left = self._connection.send(data)
        if not (left or self._connection.is_open):
            self.client_left()
            return False
        self._strike(step)
        if not left:
            self._wait_for_client(step.at, step.events, len(step.data))
            return False
        self._count(step)
        return True

    def _act(self, step: Step) -> bool:
        """Do what `step`, which is no plain write, says; False if the schedule does not go on from here by itself."""
        action = step.action
        if action is Action.HEAD:
            self._strike(step)
            self._stage.ledger.head_sent(self.exchange)
            self._head = self._connection.render_head(self.exchange.status, self._fields, self._length)
            self._fields = b""
            return True
        if action is Action.END:
            self._end(step)
        elif action is Action.RAW:
            return self._send(step._replace(data=b""), self._take_head() + step.data)
        elif action is Action.STRIKE:
            self._strike(step)
            return True
        elif action is Action.GATE:
            return self._enter_gate(step)
        elif action is Action.STALL:
            self._strike(step)
            if self._head:
                self._connection.send(self._take_head())
        else:
            self._close(step)
        return False

    def _end(self, step: Step) -> None:
        connection, ledger = self._connection, self._stage.ledger
        data = self._take_head() + connection.render_end(step.data)
        left = not data or connection.send(data)
        if not (left or connection.is_open):
            self.client_left()
            return
        self._strike(step)
        if step.at > max(self._excused, 0.0):
            ledger.planned_end(self.exchange, step.at)
        outcome = step.outcome or "complete"
        if left:
            self._count(step)
            self._over(outcome)
            connection.end_sent()
        else:
            self._wait_for_client(step.at, step.events, len(step.data), outcome)

    def _close(self, step: Step) -> None:
        connection = self._connection
        if self._head:
            connection.send(self._take_head())
        if not connection.is_open:
            self.client_left()
            return
        self._strike(step)
        connection.set_close_callback(None)
        if step.action is Action.RESET:
            connection.reset()
        else:
            connection.close()
        self._over(step.outcome or "closed")

    def _enter_gate(self, step: Step) -> bool:
        name, gates = self.exchange.gate, self._stage.gates
        if name is None:
            return True
        self._step = step
        # Nobody waits at two things at once: the gate is entered when the client has taken the head.
        if self._head and not gates.is_passable(name) and not self._send_head():
            return False
        if gates.enter(name, self):
            return True
        self._waits_at = name
        return False

    # What every way shares.

    def _take_head(self) -> bytes:
        head, self._head = self._head, b""
        return head

    def _send_head(self) -> bool:
        """Send the head alone; False if the step in hand has to wait until the client has taken it, or has gone."""
        if self._connection.send(self._take_head()):
            return True
        self._wait_for_client(0.0, 0, 0)
        return False

    def _wait_for_client(self, at: float, events: int, size: int, outcome: str = "") -> None:
        """The kernel did not take it all: go on when the client has read, if it is there."""
        if not self._connection.is_open:
            self.client_left()
            return
        held = max(size, self._length or 0)
        if not self._stage.backlog.take(held):
            # What is held for this client is given up, as there is no room for it.
            self._connection.set_close_callback(None)
            self._connection.reset()
            self._over("backlog-full")
            return
        if events:
            self._stage.ledger.blocked(self.exchange, events)
        self._queued = _Queued(at, events, size, outcome, held)
        self._connection.drained = self._client_reads

    def _client_reads(self) -> None:
        queued, self._queued = self._queued, None
        if queued is None:
            return  # it is over
        self._stage.backlog.give_back(queued.held)
        now = monotonic()
        self._excused = offset = now - self._admitted
        self._gated = False
        self._stage.ledger.sent(self.exchange, queued.events, queued.size, queued.at, offset)
        if queued.outcome:
            self._over(queued.outcome)
            self._connection.end_sent()
        else:
            self._go_on(now)

    def _strike(self, step: Step) -> None:
        if step.faults:
            self._stage.ledger.struck(self.exchange, step.faults)

    def _count(self, step: Step) -> None:
        """Tell the ledger that `step` has left, on time, late, or as soon as the client read or the gate let it."""
        ledger, exchange, events = self._stage.ledger, self.exchange, step.events
        offset = monotonic() - self._admitted
        ledger.sent(exchange, events, len(step.data), step.at, offset)
        if not events:
            return
        if step.at > self._excused:
            ledger.late(offset - step.at, events)
        elif self._gated:
            # Its plan is the instant of its release.
            ledger.late(offset - self._excused, events)
        else:
            ledger.blocked(exchange, events)

    def _cut(self, outcome: str) -> None:
        self._connection.set_close_callback(None)
        self._connection.close()
        self._over(outcome)

    def _over(self, outcome: str) -> None:
        self.settle()
        self._step = NONE
        if self._queued is not None:
            self._stage.backlog.give_back(self._queued.held)
        self._data = self._run = self._queued = None
        self._steps = iter(())
        self._stage.pacer.cancel(self)
        if self._waits_at is not None:
            self._stage.gates.leave(self._waits_at, self)
            self._waits_at = None
        self._connection.drained = None
        self._stage.ended(self, outcome)
