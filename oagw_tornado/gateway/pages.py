"""What the gateway says of itself."""

from __future__ import annotations

from time import monotonic

from oagw_tornado import __version__
from oagw_tornado.gateway.handler import ExchangeHandler
from oagw_tornado.reply.reply import json_reply

_HEALTHY = json_reply({"service": "oagw-mock-server", "status": "healthy"})
_HEALTHY.source = None


class Health(ExchangeHandler):
    """``/health``: no authorization, no error source."""

    def get(self) -> None:
        self.respond(_HEALTHY)

    head = get


class Status(ExchangeHandler):
    """``/api/oagw/v1/status``: no authorization."""

    def get(self) -> None:
        gateway = self.responder
        reply = json_reply(
            {
                "status": "operational",
                "version": __version__,
                "uptime": round(monotonic() - gateway.started, 6),
                "registered_aliases": list(gateway.aliases),
            }
        )
        reply.source = "gateway"
        self.respond(reply)

    head = get
