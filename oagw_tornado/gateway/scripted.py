"""What a rule replies in the place of a service, and what is said where no rule replies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oagw_tornado.gateway.handler import ExchangeHandler
from oagw_tornado.gateway.refusal import refusal
from oagw_tornado.reply.reply import Reply

if TYPE_CHECKING:
    from oagw_tornado.knobs.rule_index import Miss

NO_RULE = "no rule answers this request"


class AnswerHandler(ExchangeHandler):
    """Replies with the answer that is its argument, whatever the method."""

    source = "upstream"

    def run(self, *path_args: Any) -> None:
        self.respond(path_args[0].reply())


def no_rule(nearest: tuple[Miss, ...]) -> Reply:
    """The refusal of a request that no rule answers, under ``--strict``; it names the rule that came nearest."""
    hint = f"The nearest is {nearest[0]}" if nearest else "There is no rule that looks at this upstream and path"
    return refusal(503, NO_RULE, hint=hint, nearest=[miss.as_json() for miss in nearest])
