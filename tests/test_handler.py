"""Handlers are tornado's: whoever writes one the usual way has a service, on either engine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
import tornado.template
import tornado.web
import tornado.websocket
from wire import PROXY, Client, VisibleServer, get, post, serving

from oagw_tornado.gateway.lazy_tornado import HANDLER_PARTS, REQUEST_PARTS
from oagw_tornado.gateway.router import PROXIED
from oagw_tornado.reply.reply import JSON, Reply
from oagw_tornado.services.handler import ServiceHandler
from oagw_tornado.services.upstream import Upstream

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
        "hooked": Hooked,
        "preparing": Preparing,
        "ending": Ending,
        "own-errors": OwnErrors,
        "several": Several,
        "only": Only,
        "cancelled": Cancelled,
        "flushing-length": FlushingLength,
    }
    with serving(wire, upstreams={"plain": Upstream(exact=handlers, otherwise=Refusing)}) as server:
        yield server


@pytest.fixture
def client(server: VisibleServer) -> Iterator[Client]:
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
    assert_logged(server, "KeyError: 'secret'")
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


# The hooks of a handler.


def test_the_hooks_are_called_in_tornados_order(client: Client, server: VisibleServer) -> None:
    Hooked.log.clear()
    assert ask(client, "hooked").body == b"got it"
    server.wait_until(lambda simulator: Hooked.log == ["initialize", "prepare", "get", "on_finish"])


def test_a_reply_in_prepare_is_the_reply(client: Client, server: VisibleServer) -> None:
    Hooked.log.clear()
    assert ask(client, "hooked?early=1").body == b"early"
    server.wait_until(lambda simulator: Hooked.log == ["initialize", "prepare", "on_finish"])


def test_what_breaks_behind_the_reply_is_logged(client: Client, server: VisibleServer) -> None:
    assert ask(client, "hooked?broken=1").body == b"got it"
    assert_logged(server, "after the reply")
    assert client.is_kept()


def test_prepare_may_be_a_coroutine(client: Client) -> None:
    assert ask(client, "preparing").body == b"prepared"
    assert ask(client, "preparing?refuse=1").status == 403
    assert client.is_kept()


def test_finish_can_be_raised(client: Client) -> None:
    reply = ask(client, "ending")
    assert (reply.status, reply.body) == (203, b"one two")
    assert client.send(post(f"{PROXY}/plain/ending", b"")).reply().json == {"at": "the end"}


def test_a_handler_writes_its_own_errors(client: Client, server: VisibleServer) -> None:
    OwnErrors.logged.clear()
    reply = ask(client, "own-errors?how=send")
    assert (reply.status, reply.body) == (507, b"<h1>507 it is full</h1>")
    assert reply.headers["content-type"] == "text/html; charset=UTF-8"
    client.send(get(f"{PROXY}/plain/own-errors?how=reason"))
    assert client.status_line() == "HTTP/1.1 499 Client Closed Request"
    assert client.reply_body() == b"<h1>499 </h1>"
    assert ask(client, "own-errors?how=raise").status == 500
    assert OwnErrors.logged == ["HTTPError", "KeyError"]
    assert client.is_kept()


def test_an_error_in_write_error_is_still_an_answer(client: Client) -> None:
    OwnErrors.logged.clear()
    reply = ask(client, "own-errors?how=send&broken=1")
    assert (reply.status, reply.body) == (507, b"")
    assert OwnErrors.logged == ["KeyError"]


def several(client: Client, what: str, *lines: str, method: str = "GET") -> Any:
    return client.send(get(f"{PROXY}/plain/several?what={what}", *lines, method=method)).reply(method)


def test_a_status_has_its_reason(client: Client) -> None:
    client.send(get(f"{PROXY}/plain/several?what=reason"))
    assert client.status_line() == "HTTP/1.1 299 Fine By Me"
    assert client.reply_body() == b"body"


def test_a_redirect(client: Client) -> None:
    reply = several(client, "redirect")
    assert (reply.status, reply.headers["location"]) == (301, "/elsewhere?x=1")


def test_cookies_come_and_go(client: Client) -> None:
    client.send(get(f"{PROXY}/plain/several?what=cookies", "Cookie: given=mine"))
    lines = client.head_lines()
    cookies = [line for line in lines if line.lower().startswith("set-cookie:")]
    assert cookies[0] == "Set-Cookie: one=mine; HttpOnly; Path=/"
    assert cookies[1].startswith('Set-Cookie: two=""; expires=')
    assert client.is_kept()


def test_204_has_no_body(client: Client, server: VisibleServer) -> None:
    reply = several(client, "empty")
    assert reply.status == 204
    assert not {"content-type", "content-length", "transfer-encoding"} & reply.headers.keys()
    assert several(client, "body_of_204").status == 500
    assert_logged(server, "Cannot send body with status code HTTP204")
    assert client.is_kept()


def test_a_content_length_is_given_once_and_held(client: Client, server: VisibleServer) -> None:
    assert several(client, "length").body == b"four"
    assert several(client, "wrong_length").status == 500
    assert_logged(server, "Content-Length is 5")
    assert client.is_kept()


def test_connection_close_closes(client: Client) -> None:
    reply = several(client, "close")
    assert (reply.body, reply.headers["connection"]) == (b"bye", "close")
    assert client.rest() == b""


@pytest.mark.parametrize(
    ("what", "logged"),
    [
        ("twice", "finish() called twice"),
        ("respond_twice", "the request has its reply already"),
    ],
)
def test_a_second_reply_is_an_error_in_the_log(client: Client, server: VisibleServer, what: str, logged: str) -> None:
    assert several(client, what).status == 200
    assert_logged(server, logged)
    assert client.is_kept()


def test_a_header_that_breaks_its_line_costs_no_reply(client: Client, server: VisibleServer) -> None:
    assert several(client, "unsafe_header").status == 500
    assert_logged(server, "holds a line break")
    assert client.is_kept()
    assert server.inside(lambda simulator: simulator.responder.ledger.running) == 0


def test_templates_are_rendered(client: Client) -> None:
    assert several(client, "render").body == b"GET &lt;&amp;&gt;"


def test_nobody_is_logged_in(client: Client) -> None:
    assert several(client, "user").body == b"None"


def test_a_status_stays_when_headers_are_set_after_it(client: Client) -> None:
    reply = several(client, "status_first")
    assert (reply.status, reply.headers["x-later"], reply.headers["content-type"]) == (
        202,
        "1",
        "text/html; charset=UTF-8",
    )


def test_an_entity_tag_of_ones_own_is_compared(client: Client) -> None:
    assert several(client, "plain&etag=1").headers["etag"] == '"tag"'
    assert several(client, "plain&etag=1", 'If-None-Match: "tag"').status == 304
    assert "etag" not in several(client, "plain").headers
    assert client.is_kept()


def test_the_request_tells_what_tornados_tells(client: Client) -> None:
    url = f"http://localhost{PROXY}/plain/several?what=host"
    assert several(client, "host").body == f"{url} localhost 127.0.0.1 True".encode()


def test_a_connection_is_not_given_away(client: Client, server: VisibleServer) -> None:
    assert several(client, "detach").status == 500
    assert_logged(server, "detach() is not possible")


def test_a_method_that_is_not_there_is_405(client: Client) -> None:
    assert client.send(post(f"{PROXY}/plain/only", b"")).reply().body == b"posted"
    for method in ("GET", "HEAD", "PUT", "DELETE"):
        reply = client.send(get(f"{PROXY}/plain/only", method=method)).reply(method)
        assert (reply.status, reply.headers["allow"]) == (405, "POST")
    assert client.is_kept()


@pytest.mark.parametrize("query", ["", "?itself=1"])
def test_a_cancelled_handler_answers(client: Client, server: VisibleServer, query: str) -> None:
    assert ask(client, f"cancelled{query}").status == 500
    assert_logged(server, "CancelledError")
    assert client.is_kept()


@pytest.mark.parametrize(("rest", "read"), [("more", b"halfmore"), ("too+much", b"half"), ("few", b"half")])
def test_a_flushed_reply_holds_its_content_length(
    client: Client, server: VisibleServer, rest: str, read: bytes
) -> None:
    client.send(get(f"{PROXY}/plain/flushing-length?rest={rest}"))
    assert client.head()[2]["content-length"] == "8"
    if read == b"halfmore":
        assert client.read(8) == read
        assert client.is_kept()
    else:
        assert client.rest() == read
        assert_logged(server, "Content-Length")
        assert outcome(server) == (200, "closed")


@pytest.mark.parametrize("knob", ["fault: reset", "gate: door"])
def test_a_knob_that_cannot_get_hold_of_a_flushing_handler_is_refused(client: Client, knob: str) -> None:
    reply = ask(client, "flushing", f"X-Sim-{knob}")
    assert reply.status == 400
    assert reply.headers["x-oagw-error-source"] == "gateway"
    assert reply.json["error"].startswith(f"Bad knob {knob.partition(':')[0]}: this service sends its reply by itself")
    assert client.is_kept()


# What cannot work is refused when the class is defined.


def define(**members: Any) -> type:
    return type("Mine", (ServiceHandler,), {"serve": Plain.serve, **members})


def given_up(self: Any) -> None:
    self.detach()


def tensors(self: Any, tensor: Any) -> None:
    tensor.detach()


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"__init__": lambda self: None}, "Mine.__init__ is not supported: override initialize"),
        ({"data_received": lambda self, chunk: None}, "Mine.data_received is not supported"),
        ({"_execute": lambda self: None}, "Mine._execute is not supported"),
        ({"initialize": lambda self, database: None}, "Mine.initialize is called without arguments.*'database'"),
        ({"serve": given_up}, "Mine.serve: self.detach() is not supported"),
    ],
)
def test_what_cannot_work_is_refused_when_it_is_defined(members: dict[str, Any], says: str) -> None:
    with pytest.raises(TypeError, match=says.replace("(", r"\(").replace(")", r"\)")):
        define(**members)


@pytest.mark.parametrize("base", [tornado.websocket.WebSocketHandler, tornado.web.StaticFileHandler])
def test_tornados_other_handlers_are_refused(base: type) -> None:
    with pytest.raises(TypeError, match=f"{base.__name__} of tornado is not supported"):
        type("Mine", (ServiceHandler, base), {})


def test_what_only_looks_like_it_is_not_refused() -> None:
    assert issubclass(define(helper=tensors, initialize=lambda self, database=None, **rest: None), ServiceHandler)
