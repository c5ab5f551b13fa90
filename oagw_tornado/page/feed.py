"""The feed that keeps the pages up to date: one timer for all viewers, which runs as long as there is one.

Each viewer gets the changes since its last update, and only if it has read that one: a viewer that does not read is
skipped, and costs nothing until it reads again; it then gets whatever it missed that still exists. Nothing is queued,
nothing is on the path of an event, and each part of an update is bounded.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from time import monotonic, perf_counter, time
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from oagw_tornado.evidence.verdict import judge
from oagw_tornado.page.pulse import Pulse
from oagw_tornado.page.samples import BIN, Samples
from oagw_tornado.page.standing import Own, gates_here, standing
from oagw_tornado.page.viewer import Series, Viewer

if TYPE_CHECKING:
    from oagw_tornado.evidence.exchange import Exchange
    from oagw_tornado.evidence.vital_signs import VitalSigns
    from oagw_tornado.gateway.responder import Responder
    from oagw_tornado.knobs.rules import Rules

log = logging.getLogger(__name__)

#: Seconds between two updates; more if they take more than this share of the loop's time.
EVERY = 0.1
SHARE = 0.012
#: Seconds spent on viewers in one turn of the loop; the others are served with the next update.
TURN = 0.0015
#: Pages that are open at once.
MOST_VIEWERS = 32
#: Seconds for which a viewer may leave an update unread.
PATIENCE = 60.0


class Others(Protocol):
    """What other processes that share the state add. `page.others.OtherMembers` does."""

    @property
    def series(self) -> Series:
        """The samples of all."""

    def joined(self, viewer: Viewer) -> None:
        """Somebody watches here."""

    def left(self, viewer: Viewer) -> None:
        """They do no more."""

    def look(self, apart: Samples) -> None:
        """To be called with each update; `apart` are the samples of this process."""

    def began_anew(self) -> None:
        """All was reset."""

    def current(self, own: Own, since: float, is_next: bool) -> dict[str, Any]:
        """What is the same for all who watch here, by topic: gates and, if the next second has begun, all else."""

    def packed(self, own: Own, is_next: bool) -> dict[str, bytes]:
        """The same of this process alone, for others."""

    def take(self, viewer: Viewer, update: dict[str, Any]) -> None:
        """Add to an update what `viewer` is to be told of requests and streams of others."""


class LiveFeed:
    """The viewers of one simulator. Called in the loop's thread."""

    def __init__(self, responder: Responder, rules: Callable[[], Rules], signs: VitalSigns) -> None:
        self.responder = responder
        self.viewers: list[Viewer] = []
        #: Who adds what other processes know; None: there are none.
        self.others: Others | None = None
        #: The epoch of the shared state, and that in which what is told began.
        self.epoch: Callable[[], str] = str
        self.began_in = ""
        self._rules = rules
        self._pulse = Pulse(responder.ledger, signs)
        self._handle: asyncio.Handle | None = None
        self._next_second = 0.0
        self._own = Own()
        # What is the same for all viewers here, as JSON, and for those elsewhere; whether it was made in this turn.
        self._current: dict[str, bytes] = {}
        self._packed: dict[str, bytes] = {}
        self._is_fresh = False
        # The viewer that is served first the next time.
        self._turn = 0

    def share(self, others: Others, epoch: Callable[[], str]) -> None:
        """Tell of `others` too from now on, and keep what they want to add."""
        self.others, self.epoch = others, epoch
        self._pulse.apart = Samples()

    def join(self, viewer: Viewer) -> None:
        """Keep `viewer` up to date from now on."""
        self.viewers.append(viewer)
        if self._handle is None:
            self.began_in = self.epoch()
            self._pulse.start()
            self._handle = asyncio.get_running_loop().call_soon(self._tick)
        if self.others is not None and not viewer.is_far:
            self.others.joined(viewer)
        viewer.samples = self._series(viewer).dropped

    def leave(self, viewer: Viewer) -> None:
        """It is gone. With the last one all work ends."""
        if viewer in self.viewers:
            self.viewers.remove(viewer)
            if self.others is not None and not viewer.is_far:
                self.others.left(viewer)
        if not self.viewers and self._handle is not None:
            self._handle.cancel()
            self._handle = None
            self._pulse.stop()
            self._current.clear()
            self._packed.clear()
            self._next_second = 0.0

    def _series(self, viewer: Viewer) -> Series:
        """The samples that `viewer` is told."""
        if self.others is None:
            return self._pulse
        return self._pulse.apart or self._pulse if viewer.is_far else self.others.series

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        self._handle = loop.call_later(EVERY, self._tick)
        if self.responder.health.is_draining:
            for viewer in list(self.viewers):
                viewer.outlet.end()
            return
        begun = perf_counter()
        try:
            self._look(begun)
        except Exception:
            log.exception("the pages could not be kept up to date")
        spent = perf_counter() - begun
        if spent > EVERY * SHARE and self._handle is not None:
            self._handle.cancel()
            self._handle = loop.call_later(min(spent / SHARE, 1.0), self._tick)

    def _look(self, begun: float) -> None:
        """Tell as many viewers as there is time for, beginning behind the one that was told last."""
        others = self.others
        if self._pulse.look():
            self.began_in, self._next_second = self.epoch(), 0.0
            if others is not None:
                others.began_anew()
            for viewer in self.viewers:
                viewer.begin_anew(self._series(viewer).dropped)
        if others is not None:
            others.look(self._pulse.apart or Samples())
        turn = self._turn
        self._is_fresh = False
        for number, viewer in enumerate([*self.viewers[turn:], *self.viewers[:turn]], turn):
            if self._is_ready(viewer):
                self._tell(viewer)
            if perf_counter() - begun > TURN:
                self._turn = (number + 1) % max(1, len(self.viewers))
                return
        self._turn = 0

    def _is_ready(self, viewer: Viewer) -> bool:
        """Whether it has taken what it was told last; one that has not for long is given up."""
        if not viewer.outlet.is_blocked:
            viewer.blocked_since = None
            return True
        now = monotonic()
        if viewer.blocked_since is None:
            viewer.blocked_since = now
        elif now - viewer.blocked_since > PATIENCE:
            viewer.outlet.give_up()
        return False

    def _tell(self, viewer: Viewer) -> None:
        """Make an update and send it; events that are due leave between its parts."""
        give_way = self.responder.pacer.give_way
        gone: list[int] = []
        if viewer.lanes is not None:
            gone = viewer.lanes.choose()
            self._settle(viewer.lanes.running)
            give_way()
        if not self._is_fresh:
            self._refresh()
            self._is_fresh = True
            give_way()
        current = self._packed if viewer.is_far else self._current
        update = viewer.take(current, self._series(viewer), gone, give_way)
        if self.others is not None and not viewer.is_far:
            self.others.take(viewer, update)
        give_way()
        viewer.send(update)

    def _settle(self, wanted: Collection[Exchange]) -> None:
        """Bring up to date what of the streams is drawn: the others are nobody's business now."""
        if wanted:
            for playback in tuple(self.responder.playing):
                if playback.exchange in wanted:
                    playback.settle()

    def _refresh(self) -> None:
        """Make anew what is the same for all: gates each time, what is counted once a second."""
        topics = {topic for viewer in self.viewers for topic in viewer.topics}
        own, others = self._own, self.others
        own.gates = gates_here(self.responder) if "gates" in topics else None
        now = time()
        is_next = now >= self._next_second or ("rules" in topics and own.rules is None)
        if is_next:
            self._next_second = now + 1.0 - EVERY / 2
            own.now = standing(self.responder)
            own.judged = self._pulse.judged()
            own.rules = self._rules().list if "rules" in topics else None
        if others is None:
            told = _told(own, self._pulse.since, is_next)
        else:
            told = others.current(own, self._pulse.since, is_next)
            if any(viewer.is_far for viewer in self.viewers):
                self._packed |= others.packed(own, is_next)
        self._current |= {topic: orjson.dumps(value) for topic, value in told.items()}


def _told(own: Own, since: float, is_next: bool) -> dict[str, Any]:
    """How it stands in one process that is alone: gates and, if the next second has begun, all else."""
    told: dict[str, Any] = {} if own.gates is None else {"gates": own.gates}
    if is_next:
        verdict = judge(own.judged, BIN)
        length = sum(second.length for second in own.judged)
        told["now"] = own.now
        told["verdict"] = {
            "verdict": verdict.word, "reasons": verdict.reasons, "since": since, "seconds": length, **verdict.figures,
        }  # fmt: skip
        if own.rules is not None:
            told["rules"] = [(rule.name, rule.fitted, rule.applied) for rule in own.rules]
    return told
