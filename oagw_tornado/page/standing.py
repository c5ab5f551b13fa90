"""The current state of this process: running replies, counts since the last reset, and waits at gates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oagw_tornado.evidence.metrics import Counters
    from oagw_tornado.evidence.verdict import Second
    from oagw_tornado.gateway.responder import Responder
    from oagw_tornado.knobs.rule import Rule

#: Gates that are told of, and of each one those that wait there.
MOST_GATES = 100
MOST_WAITING = 20


class Own:
    """How it stands in this process: what `standing` and `gates_here` give, seconds for a verdict, the rules."""

    def __init__(self) -> None:
        self.now: dict[str, Any] = {}
        self.judged: list[Second] = []
        #: None: nobody wants to know.
        self.gates: dict[str, Any] | None = None
        self.rules: Sequence[Rule] | None = None


def standing(responder: Responder) -> dict[str, Any]:
    """What runs, and all that was counted since the last reset."""
    ledger, timing = responder.ledger, responder.timing
    in_flight: dict[str, int] = {}
    streams = 0
    for playback in tuple(responder.playing):
        exchange = playback.exchange
        in_flight[exchange.alias] = in_flight.get(exchange.alias, 0) + 1
        streams += exchange.planned is not None
    return {
        "running": ledger.running,
        "streams": streams,
        "in_flight": in_flight,
        "waiting": {alias: waiting for alias, (_, waiting) in responder.queues.lengths().items()},
        **counted(ledger.counters),
        "blocked": timing.blocked_by_client,
        "journal": len(ledger.journal),
    }


def counted(counters: Counters) -> dict[str, Any]:
    """What the page shows of counters."""
    aliases: dict[str, int] = {}
    statuses: dict[str, int] = {}
    for (alias, status, _), count in counters.requests.items():
        aliases[alias] = aliases.get(alias, 0) + count
        statuses[str(status)] = statuses.get(str(status), 0) + count
    return {
        "answered": aliases,
        "statuses": statuses,
        "faults": dict(counters.faults),
        "left": dict(counters.clients_left),
    }


def gates_here(responder: Responder) -> dict[str, Any]:
    """The gates, and the requests that wait there, by name."""
    gates, disclosure = responder.gates, responder.ledger.disclosure
    waiting: dict[str, list[dict[str, Any]]] = {}
    counts: dict[str, int] = {}
    for playback in tuple(responder.playing):
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
