"""Plays one schedule on one connection, against absolute deadlines, and reports the fate of each event to the ledger.

When a playback is behind its plan, it sends at once and keeps the plan. Most steps are the content events of a run,
which `run_player` plays in a loop of its own. All other steps are played here, one by one: the opening and the end of a
stream, steps changed by a fault, and those after a wait for a client that does not read.
"""

from __future__ import annotations

import logging
from time import monotonic

from oagw_tornado.evidence.exchange import Exchange
from oagw_tornado.playback.delivery import PlaybackContext
from oagw_tornado.playback.run_player import BURST, LONGEST_TURN, NONE, WRITE, RunPlayer
from oagw_tornado.reply.schedule import LARGEST_WRITE, Action, Run, Step, Steps
from oagw_tornado.reply.shaping import pieces
from oagw_tornado.wire.connection import ReplyConnection, framed

log = logging.getLogger(__name__)

_END = Step(0.0, b"", Action.END)
# Stands for the event of a run that `play` has in hand.
_IN_RUN = Step(0.0, b"", Action.STALL)


class Playback(RunPlayer):
    """One schedule under way. `play` is called when the step that waits is due; times are of `time.monotonic`."""

    __slots__ = ("_steps", "_pieces", "_fields")

    def __init__(
        self,
        context: PlaybackContext,
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
        self._context = context
        self._length = length
        self._head = b""
        self._held_until = -1.0
        self._held_by_gate = False
        self._waits_at = self._queued = None
        self._step = NONE
        self._run = self._data = None
        self._sent = self._settled = 0
        self._pace = context.pace
        self._steps = steps
        # The rest of a step that is larger than one write.
        self._pieces: Steps | None = None
        self._fields = fields  # status line and header lines

    def start(self) -> None:
        """Play what is due, and have the pacer do the rest."""
        self._connection.set_close_callback(self.client_left)
        self._go_on(monotonic())

    def released(self) -> None:
        """The gate has let the next event pass."""
        self._waits_at = None
        self._step = NONE
        now = monotonic()
        self._held_until = now - self._admitted
        self._held_by_gate = True
        self._go_on(now)

    def gate_timed_out(self) -> None:
        """Nobody released the gate in time: say so, and end in order; in the stream's own form if the head has left."""
        self._waits_at = None
        try:
            if self.exchange.head_sent:
                self._end(Step(0.0, self._step.data, Action.END, outcome="gate-timeout"))
                return
            status, fields, body = self._context.gate_timeout_reply(self.exchange)
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
        if self._pieces is not None:
            piece = next(self._pieces, None)
            if piece is not None:
                assert isinstance(piece, Step)
                return piece
            self._pieces = None
        run = self._run
        while True:
            if run is None:
                step = next(self._steps, _END)
                if not isinstance(step, Run):
                    return step
                run = self._run = step
            # The first event is played as any step, as the head may leave with it.
            if run.taken and run.at > self._held_until and not self._head and self._connection.takes_pieces:
                if self._enter(run):
                    return _IN_RUN
            else:
                event = run.take()
                if event is not None:
                    return event
            run = self._run = None

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
        return gate is not None and self._context.gates.is_in_release(gate)

    def _split(self, step: Step) -> Step:
        """The first piece of a step that is larger than a write; the others are the next steps."""
        self._pieces = rest = pieces(step, LARGEST_WRITE)
        return next(rest)

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
        """Do what `step`, which is not a plain write, says; False if the schedule does not continue by itself."""
        action = step.action
        if action is Action.HEAD:
            self._strike(step)
            self._context.ledger.head_sent(self.exchange)
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
        connection, ledger = self._connection, self._context.ledger
        data = self._take_head() + self._render_end(step)
        left = not data or connection.send(data)
        if not (left or connection.is_open):
            self.client_left()
            return
        self._strike(step)
        if step.at > max(self._held_until, 0.0):
            ledger.planned_end(self.exchange, step.at)
        outcome = step.outcome or "complete"
        if left:
            self._count(step)
            self._over(outcome)
            connection.end_sent()
        else:
            self._wait_for_client(step.at, step.events, len(step.data), outcome)

    def _render_end(self, step: Step) -> bytes:
        return self._connection.render_end(step.data)

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
        name, gates = self.exchange.gate, self._context.gates
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

    def _over(self, outcome: str) -> None:
        self._steps = iter(())
        self._pieces = None
        self._step = NONE
        self._data = self._run = None
        super()._over(outcome)
