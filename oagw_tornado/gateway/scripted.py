"""Replies of rules in place of a service, and the answer where no rule replies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oagw_tornado.gateway.handler import ExchangeHandler
from oagw_tornado.gateway.refusal import refusal
from oagw_tornado.reply.reply import Reply

if TYPE_CHECKING:
    from oagw_tornado.gateway.request import ServerRequest
    from oagw_tornado.gateway.router import Route
    from oagw_tornado.knobs.rule_index import NearMiss
    from oagw_tornado.reply.answer import Answer
    from oagw_tornado.reply.parts import Script

NO_RULE = "no rule answers this request"


class AnswerHandler(ExchangeHandler):
    """Replies with the answer that is its argument, whatever the method."""

    source = "upstream"

    def run(self, *path_args: Any) -> None:
        self.respond(path_args[0].reply())


def no_rule(nearest: tuple[NearMiss, ...]) -> Reply:
    """The refusal of a request that no rule answers, under ``--strict``; it names the rule that came nearest."""
    hint = f"The nearest is {nearest[0]}" if nearest else "There is no rule that looks at this upstream and path"
    return refusal(503, NO_RULE, hint=hint, nearest=[miss.as_json() for miss in nearest])


def scripted(route: Route, request: ServerRequest, reply: Script | Answer) -> Route:
    """Who gives a rule's reply: the service in its dialect, or the rule alone where the service is not a model's."""
    from oagw_tornado.reply.answer import Answer, text_answer

    if isinstance(reply, Answer):
        return route._replace(handler=AnswerHandler, arguments=(reply,))
    if request.converse() is None:
        text = "".join(part.tokens.text() for part in reply.parts)
        return route._replace(handler=AnswerHandler, arguments=(text_answer(text),))
    return route
