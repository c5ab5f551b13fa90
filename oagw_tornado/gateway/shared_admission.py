"""Admission where others share the state: a request that something shared decides about waits for the store's word."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Hashable
from typing import Any

from oagw_tornado.gateway.admission import Admission
from oagw_tornado.gateway.gateway import Gateway
from oagw_tornado.gateway.refusal import state_away
from oagw_tornado.gateway.request import Request
from oagw_tornado.gateway.router import Route, refused
from oagw_tornado.state.membership import Membership
from oagw_tornado.state.redis_store import RedisStore
from oagw_tornado.state.store import StateAway, Undecided
from oagw_tornado.wire.connection import ReplyConnection

log = logging.getLogger(__name__)

#: How often a decision is begun anew because what it rested on was changed meanwhile.
_MOST_TRIES = 20


class SharedGateway(Gateway):
    """A gateway that decides with others."""

    store: RedisStore
    membership: Membership

    def share(self, store: RedisStore, membership: Membership) -> None:
        self.store, self.membership = store, membership

    def start_request(self, server_conn: object, request_conn: Any) -> SharedAdmission:
        assert isinstance(request_conn, ReplyConnection)
        return SharedAdmission(self, request_conn)


class SharedAdmission(Admission):
    """The delegate of one request, which may have to wait."""

    _gateway: SharedGateway

    def _admit(self, body: bytes, request: Request | None = None) -> None:
        exchange, gateway, route = self.exchange, self._gateway, self._route
        request = self._new_request(body)
        if not (route.alias or route.handler.heeds_rules):
            self._admitted(request, route)
            return
        if gateway.membership.is_current(exchange.admitted):
            try:
                self._admitted(request, gateway.admit(request, route))
                return
            except Undecided as undecided:
                deciding = self._ask(request, route, undecided)
        else:
            deciding = self._ask(request, route, None)
        task = asyncio.ensure_future(deciding)
        gateway.membership.hold(task)
        self._connection.set_close_callback(lambda: self._left(task))

    def _left(self, task: asyncio.Task[None]) -> None:
        task.cancel()
        self._gateway.responder.over(self.exchange, "client-left")

    async def _ask(self, request: Request, route: Route, undecided: Undecided | None) -> None:
        try:
            decided = await self._answered(request, route, undecided)
        except StateAway as away:
            self.exchange.knobs = None
            decided = refused(state_away(str(away)))
        except Exception:
            log.exception("a request could not be decided")
            self.exchange.knobs = None
            decided = refused(state_away("a decision failed"))
        self._connection.set_close_callback(None)
        self._admitted(request, decided)

    async def _answered(self, request: Request, route: Route, undecided: Undecided | None) -> Route:
        """Decide, asking the store whenever an answer lacks. Raises StateAway."""
        gateway, answers = self._gateway, dict[Hashable, Any]()
        # Deciding takes the knobs out of the query: each time begins with the request as it came.
        query, uri = request.query, request.uri
        for _ in range(_MOST_TRIES):
            if undecided is None:
                await gateway.membership.caught_up()
            else:
                answers[undecided.question] = await undecided.ask()
                if answers[undecided.question] is None:  # the state was reset meanwhile
                    answers.clear()
                    await gateway.membership.caught_up()
            request.query, request.uri = query, uri
            try:
                with gateway.store.answering(answers):
                    return gateway.admit(request, route)
            except Undecided as another:
                undecided = another
        raise StateAway("what decides about this request was changed again and again")
