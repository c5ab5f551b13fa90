"""``/_sim/replays``: which recordings were replayed, and how close each event was to its recorded instant."""

from __future__ import annotations

from array import array
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from oagw_tornado.control.control import ControlPlane
from oagw_tornado.control.handlers import BadRequest, ControlHandler, whole_number
from oagw_tornado.control.turns import Turns
from oagw_tornado.evidence.exchange import Exchange
from oagw_tornado.evidence.replayed import error_figures

if TYPE_CHECKING:
    from oagw_tornado.replaying.replays import Replays

_MOST = 1000
_DEFAULT = 100

# Replays and errors in one piece of the reply.
_TOGETHER = 50
_ERRORS = 20_000


class ReplayList(ControlHandler):
    """``/_sim/replays?limit=100&events=1``: the totals since the last reset, and the latest replays one by one."""

    of_all = ("replays",)

    def question(self, *path_args: str) -> dict[str, Any]:
        limit, with_events = self._asked()
        return {"limit": limit, "events": with_events}

    def _asked(self) -> tuple[int, bool]:
        given = self.parameters("limit", "events")
        limit = whole_number("limit", given.get("limit"), 0, _MOST)
        if given.get("events", "0") not in ("0", "1"):
            raise BadRequest(f"events: expected 1 or 0, not {given['events'][:80]!r}")
        return _DEFAULT if limit is None else limit, given.get("events") == "1"

    async def get(self, control: ControlPlane) -> None:
        with self.refusing():
            limit, with_events = self._asked()
            pieces = control.replays_of_all
            if pieces is None:
                pieces = [piece async for piece in told(control.replays, limit, with_events)]
            self.say(merged(pieces, limit))

    async def head(self, control: ControlPlane) -> None:
        self.say({})


async def told(replays: Replays | None, limit: int, with_events: bool) -> AsyncIterator[dict[str, Any]]:
    """What one process has replayed, in pieces that `merged` puts together."""
    if replays is None:
        return
    turns = Turns()
    errors = array("d")
    latest: list[tuple[float, dict[str, Any]]] = []
    counted = shown = 0
    for exchange in reversed(list(replays.latest)):
        replayed = exchange.replay
        if replayed is None:
            continue
        if _counts(exchange):
            counted += 1
            errors.extend(replayed.errors(exchange.actual, exchange.ended))
        if shown < limit:
            shown += 1
            view = replayed.as_json(exchange.actual, exchange.ended, with_events)
            named = {"id": exchange.id, "alias": exchange.alias, "outcome": exchange.outcome or None, **view}
            latest.append((exchange.wall, named))
        if len(errors) >= _ERRORS or len(latest) >= _TOGETHER:
            yield {"errors": errors.tobytes(), "latest": latest}
            errors, latest = array("d"), []
        if turns.is_over:
            await turns.rest()
    yield {
        "errors": errors.tobytes(),
        "latest": latest,
        "latest_misses": list(replays.missed)[::-1][:limit],
        "upstreams": replays.aliases,
        "problems": replays.problems,
        "totals": (replays.hits, replays.misses, counted),
    }


def merged(pieces: Sequence[Mapping[str, Any]], limit: int) -> dict[str, Any]:
    """What all pieces tell: the latest first, whoever has served them."""
    upstreams: dict[str, int] = {}
    problems: dict[str, None] = {}
    errors = array("d")
    for piece in pieces:
        errors.frombytes(piece["errors"])
        problems |= dict.fromkeys(piece.get("problems", ()))
        for alias, recordings in piece.get("upstreams", {}).items():
            upstreams[alias] = max(recordings, upstreams.get(alias, 0))
    totals = [sum(each) for each in zip(*(piece["totals"] for piece in pieces if "totals" in piece), strict=True)]
    hits, misses, counted = totals or (0, 0, 0)
    return {
        "upstreams": upstreams,
        "problems": list(problems),
        "replays": hits,
        "misses": misses,
        "counted": counted,
        "events": len(errors),
        "error_ms": error_figures(errors),
        "latest": _latest(pieces, "latest", limit),
        "latest_misses": _latest(pieces, "latest_misses", limit),
    }


def _latest(pieces: Sequence[Mapping[str, Any]], name: str, limit: int) -> list[Any]:
    found = sorted((each for piece in pieces for each in piece.get(name, ())), key=lambda each: -each[0])
    return [view for _, view in found[:limit]]


def _counts(exchange: Exchange) -> bool:
    """Whether nothing but this server decided when its events left."""
    replayed = exchange.replay
    if replayed is None or replayed.overridden:
        return False
    return not (exchange.faults or exchange.blocked or exchange.gate or exchange.queued)
