"""Every handler here is a `tornado.web.RequestHandler` that ends with a `Reply`.

`respond` takes the reply; `write` and `finish` work as in any tornado handler and make one. What tornado does beside
that for each request (a task, a date, an etag over the body) is left out, and its place is taken by the rooms below:
the latency model, the faults, the journal.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

import tornado.web
from tornado import httputil

from oagw_tornado.exchange import Exchange
from oagw_tornado.reply import Reply, json_reply
from oagw_tornado.request import Request

if TYPE_CHECKING:
    from oagw_tornado.config import Config
    from oagw_tornado.responder import Responder

log = logging.getLogger(__name__)


class ExchangeHandler(tornado.web.RequestHandler):
    """One exchange. Subclasses define ``get``, ``post`` … as with tornado; a method that is not there is a 405."""

    request: Request
    exchange: Exchange
    # Who made the replies of this handler, for ``X-OAGW-Error-Source``.
    source: Any = "gateway"
    # True once there is a reply, which may still be on its way.
    _replied = False

    def initialize(self, responder: Responder) -> None:
        self.exchange = self.request.exchange
        self.responder = responder

    def clear(self) -> None:
        """Tornado calls this for each request. Nothing is formatted before somebody needs it."""
        self._headers = httputil.HTTPHeaders()
        self._write_buffer: list[bytes] = []
        self._status_code = 200
        self._reason = "OK"

    def compute_etag(self) -> None:
        return None

    @property
    def config(self) -> Config:
        """The simulator's configuration as it is now."""
        return self.responder.config

    def respond(self, reply: Reply) -> None:
        """Give the reply. Once for each request; what comes after is ignored, as the client can not get it."""
        if not self._replied:
            self._replied = self._finished = True
            self.responder.respond(self.exchange, self.request.connection, reply)  # type: ignore[arg-type]

    def run(self, *path_args: str) -> None:
        """Answer the request. Never raises."""
        try:
            method = self.request.method or ""
            if method not in self.SUPPORTED_METHODS:
                raise tornado.web.HTTPError(405)
            result = getattr(self, method.lower())(*path_args)
            if result is None:
                if not self._finished:
                    self.finish()
                return
        except Exception as error:
            self._fail(error)
            return
        asyncio.ensure_future(self._run_on(result))

    async def _run_on(self, awaitable: Awaitable[None]) -> None:
        try:
            await awaitable
            if not self._finished:
                self.finish()
        except Exception as error:
            self._fail(error)

    def finish(self, chunk: str | bytes | dict[str, Any] | None = None) -> asyncio.Future[None]:
        if self._headers_written:  # a handler that flushed by itself ends by itself
            return super().finish(chunk)
        if chunk is not None:
            self.write(chunk)
        headers = tuple(self._headers.get_all())
        self.respond(Reply(self.get_status(), headers, b"".join(self._write_buffer), source=self.source))
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.set_result(None)
        return future

    def flush(self, include_footers: bool = False) -> asyncio.Future[None]:
        self._replied = True
        self.exchange.status = self.get_status()
        return super().flush(include_footers)

    def log_exception(self, *args: Any) -> None:
        """Tornado's own log of an error; `_fail` has logged it."""

    def _log(self) -> None:
        """Tornado's access log; there is one for all engines elsewhere."""

    def _fail(self, error: Exception) -> None:
        if isinstance(error, tornado.web.HTTPError):
            status = error.status_code
            text = error.log_message or httputil.responses.get(status, "Unknown")
        else:
            status, text = 500, "Internal server error"
            log.error("%s %s", self.request.method, (self.request.uri or "")[:200], exc_info=error)
        if self._replied:
            # Part of the reply may have left: only a cut tells the client that it is not whole.
            self.request.connection.close()  # type: ignore[union-attr]
            return
        headers = (("Allow", ", ".join(self._served_methods())),) if status == 405 else ()
        reply = json_reply({"error": text}, status, headers)
        reply.source = self.source
        self.respond(reply)

    @classmethod
    def _served_methods(cls) -> list[str]:
        plain = tornado.web.RequestHandler
        return [name for name in cls.SUPPORTED_METHODS if getattr(cls, name.lower()) is not getattr(plain, name.lower())]
