"""An upstream without paths of its own: rules answer for it, and everything else is a 404."""

from __future__ import annotations

from oagw_tornado.reply.reply import json_reply
from oagw_tornado.services.handler import ServiceHandler
from oagw_tornado.services.upstream import Upstream


class NothingScripted(ServiceHandler):
    """Any path that no rule answers for."""

    def serve(self, *path_args: str) -> None:
        path = path_args[0][:200]
        self.respond(json_reply({"error": f"No rule answers {self.request.method} /{path}"}, 404))

    patch = options = serve


def blank_upstream() -> Upstream:
    """An upstream that only rules answer for."""
    return Upstream(otherwise=NothingScripted)
