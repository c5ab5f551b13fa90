"""Exchanges in the formats of other tools: an HTTP Archive, and their events line by line."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from http.client import responses
from typing import Any
from urllib.parse import unquote_plus

from oagw_tornado import __version__
from oagw_tornado.evidence.credentials import Disclosure
from oagw_tornado.evidence.exchange import Exchange
from oagw_tornado.evidence.view import content_type, exchange_as_json, header_lines

EVENT_COLUMNS = ("id", "time", "alias", "path", "outcome", "event", "planned", "actual")


def har_log() -> dict[str, Any]:
    """The archive (HAR 1.2, http://www.softwareishard.com/blog/har-12-spec/) without its entries."""
    return {"version": "1.2", "creator": {"name": "oagw-tornado", "version": __version__}, "pages": []}


def har_entry(exchange: Exchange, disclosure: Disclosure) -> dict[str, Any]:
    """One exchange as an entry of the archive. Of the reply no bytes are kept; ``_oagw`` has what is known beside."""
    target = disclosure.target(exchange.target)
    total = (exchange.ended or 0.0) * 1000
    waited = min(total, exchange.actual[0] * 1000) if exchange.actual else total
    view = exchange_as_json(exchange, True, disclosure=disclosure)
    return {
        "startedDateTime": datetime.fromtimestamp(exchange.wall, UTC).isoformat(timespec="milliseconds"),
        "time": total,
        "request": _request(exchange, target, disclosure),
        "response": _response(exchange),
        "cache": {},
        "timings": {"blocked": -1, "dns": -1, "connect": -1, "send": 0, "wait": waited, "receive": total - waited},
        "serverIPAddress": "",
        "connection": exchange.client,
        "_oagw": {
            name: value for name, value in view.items() if name not in ("time", "method", "target", "headers", "body")
        },
    }


def event_rows(exchange: Exchange, disclosure: Disclosure) -> Iterator[tuple[Any, ...]]:
    """For each event of a stream whose instants are kept a row of `EVENT_COLUMNS`; offsets in seconds."""
    path = disclosure.target(exchange.path)
    head = (exchange.id, exchange.wall, exchange.alias, path, exchange.outcome)
    for number, (planned, actual) in enumerate(zip(exchange.planned or (), exchange.actual or (), strict=False), 1):
        yield (*head, number, planned, actual)


def csv_lines(rows: Iterator[tuple[Any, ...]]) -> bytes:
    """Rows as CSV (RFC 4180)."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _request(exchange: Exchange, target: str, disclosure: Disclosure) -> dict[str, Any]:
    host = str(exchange.headers.get("Host") or "")
    query = target.partition("?")[2].partition("#")[0]
    request: dict[str, Any] = {
        "method": exchange.method,
        "url": target if "://" in target else f"http://{host}{target}",
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": [{"name": name, "value": disclosure.header(name, value)} for name, value in header_lines(exchange)],
        "queryString": [
            {"name": unquote_plus(name), "value": unquote_plus(value)}
            for name, _, value in (pair.partition("=") for pair in query.split("&") if pair)
        ],
        "headersSize": -1,
        "bodySize": exchange.body_size,
    }
    if exchange.body_size:
        kind = content_type(exchange)
        request["postData"] = {"mimeType": kind, "text": disclosure.body(exchange.body_head, kind), "params": []}
        if len(exchange.body_head) < exchange.body_size:
            request["postData"]["comment"] = f"the first {len(exchange.body_head)} of {exchange.body_size} bytes"
    return request


def _response(exchange: Exchange) -> dict[str, Any]:
    headers = [("X-Request-Id", exchange.id)]
    if exchange.source is not None:
        headers.append(("X-OAGW-Error-Source", exchange.source))
    return {
        "status": exchange.status,
        "statusText": responses.get(exchange.status, ""),
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": [{"name": name, "value": value} for name, value in headers],
        "content": {"size": exchange.bytes_sent, "mimeType": ""},
        "redirectURL": "",
        "headersSize": -1,
        "bodySize": exchange.bytes_sent,
    }
