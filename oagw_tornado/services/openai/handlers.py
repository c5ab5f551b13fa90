"""The endpoints of the OpenAI API, one handler each.

What makes the replies is imported with the first request that needs it: a simulator starts without it.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable
from typing import TYPE_CHECKING

from oagw_tornado.reply.reply import Reply
from oagw_tornado.services.asking_handler import AskingHandler
from oagw_tornado.services.openai.context import Context, with_api_headers
from oagw_tornado.services.openai.errors import InvalidRequest, unknown_url

if TYPE_CHECKING:
    from oagw_tornado.config.config import Config
    from oagw_tornado.gateway.service_states import ServiceStates
    from oagw_tornado.reply.conversation import Conversation
    from oagw_tornado.services.dialect import Asked


class ApiHandler(AskingHandler):
    """What the endpoints share: override `reply`, which may raise InvalidRequest."""

    def reply(self, context: Context, *path_args: str) -> Reply:
        """The reply to this request."""
        raise NotImplementedError

    def serve(self, *path_args: str) -> Awaitable[None] | None:
        exchange = self.exchange
        knobs = exchange.knobs
        assert knobs is not None  # resolved before a service is asked
        script = knobs.reply
        is_exact = self.config.openai_profile == "openai"
        strict = self.config.strict_requests
        context = Context(
            exchange.id,
            int(time.time()),
            is_exact,
            knobs.output_tokens,
            knobs.tokens_per_event,
            self.config.reasoning_field,
            script is not None,
            filler=knobs.filler,
            max_model_len=knobs.max_model_len,
            is_strict=is_exact if strict is None else strict,
        )
        return self.reply_with(context, *path_args)

    def make(self, context: Context, *path_args: str) -> Reply:
        try:
            return self.reply(context, *path_args)
        except InvalidRequest as error:
            return error.reply()

    def send(self, reply: Reply) -> None:
        knobs = self.exchange.knobs
        assert knobs is not None
        latency = knobs.latency if reply.frames is None else knobs.header_delay
        reply.headers = with_api_headers(reply.headers, round(latency.typical * 1000))
        self.respond(reply)


class ConversationHandler(ApiHandler):
    """An endpoint of a model: override `read` and `answer`, which may raise InvalidRequest."""

    @classmethod
    def read(cls, body: bytes, context: Context, states: ServiceStates) -> Conversation:
        """The conversation in the body of a request."""
        raise NotImplementedError

    def answer(self, asked: Asked) -> Reply:
        """The reply to what is asked."""
        raise NotImplementedError

    @classmethod
    def read_conversation(cls, body: bytes, config: Config, states: ServiceStates) -> Conversation | None:
        try:
            return cls.read(body, Context("", 0, config.openai_profile == "openai"), states)
        except InvalidRequest:
            return None

    def reply(self, context: Context, *path_args: str) -> Reply:
        from oagw_tornado.services.asking import asked_of

        return self.answer(asked_of(self, context))


class ChatCompletions(ConversationHandler):
    """``v1/chat/completions``"""

    @classmethod
    def read(cls, body: bytes, context: Context, states: ServiceStates) -> Conversation:
        from oagw_tornado.services.openai.chat.reply import conversation_in

        return conversation_in(body, context.is_exact)

    def answer(self, asked: Asked) -> Reply:
        from oagw_tornado.services.openai.chat.reply import reply_to_chat

        return reply_to_chat(asked)


class Models(ApiHandler):
    """``v1/models``"""

    takes_turns = False

    def reply(self, context: Context, *path_args: str) -> Reply:
        from oagw_tornado.services.openai.models import model_list, openai_models

        return model_list(openai_models(self.config.models), context.max_model_len)


class Model(ApiHandler):
    """``v1/models/<id>``"""

    takes_turns = False

    def reply(self, context: Context, *path_args: str) -> Reply:
        from oagw_tornado.services.openai.models import model_reply, openai_models

        return model_reply(path_args[0], openai_models(self.config.models), context.max_model_len)


class Completions(ConversationHandler):
    """``v1/completions``"""

    @classmethod
    def read(cls, body: bytes, context: Context, states: ServiceStates) -> Conversation:
        from oagw_tornado.services.openai.completions.reading import read

        return read(body, context)

    def answer(self, asked: Asked) -> Reply:
        from oagw_tornado.services.openai.completions.dialect import reply_to_completion

        return reply_to_completion(asked)


class Responses(ConversationHandler):
    """``v1/responses``"""

    @classmethod
    def read(cls, body: bytes, context: Context, states: ServiceStates) -> Conversation:
        from oagw_tornado.services.openai.responses.reading import read
        from oagw_tornado.services.openai.responses.shared import responses_of

        return read(body, context, responses_of(states).recall)

    def answer(self, asked: Asked) -> Reply:
        from oagw_tornado.services.openai.responses.keeping import reply_to_response
        from oagw_tornado.services.openai.responses.shared import responses_of

        responses = responses_of(self.responder.states)
        reply = reply_to_response(asked, responses)
        self.waiting = responses.waiting
        return reply


class Embeddings(ApiHandler):
    """``v1/embeddings``"""

    def reply(self, context: Context, *path_args: str) -> Reply:
        from oagw_tornado.services.openai.embeddings import embedding_reply

        return embedding_reply(self.request.body)


class Moderations(ApiHandler):
    """``v1/moderations``"""

    def reply(self, context: Context, *path_args: str) -> Reply:
        from oagw_tornado.services.openai.moderations import moderation_reply

        return moderation_reply(self.request.body, context)


class UnknownUrl(ApiHandler):
    """Any other path."""

    takes_turns = False

    def reply(self, context: Context, *path_args: str) -> Reply:
        return unknown_url(self.request.method or "GET", *path_args)
