"""Handlers as tornado's documentation shows them, served as the alias ``plain``; and what their tests share."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import tornado.template
import tornado.web
from wire import PROXY, Client, VisibleServer, get, serving

from oagw_tornado.gateway.lazy_tornado import HANDLER_PARTS, REQUEST_PARTS
from oagw_tornado.reply.reply import JSON, Reply
from oagw_tornado.services.handler import ServiceHandler
from oagw_tornado.services.upstream import Upstream


class Plain(ServiceHandler):
    def serve(self, *path_args: str) -> None:
        self.set_status(202)
        self.set_header("X-Mine", "yes")
        self.add_header("X-Two", "1")
        self.write("begin ")
        self.write({"end": self.get_query_argument("end", "none")})


class Finishing(ServiceHandler):
    def serve(self, *path_args: str) -> None:
        self.set_cookie("session", "1")
        self.finish({"body": self.get_body_argument("field", "none")})


class Refusing(ServiceHandler):
    def serve(self, *path_args: str) -> None:
        raise tornado.web.HTTPError(418, "I am a teapot")


class Missing(ServiceHandler):
    def serve(self, *path_args: str) -> None:
        self.write(self.get_query_argument("needed"))


class Breaking(ServiceHandler):
    def serve(self, *path_args: str) -> None:
        raise KeyError("secret")


class Coroutine(ServiceHandler):
    async def get(self, *path_args: str) -> None:
        await asyncio.sleep(0.01)
        self.write("later")


class Flushing(ServiceHandler):
    async def get(self, *path_args: str) -> None:
        self.set_header("Content-Type", "text/plain")
        for number in range(3):
            self.write(f"piece {number};")
            await self.flush()
            await asyncio.sleep(0.002)


class FlushingForEver(ServiceHandler):
    left = 0

    async def get(self, *path_args: str) -> None:
        while True:
            self.write("x" * 1000)
            await self.flush()
            await asyncio.sleep(0.001)

    def on_connection_close(self) -> None:
        FlushingForEver.left += 1


class BreakingLate(ServiceHandler):
    async def get(self, *path_args: str) -> None:
        self.write("half")
        await self.flush()
        raise tornado.web.HTTPError(400)


class Sleeping(ServiceHandler):
    async def get(self, *path_args: str) -> None:
        await asyncio.sleep(0.3)
        self.write("nobody is there")


class Attributes(ServiceHandler):
    def serve(self, *path_args: str) -> None:
        parts = {name: getattr(self, name, None) is not None for name in HANDLER_PARTS}
        request = {name: hasattr(self.request, name) for name in REQUEST_PARTS}
        self.write({**parts, **request})


class Hooked(ServiceHandler):
    """Each request goes as its query says; `log` tells what was called."""

    log: ClassVar[list[str]] = []

    def initialize(self) -> None:
        self.log.append("initialize")

    def prepare(self) -> None:
        self.log.append("prepare")
        if self.get_query_argument("early", ""):
            self.finish("early")

    def get(self, *path_args: str) -> None:
        self.log.append("get")
        self.write("got it")

    def on_finish(self) -> None:
        self.log.append("on_finish")
        if self.get_query_argument("broken", ""):
            raise KeyError("after the reply")


class Preparing(ServiceHandler):
    async def prepare(self) -> None:
        await asyncio.sleep(0.001)
        if self.get_query_argument("refuse", ""):
            raise tornado.web.HTTPError(403)
        self.said = "prepared"

    def serve(self, *path_args: str) -> None:
        self.write(self.said)


class Ending(ServiceHandler):
    def get(self, *path_args: str) -> None:
        self.set_status(203)
        self.write("one ")
        raise tornado.web.Finish("two")

    async def post(self, *path_args: str) -> None:
        await asyncio.sleep(0)
        raise tornado.web.Finish({"at": "the end"})


class OwnErrors(ServiceHandler):
    logged: ClassVar[list[str]] = []

    def serve(self, *path_args: str) -> None:
        how = self.get_query_argument("how")
        if how == "send":
            self.write("thrown away")
            self.send_error(507, because="it is full")
        elif how == "reason":
            raise tornado.web.HTTPError(499, reason="Client Closed Request")
        else:
            raise KeyError("secret")

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        if self.get_query_argument("broken", ""):
            raise KeyError("in write_error")
        self.finish(f"<h1>{status_code} {kwargs.get('because', '')}</h1>")

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        self.logged.append(typ.__name__)


class Several(ServiceHandler):
    """One small thing of tornado's after another, by the path."""

    def get(self, *path_args: str) -> None:
        getattr(self, "do_" + self.get_query_argument("what"))()

    def do_reason(self) -> None:
        self.set_status(299, "Fine By Me")
        self.finish("body")

    def do_redirect(self) -> None:
        self.redirect("/elsewhere?x=1", permanent=True)

    def do_cookies(self) -> None:
        self.set_cookie("one", self.get_cookie("given", "none"), httponly=True)
        self.set_cookie("two", "2")
        self.clear_cookie("two")

    def do_empty(self) -> None:
        self.set_status(204)

    def do_body_of_204(self) -> None:
        self.set_status(204)
        self.write("there must not be one")

    def do_length(self) -> None:
        self.set_header("Content-Length", "4")
        self.write("four")

    def do_wrong_length(self) -> None:
        self.set_header("Content-Length", "5")
        self.write("four")

    def do_close(self) -> None:
        self.set_header("Connection", "close")
        self.write("bye")

    def do_twice(self) -> None:
        self.finish("once")
        self.finish("twice")

    def do_render(self) -> None:
        template = tornado.template.Template("{{ handler.request.method }} {{ x }}")
        self.finish(template.generate(**self.get_template_namespace(), x="<&>"))

    def do_user(self) -> None:
        self.write(str(self.current_user))

    def do_status_first(self) -> None:
        self.set_status(202)
        self.set_header("X-Later", "1")
        self.write("x")

    def do_unsafe_header(self) -> None:
        self.respond(Reply(200, (("X-Broken", "a\r\nb"),), b"{}"))

    def do_respond_twice(self) -> None:
        self.respond(Reply(200, JSON, b"1"))
        self.respond(Reply(200, JSON, b"2"))

    def do_detach(self) -> None:
        getattr(self, "detach")()  # noqa: B009

    def do_host(self) -> None:
        request = self.request
        self.write(f"{request.full_url()} {request.host_name} {request.remote_ip} {request.request_time() < 60}")

    def compute_etag(self) -> str | None:
        return '"tag"' if self.get_query_argument("etag", "") else None

    def do_plain(self) -> None:
        self.write("plain")


class Only(ServiceHandler):
    def post(self, *path_args: str) -> None:
        self.write("posted")


class Cancelled(ServiceHandler):
    async def get(self, *path_args: str) -> None:
        if self.get_query_argument("itself", ""):
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(1)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.cancel()
        await future


class FlushingLength(ServiceHandler):
    async def get(self, *path_args: str) -> None:
        self.set_header("Content-Length", "8")
        self.write("half")
        await self.flush()
        self.write(self.get_query_argument("rest"))


HANDLERS: dict[str, type[ServiceHandler]] = {
    "plain": Plain,
    "finishing": Finishing,
    "refusing": Refusing,
    "missing": Missing,
    "breaking": Breaking,
    "coroutine": Coroutine,
    "flushing": Flushing,
    "for-ever": FlushingForEver,
    "breaking-late": BreakingLate,
    "sleeping": Sleeping,
    "attributes": Attributes,
    "hooked": Hooked,
    "preparing": Preparing,
    "ending": Ending,
    "own-errors": OwnErrors,
    "several": Several,
    "only": Only,
    "cancelled": Cancelled,
    "flushing-length": FlushingLength,
}


@contextmanager
def plain_server(wire: str) -> Iterator[VisibleServer]:
    """A server on this engine and loop, with these handlers."""
    with serving(wire, upstreams={"plain": Upstream(exact=HANDLERS, otherwise=Refusing)}) as server:
        yield server


@contextmanager
def plain_client(server: VisibleServer) -> Iterator[Client]:
    """A client of a server that is as started; in the end nothing runs on it any more."""
    server.control.reset()
    with Client(server.port) as client:
        yield client
    server.wait_until(lambda simulator: simulator.responder.ledger.running == 0)


def outcome(server: VisibleServer) -> tuple[int, str]:
    latest = server.control.requests(limit=1)[0]
    return latest["status"], latest["outcome"]


def assert_logged(server: VisibleServer, text: str) -> None:
    """The log may come after the reply; what it says of other tests has been asked for by these."""
    deadline = time.monotonic() + 5
    while text not in (errors := server.take_errors()):
        assert time.monotonic() < deadline, errors
        time.sleep(0.005)


def ask(client: Client, name: str, *lines: str) -> Any:
    return client.send(get(f"{PROXY}/plain/{name}", *lines)).reply()
