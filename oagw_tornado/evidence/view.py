"""One exchange as the evidence shows it. Credentials are masked here, when somebody looks, and not earlier."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from oagw_tornado.evidence.credentials import Disclosure
from oagw_tornado.evidence.exchange import Exchange
from oagw_tornado.knobs.vocabulary import VOCABULARY, Knobs

_PLAIN = Disclosure()


def header_lines(exchange: Exchange) -> Iterator[tuple[str, str]]:
    """The header lines as they came, in order, with their names as tornado writes them: ``X-Request-Id``."""
    lines = getattr(exchange.headers, "lines", None)
    if lines is None:
        get_all = getattr(exchange.headers, "get_all", exchange.headers.items)
        yield from get_all()
        return
    for line in lines:
        name, _, value = line.decode("latin-1").partition(":")
        yield "-".join([part.capitalize() for part in name.split("-")]), value.strip(" \t")


def shown_headers(exchange: Exchange, disclosure: Disclosure = _PLAIN) -> dict[str, str]:
    """The headers by name, those of one name joined by commas (RFC 9110, section 5.3), credentials masked."""
    shown: dict[str, str] = {}
    for name, value in header_lines(exchange):
        text = disclosure.header(name, value)
        shown[name] = f"{shown[name]},{text}" if name in shown and shown[name] != text else text
    return shown


def content_type(exchange: Exchange) -> str:
    """The media type of the request's body; empty if none is given."""
    return str(exchange.headers.get("Content-Type") or "")


def exchange_as_json(
    exchange: Exchange,
    with_events: bool = False,
    shown: dict[int, dict[str, Any]] | None = None,
    disclosure: Disclosure = _PLAIN,
) -> dict[str, Any]:
    """One exchange as ``/_sim/requests`` gives it: offsets in seconds from admission, credentials masked.

    `shown` is kept from exchange to exchange of one list, as most of them have the same knobs.
    """
    view: dict[str, Any] = {
        "id": exchange.id,
        "time": exchange.wall,
        "client": exchange.client,
        "method": exchange.method,
        "target": disclosure.target(exchange.target),
        "path": disclosure.target(exchange.path),
        "alias": exchange.alias or None,
        "headers": shown_headers(exchange, disclosure),
        "body": {
            "size": exchange.body_size,
            "head": disclosure.body(exchange.body_head, content_type(exchange)) if exchange.body_head else "",
        },
        "knobs": None if exchange.knobs is None else _shown(exchange.knobs, {} if shown is None else shown),
        "rule": exchange.rule,
        "nearest": [miss.as_json() for miss in exchange.nearest],
        "replay": None if exchange.replay is None else exchange.replay.as_json(exchange.actual, exchange.ended),
        "status": exchange.status or None,
        "source": exchange.source,
        "waited": exchange.waited,
        "queued": exchange.queued,
        "events_sent": exchange.events,
        "bytes_sent": exchange.bytes_sent,
        "events_blocked": exchange.blocked,
        "first_event": exchange.actual[0] if exchange.actual else None,
        "faults": list(exchange.faults),
        "outcome": exchange.outcome or None,
        "ended": exchange.ended,
    }
    if with_events:
        view["events"] = {"planned": list(exchange.planned or ()), "actual": list(exchange.actual or ())}
        if exchange.arrived is not None:
            view["events"]["arrived"] = list(exchange.arrived)
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
