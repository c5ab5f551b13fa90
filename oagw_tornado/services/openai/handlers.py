"""The endpoints of the OpenAI API, one handler each."""

from __future__ import annotations

import time

from oagw_tornado.reply import JSON, Reply
from oagw_tornado.services.handler import ServiceHandler
from oagw_tornado.services.openai import chat
from oagw_tornado.services.openai.errors import InvalidRequest, unknown_url
from oagw_tornado.services.openai.models import MODEL_LIST


class ChatCompletions(ServiceHandler):
    """``v1/chat/completions``"""

    def serve(self, *path_args: str) -> None:
        try:
            request = chat.read_request(self.request.body)
        except InvalidRequest as error:
            self.respond(error.reply())
            return
        make = chat.stream if request.stream else chat.complete
        self.respond(make(request, f"chatcmpl-{self.exchange.id}", int(time.time())))


class Models(ServiceHandler):
    """``v1/models``"""

    def serve(self, *path_args: str) -> None:
        self.respond(Reply(200, JSON, MODEL_LIST))


class UnknownUrl(ServiceHandler):
    """Any other path."""

    def serve(self, *path_args: str) -> None:
        self.respond(unknown_url(self.request.method or "GET", *path_args))
