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

from oagw_tornado.page.lanes import Lanes
from oagw_tornado.page.pulse import Pulse
from oagw_tornado.page.rows import Rows

if TYPE_CHECKING:
    from oagw_tornado.evidence.credentials import Disclosure
    from oagw_tornado.evidence.exchange import Exchange
    from oagw_tornado.evidence.journal import Journal
    from oagw_tornado.evidence.request_filter import RequestFilter
    from oagw_tornado.evidence.vital_signs import VitalSigns
    from oagw_tornado.gateway.responder import Responder
    from oagw_tornado.knobs.rules import Rules

log = logging.getLogger(__name__)

#: Seconds between two updates; more if they take more than this share of the loop's time.
EVERY = 0.1
SHARE = 0.012
#: Seconds for which viewers are told in one turn of the loop; the others have theirs with the next update.
TURN = 0.0015
#: Pages that are open at once.
MOST_VIEWERS = 32
#: Seconds for which a viewer may leave an update unread.
PATIENCE = 60.0
#: What an update can be about, beside the figures of each second.
TOPICS = ("streams", "requests", "gates", "rules")
#: Samples of one update.
MOST_SAMPLES = 120
#: Gates that are told of, and of each one those that wait there.
MOST_GATES = 100
MOST_WAITING = 20
# A comment after so many updates in which there was nothing to say.
_SILENT_UPDATES = 100


class Outlet(Protocol):
    """The connection to one viewer."""

    @property
    def is_blocked(self) -> bool:
        """Whether it has yet to take what it was sent."""

    def send(self, data: bytes) -> None:
        """Send whole events."""

    def end(self) -> None:
        """The server ends: say so, and end the reply."""

    def give_up(self) -> None:
        """It does not read: end the connection."""


class Viewer:
    """One page that is open, and what it was told last."""

    def __init__(
        self,
        outlet: Outlet,
        topics: Collection[str],
        hello: dict[str, Any],
        journal: Journal,
        disclosure: Disclosure,
        fits: RequestFilter,
    ) -> None:
        """`hello` is what it is told once; requests and streams are those that `fits` lets pass."""
        self.outlet = outlet
        self.topics = topics
        self.hello: dict[str, Any] | None = hello
        self.samples = 0  # as `Pulse.made` numbers them
        self.told: dict[str, bytes] = {}  # the latest of what is the same for all, as JSON
        self.blocked_since: float | None = None
        self.silent = 0  # updates without anything to say
        self.is_reset = False
        self._begin: Callable[[], tuple[Rows | None, Lanes | None]] = lambda: (
            Rows(journal, fits, disclosure) if "requests" in topics else None,
            Lanes(journal, fits, disclosure) if "streams" in topics else None,
        )
        self.rows, self.lanes = self._begin()

    def begin_anew(self, samples: int) -> None:
        """After a reset nothing of what it was told is there; samples begin with that of this number."""
        self.rows, self.lanes = self._begin()
        self.samples = samples
        self.is_reset = True


class LiveFeed:
    """The viewers of one simulator. Called in the loop's thread."""

    def __init__(self, responder: Responder, rules: Callable[[], Rules], signs: VitalSigns) -> None:
        self.responder = responder
        self.viewers: list[Viewer] = []
        self._rules = rules
        self._pulse = Pulse(responder.ledger, signs)
        self._handle: asyncio.Handle | None = None
        self._next_second = 0.0
        # What is the same for all viewers, as JSON; and whether it was made in this turn.
        self._current: dict[str, bytes] = {}
        self._is_fresh = False
        # The viewer that is told first the next time.
        self._turn = 0

    def join(self, viewer: Viewer) -> None:
        """Keep `viewer` up to date from now on."""
        self.viewers.append(viewer)
        if self._handle is None:
            self._pulse.start()
            self._handle = asyncio.get_running_loop().call_soon(self._tick)
        viewer.samples = self._pulse.dropped

    def leave(self, viewer: Viewer) -> None:
        """It is gone. With the last one all work ends."""
        if viewer in self.viewers:
            self.viewers.remove(viewer)
        if not self.viewers and self._handle is not None:
            self._handle.cancel()
            self._handle = None
            self._pulse.stop()
            self._current.clear()
            self._next_second = 0.0

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
        if self._pulse.look():
            for viewer in self.viewers:
                viewer.begin_anew(self._pulse.dropped)
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
        update = self._update(viewer, gone)
        give_way()
        viewer.silent += 1
        if update:
            viewer.outlet.send(b"data: %b\n\n" % orjson.dumps({"at": time(), **update}))
            viewer.silent = 0
        elif viewer.silent > _SILENT_UPDATES:
            viewer.outlet.send(b": still here\n\n")
            viewer.silent = 0

    def _settle(self, wanted: Collection[Exchange]) -> None:
        """Bring up to date what of the streams is drawn: the others are nobody's business now."""
        if wanted:
            for playback in tuple(self.responder.playing):
                if playback.exchange in wanted:
                    playback.settle()

    def _refresh(self) -> None:
        """Make anew what is the same for all: gates each time, what is counted once a second."""
        topics = {topic for viewer in self.viewers for topic in viewer.topics}
        current = self._current
        if "gates" in topics:
            current["gates"] = orjson.dumps(self._gates())
        now = time()
        if now < self._next_second and ("rules" in current or "rules" not in topics):
            return
        self._next_second = now + 1.0 - EVERY / 2
        current["now"] = orjson.dumps(self._now())
        current["verdict"] = orjson.dumps(self._pulse.verdict())
        if "rules" in topics:
            current["rules"] = orjson.dumps([(rule.name, rule.fitted, rule.applied) for rule in self._rules().list])

    def _update(self, viewer: Viewer, gone: list[int]) -> dict[str, Any]:
        update: dict[str, Any] = {}
        if viewer.hello is not None:
            update["hello"], viewer.hello = viewer.hello, None
        if viewer.is_reset:
            update["reset"], viewer.is_reset = True, False
        for name, data in self._current.items():
            if (name in ("now", "verdict") or name in viewer.topics) and viewer.told.get(name) != data:
                viewer.told[name] = data
                update[name] = orjson.Fragment(data)
        made, dropped = self._pulse.made, self._pulse.dropped
        begin = max(0, viewer.samples - dropped)
        samples = made[begin : begin + MOST_SAMPLES]
        if samples:
            update["samples"] = samples
            viewer.samples = dropped + begin + len(samples)
        if viewer.rows is not None:
            update |= viewer.rows.take()
        if viewer.lanes is not None:
            lanes = viewer.lanes.take()
            if lanes:
                update["lanes"] = lanes
            if gone:
                update["gone"] = gone
        return update

    def _now(self) -> dict[str, Any]:
        """How it stands: what runs, and all that was counted since the last reset."""
        responder = self.responder
        ledger, timing = responder.ledger, responder.timing
        counters = ledger.counters
        in_flight: dict[str, int] = {}
        streams = 0
        for playback in tuple(responder.playing):
            exchange = playback.exchange
            in_flight[exchange.alias] = in_flight.get(exchange.alias, 0) + 1
            streams += exchange.planned is not None
        aliases: dict[str, int] = {}
        statuses: dict[str, int] = {}
        for (alias, status, _), count in counters.requests.items():
            aliases[alias] = aliases.get(alias, 0) + count
            statuses[str(status)] = statuses.get(str(status), 0) + count
        return {
            "running": ledger.running,
            "streams": streams,
            "in_flight": in_flight,
            "waiting": {alias: waiting for alias, (_, waiting) in responder.queues.lengths().items()},
            "answered": aliases,
            "statuses": statuses,
            "faults": dict(counters.faults),
            "left": dict(counters.clients_left),
            "blocked": timing.blocked_by_client,
            "journal": len(ledger.journal),
        }

    def _gates(self) -> dict[str, Any]:
        gates = self.responder.gates
        waiting: dict[str, list[dict[str, Any]]] = {}
        counts: dict[str, int] = {}
        disclosure = self.responder.ledger.disclosure
        for playback in tuple(self.responder.playing):
            name = playback.waits_at
            if name is None:
                continue
            counts[name] = counts.get(name, 0) + 1
            if len(who := waiting.setdefault(name, [])) < MOST_WAITING:
                exchange = playback.exchange
                path = disclosure.target(exchange.path)[:200]
                who.append({"id": exchange.id, "alias": exchange.alias, "path": path, "events": exchange.events})
        shown: dict[str, Any] = {}
        # Those that several processes share are known by who waits there.
        for name in [*waiting, *(name for name in gates.names() if name not in waiting)][:MOST_GATES]:
            state = gates.state(name)
            state["waiting"] = max(state["waiting"], counts.get(name, 0))
            shown[name] = {**state, "who": waiting.get(name, [])}
        return shown
