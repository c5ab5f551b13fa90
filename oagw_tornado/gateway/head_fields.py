"""Status line and header lines of every reply: the service's own and what the gateway adds to them."""

from __future__ import annotations

from oagw_tornado.evidence.exchange import Exchange
from oagw_tornado.knobs.vocabulary import Knobs
from oagw_tornado.reply.reply import Reply
from oagw_tornado.wire.connection import status_and_fields

# The plan of a reply to which no knob applies.
_AT_ONCE = b"Server-Timing: ttft;dur=0, itl;dur=0\r\n"


def head_fields(exchange: Exchange, reply: Reply, knobs: Knobs | None = None) -> bytes:
    """The lines of `reply`, which `exchange` gets under `knobs`, without those that frame the body."""
    headers, limits = reply.headers, exchange.limit_headers
    if limits:  # what the gateway counted takes the place of what an error says by default
        counted = {name.lower() for name, _ in limits}
        headers = tuple(field for field in headers if field[0].lower() not in counted)
    if exchange.page_headers:
        from oagw_tornado.gateway.cors import with_cors

        headers = with_cors(headers, exchange.page_headers, limits)
    server_timing = _AT_ONCE if knobs is None else knobs.server_timing
    if exchange.replay is not None:
        server_timing = exchange.replay.server_timing
    if exchange.queued:
        server_timing = b"%b, queue;dur=%.3f\r\n" % (server_timing[:-2], exchange.queued * 1000)
    fields = b"%b%bX-Request-Id: %b\r\n" % (
        status_and_fields(reply.status, headers, reply.source, reply.reason),
        server_timing,
        exchange.id.encode("latin-1"),
    )
    if limits or exchange.echoed:
        for name, value in (*limits, *exchange.echoed):
            fields += f"{name}: {value}\r\n".encode("latin-1")
    return fields
