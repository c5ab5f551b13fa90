"""Handlers for recordings in place of an upstream: a recording replies, or a refusal that names the nearest one."""

from __future__ import annotations

from collections.abc import Awaitable, Collection
from dataclasses import replace
from typing import Any

from oagw_tornado.evidence.replayed import Replayed
from oagw_tornado.gateway.handler import ExchangeHandler
from oagw_tornado.gateway.refusal import refusal
from oagw_tornado.gateway.responder import Responder
from oagw_tornado.gateway.upstream_table import UpstreamTable
from oagw_tornado.knobs.upstream_document import NAME
from oagw_tornado.recordings.format import RecordingError
from oagw_tornado.replaying.loading import words
from oagw_tornado.replaying.order import Order
from oagw_tornado.replaying.playable_reply import PlayableReply
from oagw_tornado.replaying.replays import Hit, Replays, nearest_as_json
from oagw_tornado.units.latency import ZERO

_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")


class ReplayHandler(ExchangeHandler):
    """Replies with a recording."""

    source = "upstream"
    SUPPORTED_METHODS = _METHODS

    def _answer(self, *path_args: Any) -> Awaitable[None] | None:
        replays, hit = path_args
        reply = replays.loader.get(hit.entry.path)
        if reply is None:
            return self._load(replays, hit)
        self._replay(replays, hit, reply)
        return None

    get = head = post = put = delete = patch = options = _answer

    async def _load(self, replays: Replays, hit: Hit) -> None:
        try:
            reply = await replays.loader.load(hit.entry.path)
        except (OSError, RecordingError) as error:
            self.exchange.knobs = None  # a refusal is sent as it is
            self.respond(refusal(502, f"The recording {hit.entry.name} cannot be replayed: {words(error)}"))
            return
        self._replay(replays, hit, reply)

    def _replay(self, replays: Replays, hit: Hit, recorded: PlayableReply) -> None:
        exchange = self.exchange
        knobs = exchange.knobs
        assert knobs is not None
        planned = recorded.planned(knobs, hit.given)
        if planned.offsets is None and not planned.overridden and not knobs.latency.is_zero:
            exchange.knobs = replace(knobs, latency=ZERO)
        replayed = Replayed(
            hit.entry.name,
            hit.number,
            hit.of,
            knobs.replay_speed,
            planned.offsets,
            planned.ends_at,
            planned.overridden,
        )
        replays.replayed(exchange, replayed)
        self.respond(planned.reply)


class MissHandler(ExchangeHandler):
    """Says that no recording answers, which comes nearest, and where it differs first."""

    SUPPORTED_METHODS = _METHODS

    async def _answer(self, *path_args: Any) -> None:
        replays, miss = path_args
        exchange = self.exchange
        exchange.knobs = None  # a refusal is sent as it is
        nearest = await replays.nearest(miss)
        replays.missed_by(exchange, miss, nearest)
        text = "No recording answers this request"
        more: dict[str, Any] = {}
        message = f"{text}: there is none of {miss.alias}"
        if nearest is not None:
            shown = self.responder.ledger.disclosure.text
            more["nearest"] = nearest_as_json(nearest, shown)
            others = nearest.differences - 1
            behind = f", and in {others} more places" if others > 1 else ", and in one more place" if others else ""
            message = shown(f"{text}: the nearest, {nearest.name}, differs at {nearest.first}{behind}")
        hint = (
            "--replay-ignore leaves fields out, --on-miss pass or record asks the upstream; recordings list shows all"
        )
        self.respond(refusal(504, text, message=message, hint=hint, **more))

    get = head = post = put = delete = patch = options = _answer


def new_replays(responder: Responder, table: UpstreamTable) -> Replays:
    """Those of a simulator with the upstreams in `table`, to which the ones come that are only recorded."""

    def appeared(aliases: Collection[str]) -> None:
        table.add_blank(filter(NAME.fullmatch, aliases))
        responder.replayed = frozenset(aliases)

    order = Order(responder.states)
    return Replays((ReplayHandler, MissHandler), lambda text: responder.ledger.disclosure.text(text), appeared, order)
