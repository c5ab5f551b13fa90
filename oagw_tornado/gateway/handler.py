"""Every handler here is a `tornado.web.RequestHandler` that ends with a `Reply`.

`respond` takes the reply; `write` and `finish` work as in any Tornado handler and make one. `flush` leaves the path of
replies: from then on the handler itself sends, at its own pace, and is counted all the same. Whatever a Tornado handler
can do and this one cannot is refused when the class is defined.
"""

from __future__ import annotations

import inspect
import logging
from http.client import responses
from types import FunctionType, TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, cast

import tornado.web
from tornado import httputil
from tornado.iostream import IOStream

from oagw_tornado.evidence.exchange import Exchange
from oagw_tornado.gateway.lazy_tornado import LazyHandler
from oagw_tornado.gateway.request import ServerRequest
from oagw_tornado.reply.reply import Reply, json_reply
from oagw_tornado.units.knob_errors import InapplicableKnob
from oagw_tornado.wire.connection import ReplyConnection

if TYPE_CHECKING:
    from asyncio import Future

    from oagw_tornado.config.config import Config
    from oagw_tornado.gateway.responder import Responder
    from oagw_tornado.gateway.service_states import ServiceStates
    from oagw_tornado.reply.conversation import Conversation

log = logging.getLogger(__name__)

# Fields of a written reply that the wire decides.
_FRAMING = frozenset(("Content-Length", "Transfer-Encoding", "Connection", "Date"))

_IMPOSSIBLE = {
    "__init__": "override initialize",
    "data_received": "the body is complete before a handler is asked: read self.request.body",
    "_execute": "override prepare",
}


class ExchangeHandler(LazyHandler):
    """One exchange. Subclasses define ``get``, ``post`` … as in Tornado; a method that is not defined is a 405.

    Defining a class that uses what cannot work here raises TypeError.
    """

    request: ServerRequest
    exchange: Exchange
    # True if rules that name its path, and knobs of the request, hold for a handler that is no upstream's.
    heeds_rules: ClassVar[bool] = False
    # The source of this handler's replies, for ``X-OAGW-Error-Source``.
    source: Any = "gateway"
    # Whether `max-num-seqs` counts it: what only tells of a service is answered however busy that is.
    takes_turns = True
    # Whether it gets the body as it was sent, and of a large one the rest when it is there: then none is too large.
    takes_body_as_it_comes = False
    # Who may ask without a credential, where the gateway wants one: "bearers" (nobody), "machine" (programs on this
    # machine) or "all". "service": it looks at credentials of its own, whatever they are.
    open_to = "bearers"
    # True once nothing that this handler says can reach the client as its reply.
    _is_over = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        refuse_impossible(cls)

    def __init__(self, application: tornado.web.Application, request: ServerRequest, responder: Responder) -> None:
        super().__init__(application, request)
        self.responder = responder
        self.exchange = request.exchange

    @classmethod
    def read_conversation(cls, body: bytes, config: Config, states: ServiceStates) -> Conversation | None:
        """What was said to a model in the body of a request, for rules to look at; None: nothing was. Never raises."""
        return None

    @property
    def config(self) -> Config:
        """The simulator's current configuration."""
        return self.responder.config

    def respond(self, reply: Reply) -> None:
        """Send the reply, once per request. A client that has left gets none."""
        if self.is_finished:
            raise RuntimeError("the request has its reply already")
        if not self._is_over:
            if self.is_flushed:
                raise RuntimeError("respond() after flush()")
            connection = cast(ReplyConnection, self.request.connection)
            self.responder.respond(self.exchange, connection, reply)
        self.is_finished = self._is_over = True
        self.on_finish()

    def send_written(self, status: int, reason: str, headers: httputil.HTTPHeaders, body: bytes) -> None:
        if "close" in headers.get("Connection", "").lower():
            cast(ReplyConnection, self.request.connection).keep_alive = False
        kept = tuple(field for field in headers.get_all() if field[0] not in _FRAMING)
        if reason == responses.get(status):
            reason = ""
        self.respond(Reply(status, kept, body, source=self.source, reason=reason))

    def flush(self, include_footers: bool = False) -> Future[None]:
        exchange = self.exchange
        if not self.is_flushed and not self._is_over:
            self._refuse_knobs()
            self.responder.ledger.replied(exchange, self.get_status(), self.source)
            self.responder.ledger.head_sent(exchange)
            self.set_header("X-Request-Id", exchange.id)
            if self.source is not None:
                self.set_header("X-OAGW-Error-Source", self.source)
            for name, value in (*exchange.page_headers, *exchange.echoed):
                self.set_header(name, value)
        if self.request.method != "HEAD":
            self.responder.ledger.sent(exchange, 0, self.unsent_size, 0.0, 0.0)
        return super().flush(include_footers)

    def _refuse_knobs(self) -> None:
        """A handler that flushes sends by itself: no fault and no gate gets hold of what it sends.

        A fault that stands for replies of all kinds is passed over.
        """
        knobs = self.exchange.knobs
        for name in ("fault", "gate"):
            if knobs is not None and getattr(knobs, name) and (name == "gate" or knobs.own_fault):
                raise InapplicableKnob(name, "this service sends its reply by itself, piece by piece")

    def flushed_all(self) -> None:
        self._close_exchange("complete")

    def send_error(self, status_code: int = 500, **kwargs: Any) -> None:
        error = kwargs.get("exc_info", (None, None))[1]
        if isinstance(error, InapplicableKnob) and not self.is_flushed:
            from oagw_tornado.gateway.refusal import bad_knob

            self.exchange.knobs = None  # a refusal is sent as it is
            self.respond(bad_knob(str(error)))
        else:
            super().send_error(status_code, **kwargs)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """An error as the service words it: an HTTPError's message, else its reason, else the status in words."""
        error = kwargs.get("exc_info", (None, None))[1]
        text = (error.get_message() or error.reason) if isinstance(error, tornado.web.HTTPError) else None
        if text is None:
            text = "Internal server error" if status_code == 500 else responses.get(status_code, "Unknown")
        reply = json_reply({"error": text})
        if self.source == "upstream":
            errors = self.responder.errors_of(self.exchange)
            reply = errors.reply(errors.form.usual(status_code)._replace(message=text))
        for name, value in reply.headers:
            self.set_header(name, value)
        self.finish(reply.body)

    def log_exception(
        self, typ: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Log an unexpected exception. An HTTPError is a reply, and the access log has those."""
        if not isinstance(value, (tornado.web.HTTPError, InapplicableKnob)):
            request = self.request
            target = self.responder.ledger.disclosure.target(request.uri or "")[:200]
            log.error("%s %s", request.method, target, exc_info=value)

    def client_left(self) -> None:
        if self.exchange.ended is None:
            self._close_exchange("client-left")
            self.on_connection_close()

    def cut(self) -> None:
        self._close_exchange("closed")
        self.request.connection.close()  # type: ignore[union-attr]
        if not self.is_finished:
            self.is_finished = True
            try:
                self.on_finish()
            except Exception:
                self._log_failure()

    def _close_exchange(self, outcome: str) -> None:
        """The exchange of a handler that sends by itself, or never came to reply, is over."""
        self._is_over = True
        if self.exchange.ended is None:
            self.responder.over(self.exchange, outcome)

    def detach(self) -> IOStream:
        raise RuntimeError("detach() is not possible: the connection serves other requests too")


def refuse_impossible(cls: type[ExchangeHandler]) -> None:
    """Raise TypeError if `cls` uses a feature of Tornado that cannot work in this gateway."""
    for base in cls.__mro__:
        if base.__module__.partition(".")[0] == "tornado" and base is not tornado.web.RequestHandler:
            raise TypeError(f"{cls.__qualname__}: {base.__name__} of tornado is not supported by this gateway")
    own = vars(cls)
    for name, instead in _IMPOSSIBLE.items():
        if name in own:
            raise TypeError(f"{cls.__qualname__}.{name} is not supported: {instead}")
    for name, value in own.items():
        if isinstance(value, FunctionType) and "detach" in value.__code__.co_names and _detaches(value):
            raise TypeError(f"{cls.__qualname__}.{name}: self.detach() is not supported")
    if "initialize" in own:
        try:
            inspect.signature(own["initialize"]).bind(None)
        except TypeError as error:
            raise TypeError(f"{cls.__qualname__}.initialize is called without arguments: {error}") from None


def _detaches(function: FunctionType) -> bool:
    from dis import get_instructions

    previous = None
    for instruction in get_instructions(function):
        if instruction.argval == "detach" and previous == "self":
            return True
        previous = instruction.argval
    return False
