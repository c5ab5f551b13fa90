"""A service that counts down: at once as JSON, or as a stream of server-sent events."""

from collections.abc import Iterator

from tornado.web import HTTPError

from oagw_tornado import EVENT_STREAM, Frame, Reply, ServiceHandler, Upstream, encode_event, json_reply


def events(start: int) -> Iterator[Frame]:
    """One event a number; the server decides when each of them leaves."""
    for number in range(start, 0, -1):
        yield Frame(encode_event(str(number), event="count"))
    yield Frame(encode_event("liftoff", event="done"), content=False)


class Stream(ServiceHandler):
    """``from/<number>``"""

    def serve(self, start: str) -> None:
        self.respond(Reply(headers=EVENT_STREAM, frames=events(int(start)), pace="event-interval"))


class List(ServiceHandler):
    """``list?from=<number>``, written as in any Tornado handler"""

    def get(self) -> None:
        start = self.get_query_argument("from", "3")
        if not start.isdigit() or int(start) > 1000:
            raise HTTPError(400, "from: expected a number up to 1000")
        self.write({"numbers": list(range(int(start), 0, -1))})


class Unknown(ServiceHandler):
    """Any other path"""

    def serve(self, path: str) -> None:
        self.respond(json_reply({"error": f"no such path: {path}"}, 404))


COUNTDOWN = Upstream(exact={"list": List}, patterns=[(r"\Afrom/(\d{1,3})\Z", Stream)], otherwise=Unknown)
