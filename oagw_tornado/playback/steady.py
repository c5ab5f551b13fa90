"""Plays the plainest of streams: content at a fixed pace, with nothing to go wrong. Most streams of a load test are.

What `playback.Playback` would do is done here with less in hand. An event of one in ten thousand streams finds nothing
of its stream in the processor's caches, so its price is the number of objects that it touches: here this playback, the
service's generator and the text. The plan is a line, so it is computed, not kept, and what is counted for others is
brought to them by `settle`, when somebody asks. The opening with the first content event, the closing, and the wait
for a client that does not read are left to the base class.
"""

from __future__ import annotations

from array import array
from os import write
from time import monotonic

from oagw_tornado.evidence.exchange import Exchange
from oagw_tornado.playback.playback import BURST, NOTED_EVENTS, OVER, Playback, Stage
from oagw_tornado.reply.schedule import Action, Schedule, Step, Stream
from oagw_tornado.wire.connection import ReplyConnection

_NO_STEPS: Schedule = iter(())


class SteadyPlayback(Playback):
    """A stream whose n-th content event (from 0) is due first_at + n * gap seconds after admission.

    `descriptor` is the connection's socket, which takes writes as long as nothing waits before them.
    """

    __slots__ = (
        "_data",
        "_contents",
        "_before",
        "_after",
        "_around",
        "_due",
        "_gap",
        "_first_at",
        "_descriptor",
        "_chunked",
        "_count_late",
        "_pace",
        "_actual",
        "_room",
        "_sent",
        "_size",
        "_settled",
        "_closing",
    )

    def __init__(
        self,
        stage: Stage,
        exchange: Exchange,
        connection: ReplyConnection,
        descriptor: int,
        stream: Stream,
        times: tuple[float, float, float],
        fields: bytes,
    ) -> None:
        head_at, first_at, self._gap = times
        self._first_at = first_at = max(head_at, first_at)
        self._contents = stream.contents
        self._before = stream.before
        self._after = stream.after
        self._around = len(stream.before) + len(stream.after)
        self._closing = stream.closing
        # The content event that waits for its time; None while the base class plays the opening or the closing.
        self._data: bytes | None = None
        self._due = exchange.admitted + first_at
        self._descriptor = descriptor
        self._count_late = stage.count_late
        self._pace = stage.pace
        # Content events after the first: how many have left, their bytes, and how many of them the exchange knows of.
        self._sent = 0
        self._size = 0
        self._settled = 0
        # Where the offsets of the events go, and how many of these fit.
        self._actual: array[float] = exchange.actual if exchange.actual is not None else array("d")
        self._room = 0
        self._chunked = False
        super().__init__(stage, exchange, connection, self._lead(stream.opening, head_at), fields, None)

    def play(self) -> None:
        data = self._data
        if data is None:
            super().play()
            return
        due = self._due
        behind = 0  # events that were due already when the one before them left
        while True:
            size = self._around + len(data)
            if self._chunked:
                piece = b"%x\r\n%b%b%b\r\n" % (size, self._before, data, self._after)
            else:
                piece = b"%b%b%b" % (self._before, data, self._after)
            try:
                left = write(self._descriptor, piece)
            except OSError:  # the kernel's buffer is full, or the client has gone: `send` finds out which
                left = 0
            if left != len(piece) and not self._connection.send(piece[left:]):
                self._due = due
                self._kept_back(size)
                self._wait_for_client(0)
                return
            now = monotonic()
            self._count_late(now - due)
            self._sent = sent = self._sent + 1
            self._size += size
            if sent <= self._room:
                self._actual.append(now - self._admitted)
            due += self._gap
            data = next(self._contents, None)
            if data is None:
                self._begin_closing()
                super()._continue(now)
                return
            if due > now:
                self._data = data
                self._due = due
                self._pace(due, self)
                return
            behind += 1
            if behind == BURST:
                self._data = data
                self._due = due
                self._pace(now, self)
                return

    def settle(self) -> None:
        exchange = self.exchange
        exchange.events += self._sent - self._settled
        exchange.bytes_sent += self._size
        self._size = 0
        if exchange.planned is not None:
            first_at, gap = self._first_at, self._gap
            for number in range(self._settled + 1, min(self._sent, self._room) + 1):
                exchange.planned.append(first_at + number * gap)
        self._settled = self._sent

    # The three parts.

    def _lead(self, opening: tuple[bytes, ...], head_at: float) -> Schedule:
        """The steps before the pace is steady: the head, the opening and the first content event."""
        yield Step(head_at, b"", Action.HEAD)
        for data in opening:
            yield Step(self._first_at, data, Action.WRITE, 1)
        first = next(self._contents, None)
        if first is None:
            yield from self._closing_at(self._first_at, 0.0)
        else:
            yield Step(self._first_at, self._before + first + self._after, Action.WRITE, 1, 1)

    def _run_out(self, now: float) -> None:
        """The lead is played: go on with the content."""
        # A spent generator is as large as a running one.
        self._steps = _NO_STEPS
        self._step = OVER
        self._chunked = self._connection.chunked
        self._room = NOTED_EVENTS - len(self._actual)
        self._data = next(self._contents, None)
        self._due += self._gap
        if self._data is None:
            self._begin_closing()
            super()._continue(now)
        elif self._due > now:
            self._pace(self._due, self)
        elif self._due <= self._admitted + self._excused:
            self._continue(now)
        else:
            self.play()

    def _begin_closing(self) -> None:
        """The content is played: the closing takes the place of one more event."""
        self._data = None
        self.settle()
        self._steps = self._closing_at(self._first_at + self._sent * self._gap, self._gap)

    def _closing_at(self, at: float, gap: float) -> Schedule:
        """The steps of the closing, a gap after `at`, where the content ended; the end alone, if there is none."""
        closing = tuple(self._closing)
        if not closing:
            yield Step(at, b"", Action.END)
            return
        for data in closing[:-1]:
            yield Step(at + gap, data, Action.WRITE, 1)
        yield Step(at + gap, closing[-1], Action.END, 1)

    # A client that does not read.

    def _continue(self, now: float) -> None:
        """The client reads again: what fell due meanwhile leaves at once."""
        while self._data is not None and self._due <= now:
            data = self._before + self._data + self._after
            left = self._connection.send_body(data)
            self._kept_back(len(data))
            if not left:
                self._wait_for_client(0)
                return
        if self._data is None:
            super()._continue(now)
        else:
            self._pace(self._due, self)

    def _kept_back(self, size: int) -> None:
        """Count an event of `size` bytes that the client made wait, and take the next one in hand."""
        self._stage.timing.blocked_by_client += 1
        self.exchange.blocked += 1
        self._sent += 1
        self._size += size
        if self._sent <= self._room:
            self._actual.append(monotonic() - self._admitted)
        self._due += self._gap
        self._data = next(self._contents, None)
        if self._data is None:
            self._begin_closing()

    def _over(self, outcome: str) -> None:
        self.settle()
        self._data = None
        super()._over(outcome)
