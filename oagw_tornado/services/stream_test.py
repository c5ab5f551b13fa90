"""Streams to test a client's parser with: four events that are always the same."""

from __future__ import annotations

from oagw_tornado.reply import EVENT_STREAM, JSON, Reply, json_reply
from oagw_tornado.schedule import Frame
from oagw_tornado.services.handler import ServiceHandler
from oagw_tornado.sse import encode

INVALID_ENDPOINT = json_reply({"error": "Invalid endpoint"}).body

EVENTS = (
    Frame(encode("First event", id="1", event="message")),
    Frame(encode("Second event", id="2", event="update")),
    Frame(encode("Third event with\nmultiple lines", id="3", event="message")),
    Frame(encode("Final event", id="4", event="complete")),
)


class Events(ServiceHandler):
    """Any path that contains ``events``."""

    def serve(self, *path_args: str) -> None:
        self.respond(Reply(headers=EVENT_STREAM, frames=EVENTS, pace="event-interval"))


class NotFound(ServiceHandler):
    """Any other path."""

    def serve(self, *path_args: str) -> None:
        self.respond(Reply(404, JSON, INVALID_ENDPOINT))
