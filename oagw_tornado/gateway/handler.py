"""Every handler here is a `tornado.web.RequestHandler` that ends with a `Reply`.

`respond` takes the reply; `write` and `finish` work as in any tornado handler and make one. What tornado does beside
that for each request (a task, a date, an etag over the body) is left out, and its place is taken by the rooms below:
the latency model, the faults, the journal.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from http.client import responses
from typing import TYPE_CHECKING, Any

import tornado.web
from tornado import httputil
from tornado.iostream import StreamClosedError

from oagw_tornado.evidence.exchange import Exchange
from oagw_tornado.gateway.request import Request
from oagw_tornado.reply.reply import Reply, json_reply

if TYPE_CHECKING:
    from oagw_tornado.config.config import Config
    from oagw_tornado.gateway.responder import Responder

log = logging.getLogger(__name__)


class ExchangeHandler(tornado.web.RequestHandler):
    """One exchange. Subclasses define ``get``, ``post`` … as with tornado; a method that is not there is a 405."""

    request: Request
    exchange: Exchange
    # Who made the replies of this handler, for ``X-OAGW-Error-Source``.
    source: Any = "gateway"
    # Whether `max-num-seqs` counts it: what only tells of a service is answered however busy that is.
    takes_turns = True
    # True once there is a reply, which may still be on its way.
    _replied = False

    # What the constructor of tornado's handler gives each instance: most requests never touch it.
    _headers_written = False
    _finished = False
    _auto_finish = True
    _prepared_future = None
    _status_code = 200
    _reason = "OK"

    def __init__(self, application: tornado.web.Application, request: Request, responder: Responder) -> None:
        # Instead of tornado's constructor, not after it: that one ties each handler into a circle with its template
        # namespace, so that only the garbage collector can free it and the whole request with it, and builds headers
        # and a close callback that a reply does not need. What it sets is here all the same, made on first use.
        self.application = application
        self.request = request
        self.responder = responder
        self.exchange = request.exchange
        self.initialize()

    def __getattr__(self, name: str) -> Any:
        make = _LATER.get(name)
        if make is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        value = make(self)
        setattr(self, name, value)
        return value

    def clear(self) -> None:
        """Start the reply anew, as tornado's own does, without its default headers."""
        self._headers = httputil.HTTPHeaders()
        self._write_buffer: list[bytes] = []
        self._status_code = 200
        self._reason = "OK"
        self.set_default_headers()

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
        if not self._finished:
            self.request.connection.set_close_callback(self._client_left)  # type: ignore[union-attr]
        self._running = asyncio.ensure_future(self._run_on(result))  # the loop alone would not keep it

    async def _run_on(self, awaitable: Awaitable[None]) -> None:
        try:
            await awaitable
            if not self._finished:
                self.finish()
        except StreamClosedError:
            self._client_left()
        except Exception as error:
            self._fail(error)

    def finish(self, chunk: str | bytes | dict[str, Any] | None = None) -> asyncio.Future[None]:
        if self._headers_written:  # a handler that flushed by itself ends by itself
            self._over("complete")
            return super().finish(chunk)
        if chunk is not None:
            self.write(chunk)
        for cookie in getattr(self, "_new_cookie", {}).values():
            self.add_header("Set-Cookie", cookie.OutputString(None))
        headers = tuple(self._headers.get_all())
        self.respond(Reply(self.get_status(), headers, b"".join(self._write_buffer), source=self.source))
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.set_result(None)
        return future

    def flush(self, include_footers: bool = False) -> asyncio.Future[None]:
        exchange = self.exchange
        if not self._headers_written:
            self.request.connection.set_close_callback(self._client_left)  # type: ignore[union-attr]
            self._replied = exchange.head_sent = True
            exchange.status = self.get_status()
            exchange.source = self.source
            self.set_header("X-Request-Id", exchange.id)
            if self.source is not None:
                self.set_header("X-OAGW-Error-Source", self.source)
        exchange.bytes_sent += sum(map(len, self._write_buffer))
        return super().flush(include_footers)

    def _client_left(self) -> None:
        if self.exchange.ended is None:
            self._replied = True
            self._over("client-left")
            self.on_connection_close()

    def _over(self, outcome: str) -> None:
        """The exchange of a handler that sends by itself, or never came to reply, is over."""
        if self.exchange.ended is None:
            self.responder.over(self.exchange, outcome)

    def log_exception(self, *args: Any) -> None:
        """Tornado's own log of an error; `_fail` has logged it."""

    def _log(self) -> None:
        """Tornado's access log; there is one for all engines elsewhere."""

    def _fail(self, error: Exception) -> None:
        if isinstance(error, tornado.web.HTTPError):
            status = error.status_code
            text = error.log_message or responses.get(status, "Unknown")
        else:
            status, text = 500, "Internal server error"
            log.error("%s %s", self.request.method, (self.request.uri or "")[:200], exc_info=error)
        if self._replied:
            # Part of the reply may have left: only a cut tells the client that it is not whole.
            if self._headers_written:
                self._over("closed")
            self.request.connection.close()  # type: ignore[union-attr]
            return
        headers = (("Allow", ", ".join(self._served_methods())),) if status == 405 else ()
        reply = json_reply({"error": text}, status, headers)
        reply.source = self.source
        self.respond(reply)

    @classmethod
    def _served_methods(cls) -> list[str]:
        methods = [(name, name.lower()) for name in cls.SUPPORTED_METHODS]
        return [name for name, own in methods if getattr(cls, own) is not getattr(tornado.web.RequestHandler, own)]


def _default_headers(handler: ExchangeHandler) -> httputil.HTTPHeaders:
    # Before `set_default_headers`, which adds to them.
    handler.__dict__["_headers"] = headers = httputil.HTTPHeaders()
    handler.set_default_headers()
    return headers


def _template_namespace(handler: ExchangeHandler) -> Any:
    complete = tornado.web.RequestHandler(handler.application, handler.request)
    return complete.ui


_LATER: dict[str, Any] = {
    "_headers": _default_headers,
    "_write_buffer": lambda handler: [],
    "_transforms": lambda handler: [],
    "ui": _template_namespace,
    "path_args": lambda handler: [],
    "path_kwargs": lambda handler: {},
}
