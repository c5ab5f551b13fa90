"""The endpoints of the OpenAI API, one handler each.

What makes the replies is imported with the first request that needs it: a simulator starts without it.
"""

from __future__ import annotations

import time

from oagw_tornado.reply.reply import Reply
from oagw_tornado.services.handler import ServiceHandler
from oagw_tornado.services.openai.context import Context, with_api_headers
from oagw_tornado.services.openai.errors import InvalidRequest, unknown_url


class ApiHandler(ServiceHandler):
    """What the endpoints share: override `reply`, which may raise InvalidRequest."""

    def reply(self, context: Context, *path_args: str) -> Reply:
        """The reply to this request."""
        raise NotImplementedError

    def serve(self, *path_args: str) -> None:
        exchange = self.exchange
        knobs = exchange.knobs
        assert knobs is not None  # resolved before a service is asked
        context = Context(
            exchange.id,
            int(time.time()),
            self.config.openai_profile == "openai",
            knobs.output_tokens,
            knobs.tokens_per_event,
            filler=knobs.filler,
            max_model_len=knobs.max_model_len,
        )
        try:
            reply = self.reply(context, *path_args)
        except InvalidRequest as error:
            reply = error.reply()
        latency = knobs.latency if reply.frames is None else knobs.header_delay
        reply.headers = with_api_headers(reply.headers, round(latency.typical * 1000))
        self.respond(reply)


class ChatCompletions(ApiHandler):
    """``v1/chat/completions``"""

    def reply(self, context: Context, *path_args: str) -> Reply:
        from oagw_tornado.services.openai.chat.reply import chat_reply

        return chat_reply(self.request.body, context)


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


class Completions(ApiHandler):
    """``v1/completions``"""

    def reply(self, context: Context, *path_args: str) -> Reply:
        from oagw_tornado.services.openai.completions.dialect import completion_reply

        return completion_reply(self.request.body, context)


class Responses(ApiHandler):
    """``v1/responses``"""

    def reply(self, context: Context, *path_args: str) -> Reply:
        from oagw_tornado.services.openai.responses.dialect import response_reply

        return response_reply(self.request.body, context)


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
