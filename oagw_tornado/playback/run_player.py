"""The content events of a run, sent in a loop of their own.

Rules on the path of an event: no task, no future, no timer of its own; one write. With ten thousand streams, nothing of
a stream is in the processor's caches when its next event is due, so the cost of an event is the number of objects it
touches: the player, the source of texts and the source of gaps. The loop's counts are passed on by `settle`, when
somebody asks.
"""

from __future__ import annotations

from abc import abstractmethod
from array import array
from collections.abc import Callable, Iterator
from itertools import islice, repeat
from os import write
from time import monotonic

from oagw_tornado.evidence.ledger import noted_events
from oagw_tornado.playback.delivery import Delivery
from oagw_tornado.playback.pacer import Paced
from oagw_tornado.reply.schedule import LARGEST_WRITE, Action, Run, Step
from oagw_tornado.wire.connection import CHUNK

WRITE = Action.WRITE

#: Due steps played in one go, and the time limit for that in seconds; then other streams are served.
BURST = 256
LONGEST_TURN = 0.002

# What a player holds when no step waits.
NONE = Step(0.0, b"", Action.STALL)


class RunPlayer(Delivery):
    """Plays the events of a run; a subclass plays all other steps."""

    __slots__ = (
        "_step",
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

    # The step that waits for its time, unless `_data` does.
    _step: Step
    # The run under way, whose events come before the other steps.
    _run: Run | None
    # The text of the run's event that waits for its time; None while steps are played one by one.
    _data: bytes | None
    # Events of the run that `play` has played, and of how many the ledger knows.
    _sent: int
    _settled: int
    _pace: Callable[[float, Paced], None]

    # Set by `_enter`, so that a reply without a run does not pay for them.
    _contents: Iterator[bytes]
    _gaps: Iterator[float]
    _before: bytes
    _after: bytes
    _around: int
    # When the event in hand is due, and when the first of them was.
    _at: float
    _first: float
    _descriptor: int
    _chunked: bool
    _count_late: Callable[[float], None]
    # Bytes of events not yet reported to the ledger.
    _size: int
    # Where actual and planned offsets go, and of how many events. None for the planned ones of a fixed gap, which are
    # a line.
    _actual: array[float]
    _planned: array[float] | None
    _room: int

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
                # Not from here: the step comes back to the run, and a run of such events would go ever deeper.
                self._pace(monotonic(), self)
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
            ledger = self._context.ledger
            if self._planned is None and self.exchange.planned is not None:
                points = range(self._settled, min(self._sent, self._room))
                ledger.planned_run(self.exchange, self._first, next(self._gaps), points)
            ledger.sent_run(self.exchange, self._sent - self._settled, self._size)
            self._settled = self._sent
            self._size = 0

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
        self._count_late = self._context.ledger.count_late
        self._sent = self._settled = self._size = self._room = 0
        exchange = self.exchange
        self._planned = None
        if exchange.actual is not None and exchange.planned is not None:
            self._actual = exchange.actual
            self._planned = None if type(run.gaps) is repeat else exchange.planned
            self._room = noted_events(exchange) - len(self._actual)
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

    @abstractmethod
    def _play_steps(self) -> None:
        """Play the step that waits, and each later one that is due as well, until an event of a run waits."""
