"""Plays a reply whose body is still arriving: where another player waits for an instant, it also waits for data."""

from __future__ import annotations

from math import inf
from time import monotonic

from oagw_tornado.evidence.exchange import Exchange
from oagw_tornado.knobs.vocabulary import Knobs
from oagw_tornado.playback.as_it_comes import leaves_as_it_comes
from oagw_tornado.playback.delivery import PlaybackContext
from oagw_tornado.playback.playback import Playback
from oagw_tornado.reply.arriving import Arriving
from oagw_tornado.reply.schedule import Action, Step, Steps
from oagw_tornado.wire.connection import CHUNK, ReplyConnection


class ArrivingPlayer(Playback):
    """One such reply under way."""

    __slots__ = ("_arriving", "_awaits")

    def __init__(
        self,
        context: PlaybackContext,
        exchange: Exchange,
        connection: ReplyConnection,
        steps: Steps,
        fields: bytes,
        arriving: Arriving,
        knobs: Knobs,
    ) -> None:
        # A body that is cut short ends in order only if its length was not stated.
        is_cut = any(fault.type == "truncate" for fault in knobs.fault or ())
        super().__init__(context, exchange, connection, steps, fields, None if is_cut else arriving.length)
        self._arriving = arriving
        # True while the schedule waits for more.
        self._awaits = False
        arriving.more = self._more
        if leaves_as_it_comes(knobs) and connection.method != "HEAD":
            arriving.direct = self._pass_on

    def play(self) -> None:
        if self._awaits:
            self._more()
        else:
            super().play()

    def _pass_on(self, at: float, data: bytes, events: int) -> bool:
        """Send what has come if the client waits for it: the short way of nearly every read of a stream."""
        if not self._awaits:
            return False
        connection = self._connection
        if connection.send(CHUNK % (len(data), b"", data, b"") if connection.chunked else data):
            ledger = self._context.ledger
            ledger.passed_on(self.exchange, events, len(data), at, monotonic() - self._admitted)
        else:
            self._awaits = False
            self._wait_for_client(at, events, len(data))
        return True

    def _more(self) -> None:
        """More has come, or the time to look again."""
        if self._awaits:
            self._awaits = False
            if self.slot:
                self._context.pacer.cancel(self)
                self.slot = 0
            self._go_on(monotonic())

    def _act(self, step: Step) -> bool:
        if step.action is Action.AWAIT:
            return self._await(step)
        goes_on = super()._act(step)
        if step.action is Action.HEAD:
            self._length = None  # of what waits for the client no more is held than was taken
        return goes_on

    def _next(self) -> Step:
        step = super()._next()
        # It waits from now on, not for an instant.
        return step._replace(at=0.0) if step.action is Action.AWAIT and step.at else step

    def _render_end(self, step: Step) -> bytes:
        # What ends it before its time has no trailers.
        return self._connection.render_end(step.data, b"" if step.outcome else self._arriving.trailers)

    def _await(self, step: Step) -> bool:
        if self._head and not self._send_head():
            return False
        if self._arriving.has_more:
            return True
        self._awaits = True
        self.slot = 0
        if step.until != inf:
            self._pace(self._admitted + step.until, self)
        return False

    def _over(self, outcome: str) -> None:
        self._awaits = False
        super()._over(outcome)
        self._arriving.abandon()
