"""The data of a report on one simulator, as one JSON document, gathered in time slices."""

from __future__ import annotations

import asyncio
import heapq
import os
import platform
from collections import Counter
from time import time
from typing import Any

import tornado

from oagw_tornado import __version__
from oagw_tornado.control.conduct_handlers import judged
from oagw_tornado.control.control import ControlPlane
from oagw_tornado.control.turns import Turns
from oagw_tornado.evidence.exchange import Exchange
from oagw_tornado.evidence.percentiles import counted, percentile_points
from oagw_tornado.evidence.request_filter import RequestFilter
from oagw_tornado.evidence.timing import BINS_PER_SECOND, Timing

#: Requests shown in detail, events of each, and rules.
MOST_SLOWEST = 20
MOST_EVENTS = 1000
MOST_RULES = 200
#: Requests of the journal that are counted, the latest ones.
MOST_COUNTED = 1_000_000


async def report_data(control: ControlPlane, label: str, budget: float) -> dict[str, Any]:
    """Everything since the last reset; `budget` is the lateness that is allowed at p99."""
    seen = await _requests(control)
    judgement = await judged(control, RequestFilter(control.disclosure), is_over=True)
    counters = control.collector.counters
    rules = control.rules.list
    return {
        "report": 1,
        "label": label,
        "made": time(),
        "provenance": provenance(control),
        "config": control.config,
        "rules": [
            {name: rule.as_json()[name] for name in ("name", "fitted", "applied")} for rule in rules[:MOST_RULES]
        ],
        "rules_in_all": len(rules),
        "timing": control.timing.as_json(),
        "verdict": control.verdict(budget, None, with_history=True),
        "conduct": judgement.as_json(),
        "marks": [mark.as_json() for mark in control.marks.list[:MOST_RULES] if not mark.received],
        "counts": {
            "requests": sum(counters.requests.values()),
            "statuses": _by(counters.requests, 1),
            "aliases": _by(counters.requests, 0),
            "outcomes": dict(seen.outcomes.most_common()),
            "faults": dict(counters.faults.most_common()),
        },
        "percentiles": {
            "lateness": percentile_points(lateness(control.timing)),
            "first_event": percentile_points(counted(offset * 1000 for offset in seen.firsts)),
        },
        "slowest": [_told(control, exchange) for _, _, exchange in sorted(seen.slowest, reverse=True)],
    }


class _Seen:
    """What the journal holds, counted."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.firsts: list[float] = []
        self.slowest: list[tuple[float, int, Exchange]] = []

    def add(self, number: int, exchange: Exchange) -> None:
        self.outcomes[exchange.outcome or "under way"] += 1
        if exchange.actual:
            self.firsts.append(exchange.actual[0])
        if exchange.ended is not None:
            entry = (exchange.ended, number, exchange)
            if len(self.slowest) < MOST_SLOWEST:
                heapq.heappush(self.slowest, entry)
            else:
                heapq.heappushpop(self.slowest, entry)


async def _requests(control: ControlPlane) -> _Seen:
    seen, turns = _Seen(), Turns()
    for number, exchange in control.journal.scan(lambda one: True):
        if exchange is not None:
            seen.add(number, exchange)
        if turns.is_over:
            await turns.rest()
        if len(seen.firsts) >= MOST_COUNTED:
            break
    return seen


def _told(control: ControlPlane, exchange: Exchange) -> dict[str, Any]:
    shown = control.disclosure
    return {
        "id": exchange.id,
        "time": exchange.wall,
        "method": exchange.method,
        "path": shown.target(exchange.target)[:300],
        "alias": exchange.alias or None,
        "status": exchange.status or None,
        "outcome": exchange.outcome or None,
        "faults": list(exchange.faults),
        "events_sent": exchange.events,
        "first_event": exchange.actual[0] if exchange.actual else None,
        "ended": exchange.ended,
        "planned": list(exchange.planned or ())[:MOST_EVENTS],
        "actual": list(exchange.actual or ())[:MOST_EVENTS],
    }


def _by(requests: Counter[tuple[str, int, str | None]], place: int) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for key, count in requests.items():
        counts[str(key[place] or ("none" if place else "no alias"))] += count
    return dict(counts.most_common())


def lateness(timing: Timing) -> list[tuple[float, int]]:
    """Lateness in milliseconds, by the upper edges of its bins, with the number of events."""
    timing.settle()
    found = [((index + 1) * 1000 / BINS_PER_SECOND, count) for index, count in enumerate(timing.late) if count]
    return [*found, (timing.max * 1000, timing.later)] if timing.later else found


def provenance(control: ControlPlane) -> dict[str, Any]:
    """What was running where: for somebody who reads the report a year later."""
    loop = type(asyncio.get_running_loop()).__module__.partition(".")[0]
    engine = control.config.get("http-server")
    return {
        "version": __version__,
        "python": platform.python_version(),
        "tornado": tornado.version,
        "engine": "tornado" if engine == "tornado" else "fast",
        "loop": loop,
        "system": platform.platform(),
        "machine": platform.machine(),
        "processors": os.cpu_count(),
        "pid": os.getpid(),
        "since": control.signs.since,
    }
