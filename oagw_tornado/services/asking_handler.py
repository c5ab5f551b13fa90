"""A handler whose reply may depend on what those know who share the state."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from oagw_tornado.gateway.given_out import StateAway, Undecided
from oagw_tornado.reply.reply import Reply
from oagw_tornado.services.handler import ServiceHandler


class AskingHandler(ServiceHandler):
    """Override `make`, which is called again with every answer that it asks for, and `send`."""

    # What to wait for before the reply may leave; None: nothing.
    waiting: Awaitable[None] | None = None

    def make(self, *arguments: Any) -> Reply:
        """The reply. Raises Undecided."""
        raise NotImplementedError

    def send(self, reply: Reply) -> None:
        """Respond with what was made."""
        raise NotImplementedError

    def reply_with(self, *arguments: Any) -> Awaitable[None] | None:
        """Make the reply and send it, at once unless something is to be waited for."""
        try:
            reply = self._made(arguments)
        except Undecided as undecided:
            return self._ask(undecided, arguments)
        if self.waiting is not None:
            return self._keep(reply)
        self.send(reply)
        return None

    def _made(self, arguments: tuple[Any, ...]) -> Reply:
        answers, store = self.request.answers, self.responder.states.store
        if not answers or store is None:
            return self.make(*arguments)
        with store.answering(answers):
            return self.make(*arguments)

    async def _ask(self, undecided: Undecided, arguments: tuple[Any, ...]) -> None:
        answers = self.request.answers = self.request.answers or {}
        try:
            while True:
                answers[undecided.question] = await undecided.ask()
                try:
                    reply = self._made(arguments)
                    break
                except Undecided as another:
                    undecided = another
        except StateAway as away:
            self.say_away(away)
            return
        await self._keep(reply)

    async def _keep(self, reply: Reply) -> None:
        if self.waiting is not None:
            await self.waiting
        self.send(reply)
