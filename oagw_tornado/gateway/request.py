"""The request as handlers see it: Tornado's `HTTPServerRequest`, whose costly parts are made on first use."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

from tornado import httputil

from oagw_tornado.evidence.exchange import Exchange
from oagw_tornado.gateway.lazy_tornado import LazyRequest
from oagw_tornado.gateway.request_head import RequestHead
from oagw_tornado.wire.connection import ReplyConnection

if TYPE_CHECKING:
    from oagw_tornado.gateway.body_stream import BodyStream
    from oagw_tornado.knobs.rules import Applied
    from oagw_tornado.reply.conversation import Conversation


class ServerRequest(LazyRequest):
    """One request, its body complete. Attributes as of `tornado.httputil.HTTPServerRequest`.

    `query` is what the service is to see: knobs are no part of it.
    """

    def __init__(
        self,
        connection: ReplyConnection,
        exchange: Exchange,
        start_line: httputil.RequestStartLine,
        headers: httputil.HTTPHeaders,
        head: RequestHead,
        body: bytes,
    ) -> None:
        self.method, self.uri, self.version = start_line
        self.headers = headers
        self.body = body
        self.connection = connection
        self.path = exchange.path
        self.query = head.query
        self.head = head
        self.exchange = exchange

    #: Of a handler that takes the body as it comes: the path behind the alias as it was sent, the body as it was sent
    #: where `body` is decoded, and what is still to come behind it.
    sent_path = ""
    sent_body: bytes | None = None
    rest: BodyStream | None = None
    #: What was said, once somebody has read the body so; None: nobody has, or it is no conversation.
    conversation: Conversation | None = None
    #: Reads the body as a conversation, in whatever dialect it is; never raises. None: it was read.
    read_conversation: Callable[[], Conversation | None] | None = None

    #: What those who share the state were asked about it, and have answered.
    answers: dict[Hashable, Any] | None = None
    #: The rule that applies, if it was looked for before.
    applied: Applied | None = None

    def converse(self) -> Conversation | None:
        """The request as a conversation, read once; None if it is not one."""
        if self.read_conversation is not None:
            self.conversation = self.read_conversation()
            self.read_conversation = None
        return self.conversation
