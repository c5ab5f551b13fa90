"""From a reply to the wire: at once in one write if there is no delay and no fault, else through a playback."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import replace
from random import Random
from time import monotonic, time
from typing import TYPE_CHECKING, Any, TypeVar

from oagw_tornado.config.config import Config
from oagw_tornado.evidence.exchange import Exchange
from oagw_tornado.evidence.ledger import Ledger
from oagw_tornado.gateway.head_fields import head_fields
from oagw_tornado.gateway.health import HealthState
from oagw_tornado.gateway.refusal import bad_knob, refusal
from oagw_tornado.gateway.service_states import ServiceStates
from oagw_tornado.knobs.vocabulary import Knobs
from oagw_tornado.playback.delivery import Backlog, Delivery
from oagw_tornado.playback.gates import Gates
from oagw_tornado.playback.pacer import Paced, Pacer
from oagw_tornado.playback.plan import plan
from oagw_tornado.playback.playback import Playback
from oagw_tornado.playback.waiting import WaitingQueues
from oagw_tornado.reply.errors import PLAIN, ErrorForm, Errors
from oagw_tornado.reply.reply import Reply
from oagw_tornado.reply.schedule import BODY_PIECE
from oagw_tornado.units.knob_errors import InapplicableKnob
from oagw_tornado.wire.connection import ReplyConnection

if TYPE_CHECKING:
    from oagw_tornado.evidence.inference import InferenceCounters
    from oagw_tornado.gateway.issued_tokens import IssuedTokens

# The terms of a reply to which no knob applies.
_NO_KNOBS = Knobs()

# So many streams are brought up to date before others have their turn.
_AT_A_TIME = 256

# Events counted in one go.
_RECENT = 2000

# Stands in where no knob draws: making a generator costs as much as a small reply.
_NOTHING_DRAWN = Random(0)


T = TypeVar("T")


class Responder:
    """Sends every reply of one simulator, and keeps what all of them share."""

    # True for what stands in its place where a change is made that another process was asked for.
    is_performed = False

    def __init__(
        self,
        config: Config,
        pacer: Pacer,
        ledger: Ledger,
        forms: Mapping[str, ErrorForm],
        gates: Gates | None = None,
    ) -> None:
        self.pacer = pacer
        # Told of each exchange when it begins and when it is over.
        self.ledger = ledger
        # How each upstream words its errors.
        self._forms = forms
        self.health = HealthState()
        # Upstreams in whose place recordings may answer.
        self.replayed: Collection[str] = ()
        self.started = monotonic()
        self.timing = ledger.timing
        self.pace: Callable[[float, Paced], None] = pacer.at
        pacer.after_turn = self._settle_timing
        self.gates = Gates() if gates is None else gates
        self.backlog = Backlog(config.max_buffered)
        self.queues = WaitingQueues()
        self.states = ServiceStates()
        # What the models of each alias said, in tokens.
        self.inference: dict[str, InferenceCounters] = {}
        # Gives the same of an alias for each process that shares the state, as plain values; None: this one is alone.
        self.inference_of_all: Callable[[str], Awaitable[list[dict[str, Any]]]] | None = None
        # Replies under way that are more than one write.
        self.playing: set[Delivery] = set()
        self.configure(config)

    def state_of(self, kind: type[T]) -> T:
        """What a service remembers in this simulator: its one object of `kind`, made when it is first asked for."""
        return self.states.of(kind)

    @property
    def issued_tokens(self) -> IssuedTokens:
        """The access tokens that a service has issued."""
        from oagw_tornado.gateway.issued_tokens import IssuedTokens

        return IssuedTokens(self.states)

    @property
    def aliases(self) -> tuple[str, ...]:
        """The upstreams there are."""
        return tuple(self._forms)

    def configure(self, config: Config) -> None:
        """Have `config` hold for all replies to come."""
        self.config = config
        self.gates.timeout = config.gate_timeout
        self.backlog.limit = config.max_buffered

    def respond(self, exchange: Exchange, connection: ReplyConnection, reply: Reply) -> None:
        """Send `reply` as the knobs of its exchange have it."""
        knobs = exchange.knobs
        if knobs is not None and knobs.amends:
            from oagw_tornado.playback.amending import amend

            errors = self.errors_of(exchange)
            try:
                reply, knobs = amend(replace(reply, errors=errors), knobs)
            except InapplicableKnob as error:
                reply, knobs = bad_knob(str(error)), None
        fields = head_fields(exchange, reply, knobs)
        status = reply.status
        self.ledger.replied(exchange, status, reply.source)
        if status >= 400:
            self.ledger.advised(exchange, fields)
        exchange.inference = reply.inference if status == 200 else None
        if (
            reply.frames is None
            and reply.pieces is None
            and (knobs is None or (knobs.immediate and not reply.pauses))
            and len(reply.body) <= BODY_PIECE
        ):
            # Over before the reply leaves: a client that has read it finds it in the journal.
            self.ledger.sent_whole(exchange, len(reply.body), monotonic() - exchange.admitted)
            self._give_back(exchange)
            connection.send_whole(status, fields, reply.body, exchange)
            return
        length = None
        if reply.frames is not None:
            self.ledger.streams(exchange)
            length = reply.length
        elif reply.pieces is None:
            length = len(reply.body)
        knobs = knobs or _NO_KNOBS
        random = Random(exchange.seed) if knobs.draws else _NOTHING_DRAWN
        head_only = connection.method == "HEAD"
        steps = plan(reply, knobs, random, self._running, queued=exchange.queued or 0.0, head_only=head_only)
        if reply.arriving is None:
            playback = Playback(self, exchange, connection, steps, fields, length)
        else:
            from oagw_tornado.playback.arriving_player import ArrivingPlayer

            playback = ArrivingPlayer(self, exchange, connection, steps, fields, reply.arriving, knobs)
        self.playing.add(playback)
        playback.start()

    def errors_of(self, exchange: Exchange) -> Errors:
        """How the upstream that `exchange` reached words its errors."""
        return Errors(self._forms.get(exchange.alias, PLAIN), exchange.id, time())

    def gate_timeout_reply(self, exchange: Exchange) -> tuple[int, bytes, bytes]:
        """Status, header lines and body of the refusal in place of a reply that waited at its gate in vain."""
        reply = refusal(
            504,
            f"Nobody released the gate {exchange.gate}",
            (),
            hint=f"POST /_sim/gates/{exchange.gate}/release lets it pass; --gate-timeout says how long it waits",
        )
        self.ledger.replied(exchange, reply.status, reply.source)
        return reply.status, head_fields(exchange, reply), reply.body

    def settle(self, in_one_go: bool = False) -> None:
        """Bring the evidence up to date with what has left. Call this before reading it.

        Ten thousand streams take more than ten milliseconds, so events that are due leave meanwhile, unless it is
        `in_one_go`.
        """
        self.timing.settle()
        for number, playback in enumerate(tuple(self.playing)):
            if number % _AT_A_TIME == 0 and not in_one_go:
                self.pacer.give_way()
            playback.settle()

    def settle_waits(self) -> None:
        """To be called after each turn in which requests were read."""
        if len(self.timing.waits.recent) > _RECENT:
            self.timing.waits.settle()

    def _settle_timing(self) -> None:
        if len(self.timing.recent) > _RECENT:
            self.timing.settle()

    def ended(self, delivery: Delivery, outcome: str) -> None:
        """A playback is over."""
        self.playing.discard(delivery)
        self.over(delivery.exchange, outcome)

    def over(self, exchange: Exchange, outcome: str) -> None:
        """An exchange is over; one that was over already stays as it ended."""
        if exchange.ended is None:
            self.ledger.ended(exchange, outcome, monotonic() - exchange.admitted)
            self._give_back(exchange)

    def _give_back(self, exchange: Exchange) -> None:
        if exchange.queued is not None:
            self.queues.over(exchange)
        if exchange.inference is not None:
            self.inference_of(exchange.alias).over(exchange, exchange.inference)

    @property
    def _running(self) -> int:
        """Requests under way that have had their turn."""
        return self.ledger.running - self.queues.waiting

    def inference_of(self, alias: str) -> InferenceCounters:
        """What is counted of the models of an alias."""
        counters = self.inference.get(alias)
        if counters is None:
            from oagw_tornado.evidence.inference import InferenceCounters

            counters = self.inference[alias] = InferenceCounters()
        return counters

    def cut_off(self) -> None:
        """End every reply under way where it is, and what waits for its turn."""
        self.queues.cut_off()
        for playback in list(self.playing):
            playback.cut_off()
