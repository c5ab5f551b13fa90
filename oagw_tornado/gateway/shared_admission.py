"""Admission with a shared state: a request that a shared count decides about waits for the store's decision."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Hashable
from time import monotonic
from typing import Any

from oagw_tornado.gateway.admission import LONG, SHARE, Admission
from oagw_tornado.gateway.gateway import Gateway
from oagw_tornado.gateway.refusal import state_away
from oagw_tornado.gateway.request import ServerRequest
from oagw_tornado.gateway.router import Route, refused
from oagw_tornado.state.membership import Membership
from oagw_tornado.state.redis_store import RedisStore
from oagw_tornado.state.store import MOST_TRIES, StateAway, Undecided, decided
from oagw_tornado.wire.connection import ReplyConnection

log = logging.getLogger(__name__)


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

    def _admit(self, body: bytes, request: ServerRequest | None = None) -> None:
        exchange, gateway, route = self.exchange, self._gateway, self._route
        request = self._new_request(body)
        if not (route.alias or route.handler.heeds_rules or route.unproven):
            self._admitted(request, route)
            return
        undecided: Undecided | None = None
        is_current = gateway.membership.is_current(exchange.admitted)
        if is_current and len(body) <= LONG and route.unproven is None:
            try:
                self._admitted(request, gateway.admit(request, route))
                return
            except Undecided as error:
                undecided = error
        deciding = self._ask(request, route, is_current, undecided)
        task = asyncio.ensure_future(deciding)
        gateway.membership.hold(task)
        self._connection.set_close_callback(lambda: self._left(task))

    def _left(self, task: asyncio.Task[None]) -> None:
        task.cancel()
        self._gateway.responder.over(self.exchange, "client-left")

    async def _ask(self, request: ServerRequest, route: Route, is_current: bool, undecided: Undecided | None) -> None:
        try:
            found = await self._refused(route) or await self._answered(request, route, is_current, undecided)
        except StateAway as away:
            self.exchange.knobs = None
            found = refused(state_away(str(away)))
        except Exception:
            log.exception("a request could not be decided")
            self.exchange.knobs = None
            found = refused(state_away("a decision failed"))
        self._connection.set_close_callback(None)
        self._admitted(request, found)

    async def _refused(self, route: Route) -> Route | None:
        """The way to a refusal, if nobody has issued the token that was shown, or it is stale. Raises StateAway."""
        unproven = route.unproven
        if unproven is None:
            return None
        issued = self._gateway.responder.issued_tokens
        refusal = await decided(self._gateway.store, lambda: issued.refusal(*unproven))
        if refusal is None:
            return None
        self.exchange.alias = ""
        return refused(refusal)

    async def _answered(
        self, request: ServerRequest, route: Route, is_current: bool, undecided: Undecided | None
    ) -> Route:
        """Decide, asking the store whenever an answer lacks. Raises StateAway."""
        gateway, answers = self._gateway, dict[Hashable, Any]()
        if not is_current:
            await gateway.membership.caught_up()
        # Deciding takes the knobs out of the query: each time begins with the request as it came.
        query, uri = request.query, request.uri
        request.answers = answers
        for _ in range(MOST_TRIES):
            if undecided is not None:
                answers[undecided.question] = await undecided.ask()
                if answers[undecided.question] is None:  # the state was reset meanwhile
                    answers.clear()
                    request.applied = None
                    await gateway.membership.caught_up()
            request.query, request.uri = query, uri
            try:
                if len(request.body) > LONG and request.applied is None:
                    await self._choose(request, route, answers)
                with gateway.store.answering(answers):
                    return gateway.admit(request, route)
            except Undecided as another:
                undecided = another
        raise StateAway("what decides about this request was changed again and again")

    async def _choose(self, request: ServerRequest, route: Route, answers: dict[Hashable, Any]) -> None:
        """Find the rule for a request with a long body, a share in each turn of the loop. Raises Undecided."""
        steps = self._gateway.decide(request, route)
        while True:
            end = monotonic() + SHARE
            with self._gateway.store.answering(answers):
                if not any(monotonic() >= end for _ in steps):
                    return
            await asyncio.sleep(0)
