"""One request on its way in: routed by its head, held to the limits, and passed to its handler once complete."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from io import BytesIO
from time import monotonic, time
from typing import TYPE_CHECKING

from tornado import httputil

from oagw_tornado.evidence.exchange import Exchange
from oagw_tornado.evidence.journal import is_control
from oagw_tornado.gateway.bearer import take_token
from oagw_tornado.gateway.intake import Intake
from oagw_tornado.gateway.refusal import bad_request, body_too_large, queue_full, unknown_coding
from oagw_tornado.gateway.request import ServerRequest
from oagw_tornado.gateway.request_head import RequestHead, request_head
from oagw_tornado.gateway.router import RefusalHandler, Route, refused
from oagw_tornado.knobs.vocabulary import Knobs
from oagw_tornado.playback.waiting import QueueDecision
from oagw_tornado.wire.connection import ReplyConnection

if TYPE_CHECKING:
    from oagw_tornado.gateway.body_stream import BodyStream
    from oagw_tornado.gateway.content_coding import Decoding

#: Bytes of a body from which on the rule for a request is looked for in turns, and seconds of each.
LONG = 64 * 2**10
SHARE = 0.002

#: Bytes of a body that comes in pieces which rules get to see; a handler that takes it as it comes gets the rest then.
LOOKED_AT = 2**20


class Admission(httputil.HTTPMessageDelegate):
    """The delegate of one request."""

    # The body: nothing, the one piece that most come in, or what grows where it stands.
    _first = b""
    _more: BytesIO | None = None
    _size = 0
    # What comes of it once its handler has begun to take it.
    _rest: BodyStream | None = None
    # As it was sent, where it is decoded for the rules alone.
    _sent_body: bytes | None = None

    def __init__(self, gateway: Intake, connection: ReplyConnection) -> None:
        self._gateway = gateway
        self._connection = connection

    def headers_received(
        self,
        start_line: httputil.RequestStartLine | httputil.ResponseStartLine,
        headers: httputil.HTTPHeaders,
    ) -> None:
        assert isinstance(start_line, httputil.RequestStartLine)
        gateway = self._gateway
        self._start_line = start_line
        self._headers = headers
        self._head = head = request_head(start_line, headers)
        if gateway.token_in_query and head.query:
            self._head = head = self._take_token(head)
        self.exchange = exchange = Exchange(
            head.id or gateway.next_id(), start_line.method, head.target, head.path, headers
        )
        exchange.client = self._connection.client
        exchange.connection = self._connection.number
        exchange.wall = time()
        exchange.admitted = monotonic()
        exchange.echoed = head.echoed
        self._route = route = refused(bad_request(head.fault)) if head.fault else self._find_route(start_line.method)
        exchange.alias = route.alias
        gateway.opened(exchange)
        if route.handler is RefusalHandler:
            # It stands, whatever the body says.
            self._refuse(route)
        elif head.length > gateway.max_body_size and not self._comes_in_pieces:
            self._refuse_body()

    @property
    def _comes_in_pieces(self) -> bool:
        """Whether its handler gets the body as it comes; one that a recording may answer is looked for by all of it."""
        route = self._route
        return route.handler.takes_body_as_it_comes and route.alias not in self._gateway.responder.replayed

    def _find_route(self, method: str) -> Route:
        gateway, headers, path = self._gateway, self._headers, self._head.path
        if gateway.cors is not None and not is_control(path):
            self.exchange.page_headers = gateway.cors.fields(headers.get("Origin"))
            if method == "OPTIONS":
                reply = gateway.cors.preflight(headers)
                if reply is not None:
                    return refused(reply)
        return gateway.router.route(method, path, headers, self._connection)

    def _take_token(self, head: RequestHead) -> RequestHead:
        """Have a token in the query stand in the header, and nowhere else; returns the head as it may be shown."""
        token, query, masked = take_token(head.query)
        if token is None:
            return head
        path = head.path
        self._start_line = self._start_line._replace(path=f"{path}?{query}" if query else path)
        if "Authorization" not in self._headers and not is_control(path):
            self._headers["Authorization"] = f"Bearer {token}"
        return head._replace(target=f"{path}?{masked}", query=query)

    def data_received(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._rest is not None:
            self._rest.feed(chunk)
        elif self._size > self._gateway.max_body_size and not self._comes_in_pieces:
            self._refuse_body()
        elif self._size == len(chunk):
            self._first = chunk
        else:
            if self._more is None:
                self._more = BytesIO()
                self._more.write(self._first)
                self._first = b""
            self._more.write(chunk)
            if self._size > LOOKED_AT and self._comes_in_pieces:
                self._begin_with(self._take_body())

    def _take_body(self) -> bytes:
        # `getvalue` returns the buffer itself, not a copy.
        body, self._first = self._first if self._more is None else self._more.getvalue(), b""
        self._more = None
        return body

    def _begin_with(self, body: bytes) -> None:
        """Admit a request whose body is not whole yet."""
        from oagw_tornado.gateway.body_stream import BodyStream

        self.exchange.admitted = monotonic()
        self._rest = BodyStream(self._connection)
        self._admit(body)

    def finish(self) -> None:
        exchange = self.exchange
        if self._rest is not None:
            exchange.body_size = self._size
            self._rest.finish()
            return
        exchange.admitted = admitted = self._connection.asked_at
        if exchange.alias:
            exchange.waited = waited = max(admitted - self._connection.readable_since, 0.0)
            self._gateway.count_wait(waited)
        body = self._take_body()
        if body and self._head.coding:
            self._decode(body, self._head.coding)
        else:
            self._admit(body)

    def _decode(self, body: bytes, coding: str) -> None:
        """Admit the request when its body is decoded, or refuse it."""
        from oagw_tornado.gateway import content_coding

        if self._route.handler.takes_body_as_it_comes:
            self._sent_body = body
        if coding not in content_coding.codings() and self._sent_body is not None:
            self._admit(body)
        elif coding not in content_coding.codings():
            self._route = refused(unknown_coding(coding, content_coding.accepted()))
            self._admit(body)
        else:
            pieces = content_coding.decoded(body, coding)
            decoding = content_coding.Decoding(pieces, self._gateway.max_body_size, self._decoded, self._not_decoded)
            self._connection.set_close_callback(lambda: self._left_while_decoding(decoding))
            decoding.run()

    def _decoded(self, body: bytes) -> None:
        self._connection.set_close_callback(None)
        self._admit(body)

    def _not_decoded(self, error: Exception | None) -> None:
        if self._sent_body is not None:
            # Its receiver decides whether it is one.
            self._decoded(self._sent_body)
            return
        reply = body_too_large(self._gateway.max_body_size) if error is None else bad_request(f"Bad request: {error}")
        self._route = refused(reply)
        self._decoded(b"")

    def _left_while_decoding(self, decoding: Decoding) -> None:
        decoding.stop()
        self._gateway.abandoned(self.exchange)

    def _admit(self, body: bytes, request: ServerRequest | None = None) -> None:
        """Admit a request with this body; as `request`, if its rule was looked for already."""
        if request is None:
            request = self._new_request(body)
            if len(body) > LONG:
                _Deciding(self, request, self._gateway.decide(request, self._route)).go_on()
                return
        self._admitted(request, self._gateway.admit(request, self._route))

    def _new_request(self, body: bytes) -> ServerRequest:
        exchange = self.exchange
        if body:
            exchange.body_size = len(body)
            self._gateway.keep_body(exchange, body)
        request = ServerRequest(self._connection, exchange, self._start_line, self._headers, self._head, body)
        if self._route.handler.takes_body_as_it_comes:
            request.sent_path, request.sent_body, request.rest = self._route.sent_path, self._sent_body, self._rest
        return request

    def _admitted(self, request: ServerRequest, route: Route) -> None:
        """It is known who answers, and on what terms."""
        knobs = self.exchange.knobs
        if knobs is not None and knobs.max_num_seqs is not None and route.handler.takes_turns:
            self._take_turn(route, request, knobs)
        else:
            self._answer(route, request)

    def on_connection_close(self) -> None:
        """The client left before its request was whole."""
        if self._rest is not None:
            self._rest.fail()
        self._gateway.abandoned(self.exchange)

    def _refuse_body(self) -> None:
        """The body is too large: the rest of it is nobody's business."""
        self._connection.keep_alive = False
        self._refuse(refused(body_too_large(self._gateway.max_body_size)))

    def _refuse(self, route: Route) -> None:
        """Answer now, without the body."""
        self._first, self._more = b"", None
        self._connection.forgo_body()
        request = ServerRequest(self._connection, self.exchange, self._start_line, self._headers, self._head, b"")
        self._answer(route, request)

    def _take_turn(self, route: Route, request: ServerRequest, knobs: Knobs) -> None:
        """Answer when it is this request's turn, or turn it away."""
        exchange, queues = self.exchange, self._gateway.responder.queues
        waiting = _Waiting(self, route, request)
        turn = queues.enter(exchange, waiting)
        if turn is QueueDecision.LATER:
            self._connection.set_close_callback(waiting.client_left)
            return
        if turn is QueueDecision.NEVER:
            exchange.knobs = None
            route = refused(queue_full(knobs, self._gateway.responder.errors_of(exchange)))
        self._answer(route, request)

    def _answer(self, route: Route, request: ServerRequest) -> None:
        gateway = self._gateway
        route.handler(gateway.application, request, gateway.responder).run(*route.arguments)


class _Deciding:
    """A whole request for which the rule is looked for, a share in each turn of the loop."""

    __slots__ = ("_admission", "_request", "_steps")

    def __init__(self, admission: Admission, request: ServerRequest, steps: Iterator[None]) -> None:
        self._admission = admission
        self._request = request
        self._steps: Iterator[None] | None = steps

    def go_on(self) -> None:
        if self._steps is None:
            return
        admission = self._admission
        end = monotonic() + SHARE
        for _ in self._steps:
            if monotonic() >= end:
                admission._connection.set_close_callback(self.client_left)
                asyncio.get_running_loop().call_soon(self.go_on)
                return
        admission._connection.set_close_callback(None)
        admission._admit(self._request.body, self._request)

    def client_left(self) -> None:
        self._steps = None
        self._admission._gateway.abandoned(self._admission.exchange)


class _Waiting:
    """A whole request that waits for its turn."""

    __slots__ = ("_admission", "_route", "_request")

    def __init__(self, admission: Admission, route: Route, request: ServerRequest) -> None:
        self._admission = admission
        self._route = route
        self._request = request

    def start(self) -> None:
        self._admission._connection.set_close_callback(None)
        self._admission._answer(self._route, self._request)

    def client_left(self) -> None:
        exchange, responder = self._admission.exchange, self._admission._gateway.responder
        responder.queues.leave(exchange)
        responder.over(exchange, "client-left")

    def cut_off(self) -> None:
        connection = self._admission._connection
        connection.set_close_callback(None)
        connection.close()
        self._admission._gateway.responder.over(self._admission.exchange, "drained")
