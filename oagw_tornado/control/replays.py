"""``/_sim/replays``: which recordings were replayed, and how true each event was to its recorded instant."""

from __future__ import annotations

from typing import Any

from oagw_tornado.control.control import ControlPlane
from oagw_tornado.control.handlers import BadRequest, ControlHandler, whole_number
from oagw_tornado.control.turns import Turns
from oagw_tornado.evidence.exchange import Exchange
from oagw_tornado.evidence.replayed import error_figures

_MOST = 1000
_DEFAULT = 100

_NOTHING: dict[str, Any] = {
    "upstreams": {},
    "problems": [],
    "replays": 0,
    "misses": 0,
    "counted": 0,
    "events": 0,
    "error_ms": error_figures([]),
    "latest": [],
    "latest_misses": [],
}


class ReplayList(ControlHandler):
    """``/_sim/replays?limit=100&events=1``: the totals since the last reset, and the latest replays one by one."""

    async def get(self, control: ControlPlane) -> None:
        with self.refusing():
            given = self.parameters("limit", "events")
            limit = whole_number("limit", given.get("limit"), 0, _MOST)
            if given.get("events", "0") not in ("0", "1"):
                raise BadRequest(f"events: expected 1 or 0, not {given['events'][:80]!r}")
            self.say(await _view(control, _DEFAULT if limit is None else limit, given.get("events") == "1"))

    async def head(self, control: ControlPlane) -> None:
        self.say({})


async def _view(control: ControlPlane, limit: int, with_events: bool) -> dict[str, Any]:
    replays = control.replays
    if replays is None:
        return _NOTHING
    turns = Turns()
    errors: list[float] = []
    latest: list[dict[str, Any]] = []
    counted = 0
    for exchange in reversed(list(replays.latest)):
        replayed = exchange.replay
        if replayed is None:
            continue
        if _counts(exchange):
            counted += 1
            errors += replayed.errors(exchange.actual, exchange.ended)
        if len(latest) < limit:
            view = replayed.as_json(exchange.actual, exchange.ended, with_events)
            latest.append({"id": exchange.id, "alias": exchange.alias, "outcome": exchange.outcome or None, **view})
        if turns.is_over:
            await turns.rest()
    return {
        "upstreams": replays.aliases,
        "problems": replays.problems,
        "replays": replays.hits,
        "misses": replays.misses,
        "counted": counted,
        "events": len(errors),
        "error_ms": error_figures(errors),
        "latest": latest,
        "latest_misses": list(replays.missed)[::-1][:limit],
    }


def _counts(exchange: Exchange) -> bool:
    """Whether nothing but this server decided when its events left."""
    replayed = exchange.replay
    if replayed is None or replayed.overridden:
        return False
    return not (exchange.faults or exchange.blocked or exchange.gate or exchange.queued)
