"""What arrived and what became of it: a bounded ring of exchanges, the evidence a test asserts on.

The journal keeps the exchanges themselves, so nothing is copied or rendered for a request that nobody asks about.
Credentials are masked whenever an exchange is read.
"""

from __future__ import annotations

import re
from array import array
from collections import deque
from collections.abc import Iterator
from typing import Any

from oagw_tornado.evidence.exchange import Exchange
from oagw_tornado.knobs.vocabulary import VOCABULARY, Knobs

#: Bytes of a request's body that are kept.
BODY_HEAD = 1024

MASK = "***"

_CREDENTIALS = frozenset(
    ("authorization", "proxy-authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie", "set-cookie")
)
_CREDENTIALS_IN_QUERY = r"(?i)(?<=[?&])((?:api[-_]?key|key|token|access[-_]token|password|secret)=)[^&]*"


_NO_HEADERS: dict[str, str] = {}


class Journal:
    """The latest exchanges of one simulator, as many as `size`."""

    def __init__(self, size: int) -> None:
        self._ring: deque[Exchange] = deque(maxlen=size)
        self._size = size

    def add(self, exchange: Exchange) -> None:
        """Take one more in; the oldest goes if there is no room."""
        ring = self._ring
        if len(ring) == self._size:
            # An exchange that goes on without being remembered needs no evidence: that of ten thousand silent
            # streams would be most of what they hold.
            forgotten = ring[0] if ring else exchange
            forgotten.headers = _NO_HEADERS
            forgotten.body_head = b""
        ring.append(exchange)

    def __len__(self) -> int:
        return len(self._ring)

    def clear(self) -> None:
        self._ring.clear()

    def find(self, id: str) -> Exchange | None:
        """The latest exchange of that id."""
        return next((exchange for exchange in reversed(self._ring) if exchange.id == id), None)

    def select(
        self, alias: str | None = None, status: int | None = None, since: float | None = None, limit: int | None = None
    ) -> Iterator[Exchange]:
        """Those that fit, newest first. `since` is a Unix time, `limit` the most to give."""
        given = 0
        for exchange in reversed(self._ring):
            if limit is not None and given >= limit:
                return
            if (
                (alias is None or exchange.alias == alias)
                and (status is None or exchange.status == status)
                and (since is None or exchange.wall >= since)
            ):
                given += 1
                yield exchange


def begin_events(exchange: Exchange) -> None:
    """Have the instants of this exchange's events noted."""
    exchange.planned = array("d")
    exchange.actual = array("d")


def exchange_as_json(
    exchange: Exchange, with_events: bool = False, shown: dict[int, dict[str, Any]] | None = None
) -> dict[str, Any]:
    """One exchange as ``/_sim/requests`` gives it: offsets in seconds from admission, credentials masked.

    `shown` is kept from exchange to exchange of one list, as most of them have the same knobs.
    """
    target = exchange.target
    view: dict[str, Any] = {
        "id": exchange.id,
        "time": exchange.wall,
        "client": exchange.client,
        "method": exchange.method,
        "target": re.sub(_CREDENTIALS_IN_QUERY, rf"\1{MASK}", target) if "?" in target else target,
        "path": exchange.path,
        "alias": exchange.alias or None,
        "headers": _masked(exchange),
        "body": {"size": exchange.body_size, "head": exchange.body_head.decode("utf-8", "replace")},
        "knobs": None if exchange.knobs is None else _shown(exchange.knobs, {} if shown is None else shown),
        "rule": exchange.rule,
        "status": exchange.status or None,
        "source": exchange.source,
        "queued": exchange.queued,
        "events_sent": exchange.events,
        "bytes_sent": exchange.bytes_sent,
        "events_blocked": exchange.blocked,
        "first_event": exchange.actual[0] if exchange.actual else None,
        "outcome": exchange.outcome or None,
        "ended": exchange.ended,
    }
    if with_events:
        view["events"] = {"planned": list(exchange.planned or ()), "actual": list(exchange.actual or ())}
    return view


def knobs_as_json(knobs: Knobs) -> dict[str, Any]:
    """Every knob that holds, by name, as it would be given; null for one that is not set."""
    return {knob.name: _word(getattr(knobs, knob.field)) for knob in VOCABULARY.values() if not knob.form_of}


def _shown(knobs: Knobs, shown: dict[int, dict[str, Any]]) -> dict[str, Any]:
    view = shown.get(id(knobs))
    if view is None:
        view = shown[id(knobs)] = knobs_as_json(knobs)
    return view


def _word(value: Any) -> Any:
    return value if value is None or isinstance(value, (int, float)) else str(value)


def _masked(exchange: Exchange) -> dict[str, str]:
    return {name: MASK if name.lower() in _CREDENTIALS else value for name, value in exchange.headers.items()}
