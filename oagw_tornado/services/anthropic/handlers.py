"""The endpoints of the Anthropic API, one handler each.

What makes the replies is imported with the first request that needs it: a simulator starts without it.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING

from oagw_tornado.reply.reply import Reply, json_reply
from oagw_tornado.services.anthropic.errors import InvalidRequest
from oagw_tornado.services.asking_handler import AskingHandler
from oagw_tornado.services.context import Context

if TYPE_CHECKING:
    from oagw_tornado.config.config import Config
    from oagw_tornado.gateway.service_states import ServiceStates
    from oagw_tornado.reply.conversation import Conversation

MODELS = ("claude-sonnet-5-5", "claude-haiku-5-5")


def anthropic_models(configured: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the configured models that are this service's; its usual ones, if none is."""
    return tuple(name for name in configured if name.startswith("claude")) or MODELS


class ApiHandler(AskingHandler):
    """What the endpoints share: override `reply`, which may raise InvalidRequest."""

    def reply(self, *path_args: str) -> Reply:
        """The reply to this request."""
        raise NotImplementedError

    def serve(self, *path_args: str) -> Awaitable[None] | None:
        return self.reply_with(*path_args)

    def make(self, *path_args: str) -> Reply:
        try:
            return self.reply(*path_args)
        except InvalidRequest as error:
            return error.reply(self.request_id)

    def send(self, reply: Reply) -> None:
        reply.headers = (*reply.headers, ("request-id", self.request_id))
        self.respond(reply)

    @property
    def request_id(self) -> str:
        """The id of this request, as the API tells it."""
        return f"req_{self.exchange.id}"


class Messages(ApiHandler):
    """``v1/messages``"""

    @classmethod
    def read_conversation(cls, body: bytes, config: Config, states: ServiceStates) -> Conversation | None:
        from oagw_tornado.services.anthropic.dialect import ANTHROPIC

        try:
            return ANTHROPIC.read(body, Context("", 0, True))
        except InvalidRequest:
            return None

    def reply(self, *path_args: str) -> Reply:
        from oagw_tornado.services.anthropic.dialect import ANTHROPIC
        from oagw_tornado.services.asking import asked_of
        from oagw_tornado.services.dialect import reply_to

        exchange = self.exchange
        knobs = exchange.knobs
        assert knobs is not None  # resolved before a service is asked
        context = Context(
            exchange.id,
            0,
            True,
            knobs.output_tokens,
            knobs.tokens_per_event,
            filler=knobs.filler,
            max_model_len=knobs.max_model_len,
            is_strict=self.config.strict_requests is not False,
        )
        return reply_to(ANTHROPIC, asked_of(self, context))


class CountTokens(ApiHandler):
    """``v1/messages/count_tokens``"""

    takes_turns = False

    def reply(self, *path_args: str) -> Reply:
        from oagw_tornado.services.anthropic.dialect import count_reply

        return count_reply(self.request.body, is_strict=self.config.strict_requests is not False)


def _model(id: str) -> dict[str, str]:
    name = id.replace("-", " ").title()
    return {"type": "model", "id": id, "display_name": name, "created_at": "2025-10-01T00:00:00Z"}


class Models(ApiHandler):
    """``v1/models``"""

    takes_turns = False

    def reply(self, *path_args: str) -> Reply:
        models = anthropic_models(self.config.models)
        data = [_model(id) for id in models]
        return json_reply({"data": data, "has_more": False, "first_id": models[0], "last_id": models[-1]})


class Model(ApiHandler):
    """``v1/models/<id>``"""

    takes_turns = False

    def reply(self, *path_args: str) -> Reply:
        if path_args[0] not in anthropic_models(self.config.models):
            raise InvalidRequest(f"model: {path_args[0]}", 404)
        return json_reply(_model(path_args[0]))


class UnknownUrl(ApiHandler):
    """Any other path."""

    takes_turns = False

    def reply(self, *path_args: str) -> Reply:
        raise InvalidRequest("Not found", 404)
