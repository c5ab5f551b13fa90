"""Passes one request on to a real upstream, and its reply back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

from oagw_tornado.gateway.handler import ExchangeHandler
from oagw_tornado.gateway.router import ON_REQUEST, PROXIED
from oagw_tornado.reply.reply import Reply

if TYPE_CHECKING:
    from oagw_tornado.proxying.destination import Destination
    from oagw_tornado.proxying.passage import PassThrough


class PassedHandler(ExchangeHandler):
    """Any path and method of one real upstream."""

    source = "upstream"
    SUPPORTED_METHODS = PROXIED + ON_REQUEST
    takes_body_as_it_comes = True
    destination: ClassVar[Destination]
    # Who would reply in the service that speaks as the upstream does: it says what a rule has it say.
    simulated: ClassVar[type[ExchangeHandler] | None] = None
    # The reply comes later than the method returns.
    _auto_finish = False
    _passage: PassThrough | None = None

    def get(self, *path_args: str) -> None:
        from oagw_tornado.proxying.passage import PassThrough

        knobs = self.exchange.knobs
        if knobs is not None and knobs.reply is not None and self.simulated is not None:
            self.simulated(self.application, self.request, self.responder).run(*path_args)
            return
        if self._is_answered_here():
            self.respond(Reply())
            return
        self.request.connection.set_close_callback(self.client_left)  # type: ignore[union-attr]
        takes_knobs = self.config.model_name_knobs
        ledger = self.responder.ledger
        passage = PassThrough(self.destination, self.request, self.exchange, ledger, self.answer, takes_knobs)
        self._passage = passage
        task = asyncio.ensure_future(passage.run())
        self.destination.begin(task)
        passage.task = task

    head = post = put = delete = patch = options = get

    def answer(self, reply: Reply) -> None:
        """Give the reply. One of the gateway is sent as it is, whatever the knobs say of the upstream's."""
        if reply.source == "gateway":
            self.exchange.knobs = None
        if not self._is_over:
            self.respond(reply)

    def client_left(self) -> None:
        if self._passage is not None:
            self._passage.stop("client-left")
        super().client_left()

    def _is_answered_here(self) -> bool:
        """Whether a fault makes another reply of whatever the upstream says: then it is not asked."""
        knobs = self.exchange.knobs
        faults: Any = knobs.fault if knobs is not None else None
        return any(fault.type == "status" and (fault.is_worded or (fault.code or 503) >= 400) for fault in faults or ())

    @classmethod
    def allowed_methods(cls) -> list[str]:
        return list(cls.SUPPORTED_METHODS)
