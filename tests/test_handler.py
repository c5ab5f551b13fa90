"""Handlers are tornado's: whoever writes one the usual way has a service, on either engine."""

from __future__ import annotations

import ast
import asyncio
import inspect
import textwrap
from collections.abc import Iterator
from typing import Any

import pytest
import tornado.web
from wire import PROXY, Client, VisibleServer, get, post, serving

from oagw_tornado.gateway.handler import _LATER, ExchangeHandler
from oagw_tornado.gateway.router import PROXIED
from oagw_tornado.services import table
from oagw_tornado.services.handler import ServiceHandler
from oagw_tornado.services.upstream import Upstream

# The lean constructor.


def set_by(function: Any) -> set[str]:
    """The attributes of self that a function sets."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self"
    }


def test_nothing_is_missing_of_what_tornados_constructor_sets() -> None:
    """Whatever a new version of tornado adds to its handlers must be added to ours."""
    theirs = set_by(tornado.web.RequestHandler.__init__) | set_by(tornado.web.RequestHandler.clear)
    assert len(theirs) > 10
    ours = set_by(ExchangeHandler.__init__) | _LATER.keys() | vars(ExchangeHandler).keys()
    assert theirs - ours - vars(tornado.web.RequestHandler).keys() == set()


def test_every_helper_of_tornado_is_called_with_what_it_needs(server: VisibleServer) -> None:
    with Client(server.port) as client:
        reply = client.send(get(f"{PROXY}/plain/attributes")).reply()
    assert reply.json == dict.fromkeys(_LATER, True)


# Handlers as tornado's documentation shows them.


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
    async def get(self, *path_args: str) -> None:  # type: ignore[override]
        await asyncio.sleep(0.01)
        self.write("later")


class Flushing(ServiceHandler):
    async def get(self, *path_args: str) -> None:  # type: ignore[override]
        self.set_header("Content-Type", "text/plain")
        for number in range(3):
            self.write(f"piece {number};")
            await self.flush()
            await asyncio.sleep(0.002)


class FlushingForEver(ServiceHandler):
    left = 0

    async def get(self, *path_args: str) -> None:  # type: ignore[override]
        while True:
            self.write("x" * 1000)
            await self.flush()
            await asyncio.sleep(0.001)

    def on_connection_close(self) -> None:
        FlushingForEver.left += 1


class BreakingLate(ServiceHandler):
    async def get(self, *path_args: str) -> None:  # type: ignore[override]
        self.write("half")
        await self.flush()
        raise tornado.web.HTTPError(400)


class Sleeping(ServiceHandler):
    async def get(self, *path_args: str) -> None:  # type: ignore[override]
        await asyncio.sleep(0.3)
        self.write("nobody is there")


class Attributes(ServiceHandler):
    def serve(self, *path_args: str) -> None:
        self.write({name: getattr(self, name) is not None for name in _LATER})


@pytest.fixture(scope="module")
def server(wire: str) -> Iterator[VisibleServer]:
    handlers = {
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
    }
    known = table.upstreams
    patch = pytest.MonkeyPatch()
    patch.setattr(
        "oagw_tornado.simulator.upstreams",
        lambda: {**known(), "plain": Upstream(exact=handlers, otherwise=Refusing)},
    )
    try:
        with serving(wire) as server:
            yield server
    finally:
        patch.undo()


@pytest.fixture
def client(server: VisibleServer) -> Iterator[Client]:
    server.control.reset()
    with Client(server.port) as client:
        yield client
    server.wait_until(lambda simulator: simulator.responder.ledger.running == 0)


def outcome(server: VisibleServer) -> tuple[int, str]:
    latest = server.control.requests(limit=1)[0]
    return latest["status"], latest["outcome"]


def ask(client: Client, name: str, *lines: str) -> Any:
    return client.send(get(f"{PROXY}/plain/{name}", *lines)).reply()


def test_what_is_written_is_the_body(client: Client) -> None:
    reply = client.send(get(f"{PROXY}/plain/plain?end=here")).reply()
    assert (reply.status, reply.headers["x-mine"], reply.headers["x-two"]) == (202, "yes", "1")
    assert reply.body == b'begin {"end": "here"}'
    assert reply.headers["x-oagw-error-source"] == "upstream"
    assert client.is_kept()


@pytest.mark.parametrize("method", PROXIED)
def test_every_method_reaches_serve(client: Client, method: str) -> None:
    reply = client.send(get(f"{PROXY}/plain/plain", method=method)).reply(method)
    assert reply.status == 202
    assert client.is_kept()


def test_nothing_that_is_written_stays_for_the_next(client: Client) -> None:
    assert [ask(client, "plain").body for _ in range(3)] == [b'begin {"end": "none"}'] * 3


def test_finish_and_a_form(client: Client) -> None:
    reply = ask(client, "finishing")
    assert reply.json == {"body": "none"}
    assert reply.headers["set-cookie"].startswith("session=1")
    form = post(
        f"{PROXY}/plain/finishing?field=query", b"field=a+b%21&x=y", "Content-Type: application/x-www-form-urlencoded"
    )
    assert client.send(form).reply().json == {"body": "a b!"}
    assert client.send(post(f"{PROXY}/plain/finishing", b"{}")).reply().json == {"body": "none"}


def test_errors_are_json(client: Client, server: VisibleServer) -> None:
    reply = ask(client, "refusing")
    assert (reply.status, reply.json) == (418, {"error": "I am a teapot"})
    assert reply.headers["x-oagw-error-source"] == "upstream"
    reply = ask(client, "missing")
    assert reply.status == 400
    assert "error" in reply.json
    assert client.is_kept()


def test_an_exception_is_a_500_that_tells_nothing(client: Client, server: VisibleServer) -> None:
    reply = ask(client, "breaking")
    assert (reply.status, reply.json) == (500, {"error": "Internal server error"})
    assert "KeyError: 'secret'" in server.take_errors()
    assert client.is_kept()


def test_a_coroutine_replies_when_it_is_done(client: Client, server: VisibleServer) -> None:
    assert ask(client, "coroutine").body == b"later"
    assert outcome(server) == (200, "complete")
    assert client.is_kept()


def test_a_handler_that_flushes_sends_by_itself(client: Client, server: VisibleServer) -> None:
    reply = ask(client, "flushing")
    assert reply.chunks == [b"piece 0;", b"piece 1;", b"piece 2;"]
    assert reply.headers["x-oagw-error-source"] == "upstream"
    assert reply.headers["x-request-id"]
    assert outcome(server) == (200, "complete")
    assert client.is_kept()


def test_a_handler_that_flushes_sends_no_body_to_head(client: Client) -> None:
    assert ask(client, "flushing", "Connection: keep-alive").status == 200
    assert client.is_kept()


def test_a_handler_that_fails_behind_its_head_cuts_the_reply(client: Client, server: VisibleServer) -> None:
    assert client.send(get(f"{PROXY}/plain/breaking-late")).head()[1] == 200
    assert client.chunk() == b"half"
    assert client.rest() == b""
    assert outcome(server) == (200, "closed")


@pytest.mark.parametrize("read", [True, False])
def test_a_handler_that_flushes_for_ever_ends_with_its_client(
    client: Client, server: VisibleServer, read: bool
) -> None:
    tasks = server.inside(lambda simulator: len(asyncio.all_tasks()))
    before = FlushingForEver.left
    client.send(get(f"{PROXY}/plain/for-ever"))
    if read:
        assert client.head()[1] == 200
    server.wait_until(lambda simulator: simulator.responder.ledger.running == 1)
    client.reset()
    server.wait_until(lambda simulator: simulator.responder.ledger.running == 0)
    server.wait_until(lambda simulator: len(asyncio.all_tasks()) <= tasks)
    assert outcome(server) == (200, "client-left")
    assert FlushingForEver.left == before + 1


def test_a_client_that_leaves_a_handler_at_work_has_left(client: Client, server: VisibleServer) -> None:
    client.send(get(f"{PROXY}/plain/sleeping"))
    server.wait_until(lambda simulator: simulator.responder.ledger.running == 1)
    client.reset()
    server.wait_until(lambda simulator: simulator.responder.ledger.running == 0)
    assert outcome(server)[1] == "client-left"
