"""What the control plane acts on: the live parts of one simulator, and their state at start."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast

from oagw_tornado.conduct.marks import Marks
from oagw_tornado.config.config import change_config, config_as_json, has_replays
from oagw_tornado.config.settings import ConfigError
from oagw_tornado.control.reload import changes_between, with_changes
from oagw_tornado.control.turns import Turns
from oagw_tornado.evidence.metrics import Collector, Gauges
from oagw_tornado.evidence.timing import BINS_PER_SECOND
from oagw_tornado.evidence.verdict import history, judge

if TYPE_CHECKING:
    from oagw_tornado.config.config import Config
    from oagw_tornado.evidence.vital_signs import VitalSigns
    from oagw_tornado.gateway.request import ServerRequest
    from oagw_tornado.gateway.responder import Responder
    from oagw_tornado.gateway.terms import Terms
    from oagw_tornado.page.feed import LiveFeed
    from oagw_tornado.replaying.replays import Replays
    from oagw_tornado.reply.reply import Reply


class Shared(Protocol):
    """What `oagw_tornado.control.sharing` does for the controls of several processes. All raise StateAway."""

    async def of_all(self, kinds: Sequence[str], question: dict[str, Any]) -> ControlPlane:
        """Controls that answer for all of them, as far as `kinds` go."""

    async def change(self, request: ServerRequest, is_reset: bool = False) -> Reply:
        """Have all make the change that `request` asks for; returns the reply to it."""

    async def release(self, name: str, events: int | None) -> dict[str, Any]:
        """Let so many events pass at a gate, wherever replies wait; returns how it stands then."""

    async def reload(self, config: Config) -> str:
        """As `ControlPlane.reload`, for all. Raises ConfigError, too."""

    def watch(self, feed: LiveFeed) -> None:
        """Have `feed` tell of all of them."""

    async def forget_journals(self) -> None:
        """Forget what the store has of the journal here and, where that was asked for, of those who are gone."""


class ControlPlane:
    """The controls of one simulator."""

    def __init__(
        self,
        responder: Responder,
        terms: Terms,
        signs: VitalSigns,
        own_addresses: Sequence[str] = (),
        open_connections: Callable[[], Collection[int]] = tuple,
    ) -> None:
        """`own_addresses` are URLs of the gateway, where control has others; `open_connections` gives the numbers of
        the connections that are there."""
        self.responder = responder
        self.rules = terms.rules
        self.upstreams = terms.upstreams
        self.explain = terms.explain
        self.journal = responder.ledger.journal
        self.disclosure = responder.ledger.disclosure
        self.timing = responder.timing
        self.gates = responder.gates
        self.signs = signs
        self.marks = Marks()
        self.open_connections = open_connections
        self.collector = Collector(responder.ledger.counters, responder.timing, self.gauges)
        self.own_addresses = own_addresses
        #: The state of all members' gates, if this control plane is for all of them.
        self.gates_of_all: dict[str, Any] | None = None
        #: What all have replayed, in pieces, likewise.
        self.replays_of_all: list[Any] | None = None
        self._terms = terms
        self._live: LiveFeed | None = None
        #: The configuration that a reset leads back to.
        self.started_as = responder.config
        #: Makes this the control plane of all members of a state; None if there is no shared state.
        self.sharing: Shared | None = None
        #: What has another configuration hold in the gateway and its servers, if it could: gives what does so, or
        #: raises ConfigError. The second argument is the first with what was changed by hand meanwhile.
        self.prepare: Callable[[Config, Config], Callable[[], Terms]] = _cannot_reload
        # Recordings that answer in the place of upstreams, once there have been some.
        self.replays = cast("Replays | None", terms.replays)

    @property
    def live(self) -> LiveFeed:
        """What keeps the pages up to date; loaded with the first page."""
        if self._live is None:
            from oagw_tornado.page.feed import LiveFeed

            self._live = LiveFeed(self.responder, lambda: self.rules, self.signs)
            if self.sharing is not None:
                self.sharing.watch(self._live)
        return self._live

    @property
    def config(self) -> dict[str, Any]:
        return config_as_json(self.responder.config)

    def verdict(self, budget: float, window: float | None, with_history: bool = False) -> dict[str, Any]:
        """Whether this server was late for reasons of its own since the last reset, or in the last `window` seconds."""
        seconds = self.signs.seconds(window)
        verdict = judge(seconds, 1 / BINS_PER_SECOND, budget)
        view = {
            "verdict": verdict.word,
            "reasons": list(verdict.reasons),
            "since": self.signs.since if window is None or not seconds else seconds[0].ended - seconds[0].length,
            "seconds": sum(second.length for second in seconds),
            **verdict.figures,
        }
        if with_history:
            view["history"] = history(seconds, 1 / BINS_PER_SECOND)
        return view

    def checked_config(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """The configuration as it would be with these changes. Raises `oagw_tornado.config.settings.ConfigError`."""
        return config_as_json(self._changed(changes))

    def change_config(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """All or nothing: raises `oagw_tornado.config.settings.ConfigError`. Replies under way go on as they began."""
        self.configure(self._changed(changes))
        return self.config

    def configure(self, config: Config) -> None:
        """Have `config` hold for all that comes."""
        self._configure_replays(config)
        self.responder.configure(config)
        self._terms.configure(config)

    def check_reload(self, config: Config) -> None:
        """Raises ConfigError if `reload` would."""
        self.prepare(config, with_changes(self.responder.config, changes_between(self.started_as, config), config))

    def _changed(self, changes: Mapping[str, Any]) -> Config:
        config = change_config(self.responder.config, changes)
        self._terms.check(config.knobs)
        if has_replays(config):
            from oagw_tornado.replaying.sources import sources_of

            sources_of(config)
        return config

    def _configure_replays(self, config: Config, again: bool = False, unasked: Collection[str] | None = None) -> None:
        if self.replays is None:
            if not has_replays(config):
                return
            from oagw_tornado.replaying.handlers import new_replays

            self._terms.replays = self.replays = new_replays(self.responder, self.upstreams)
            # Without recordings every real upstream was got ready to be asked.
            unasked = unasked or ()
        self.replays.configure(config, again, unasked)

    async def settled(self) -> None:
        """Wait until the recordings are there that hold from now on. Raises ConfigError."""
        if self.replays is not None:
            await self.replays.ready()

    def reload(self, config: Config) -> str:
        """Take over what has changed since the start, or since the last time; returns that in words.

        What was changed by hand meanwhile stays, unless it is what has changed; `reset` leads here from now on. All
        or nothing: raises `oagw_tornado.config.settings.ConfigError`.
        """
        changes = changes_between(self.started_as, config)
        live = with_changes(self.responder.config, changes, config)
        take_over = self.prepare(config, live)
        unasked: Collection[str] = ()
        if has_replays(config) and has_replays(live):
            from oagw_tornado.replaying.sources import never_asked

            unasked = never_asked(config, live)
        read = take_over()
        self.started_as = config
        if changes.rules:
            self.rules.take_over(read.rules)
        self._configure_replays(live, again=True, unasked=unasked)
        self.responder.configure(live)
        self._terms.configure(live)
        return changes.text

    async def reset(self) -> None:
        """Back to the state at start. Replies under way go on, those at a gate at once."""
        self.configure(self.started_as)
        self.upstreams.reset()
        self._configure_replays(self.started_as)
        await self.settled()
        if self.replays is not None:
            self.replays.reset()
        self.rules.reset()
        self._terms.store.clear()
        turns = Turns()
        # All waiting replies continue to their end: at their next event the gate would be a new one, which is shut.
        for playing in self.responder.playing:
            playing.exchange.gate = None
        for _ in self.gates.resetting():
            await turns.rest()
        self.responder.states.clear()
        self.responder.health.reset()
        # Running replies keep their own counts: what has left so far belongs to the time before the reset.
        self.responder.settle(in_one_go=True)
        self.signs.reset()
        self.marks.clear()
        await turns.drop(self.responder.ledger.reset())
        self.responder.inference.clear()

    def gauges(self) -> Gauges:
        """What is so right now."""
        responder = self.responder
        streams = [playback.exchange for playback in responder.playing if playback.exchange.planned is not None]
        return Gauges(
            # The request itself does not count.
            in_flight=max(0, responder.ledger.running - 1),
            streams_open=len(streams),
            waiting={alias: waiting for alias, (_, waiting) in responder.queues.lengths().items()},
        )


def _cannot_reload(config: Config, live: Config) -> Callable[[], Terms]:
    raise ConfigError("reload", "this server has no configuration that is read again")
