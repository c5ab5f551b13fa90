"""The weather, which is the same everywhere."""

from __future__ import annotations

from oagw_tornado.reply.reply import JSON, Reply, json_reply
from oagw_tornado.services.handler import ServiceHandler

INVALID_ENDPOINT = json_reply({"error": "Invalid endpoint"}).body


def current(city: str) -> Reply:
    """The current weather in `city`."""
    return json_reply(
        {
            "location": city,
            "temperature": 72,
            "unit": "fahrenheit",
            "condition": "sunny",
            "humidity": 45,
            "wind_speed": 8,
        }
    )


class Current(ServiceHandler):
    """Any path that contains ``current``."""

    def serve(self, *path_args: str) -> None:
        cities = self.request.query_arguments.get("city")
        self.respond(current(cities[0].decode("utf-8", "replace") if cities else "Unknown"))


class NotFound(ServiceHandler):
    """Any other path."""

    def serve(self, *path_args: str) -> None:
        self.respond(Reply(404, JSON, INVALID_ENDPOINT))
