"""The gateway's own pages."""

from __future__ import annotations

from time import monotonic
from typing import Any

from oagw_tornado import __version__
from oagw_tornado.gateway.handler import ExchangeHandler
from oagw_tornado.reply.reply import JSON, Reply, json_reply
from oagw_tornado.units.documents import write_plain_json


class Page(ExchangeHandler):
    """A page of the gateway's own, which rules may meet that name its path."""

    heeds_rules = True


class Health(Page):
    """``/health``, ``/healthz`` and ``/readyz``: no authorization, no error source."""

    def get(self, path: str = "/health") -> None:
        health = self.responder.health
        status, word = health.answer(path)
        answer: dict[str, Any] = {"service": "oagw-mock-server", "status": word}
        if health.details is not None:
            answer["details"] = health.details()
        # The first answer ends a start, which is not to wait for a faster library to load.
        self.respond(Reply(status, JSON, write_plain_json(answer), source=None))

    head = get


class StatusPage(Page):
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
