"""What tornado does around a handler is done here as there: hooks, errors, cookies, lengths, the end of a request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from plain_handlers import Hooked, OwnErrors, ask, assert_logged, outcome, plain_client, plain_server
from wire import PROXY, Client, VisibleServer, get, post

from oagw_tornado.gateway.lazy_tornado import LazyRequest
from oagw_tornado.wire.headers import WireHeaders


@pytest.fixture(scope="module")
def server(wire: str) -> Iterator[VisibleServer]:
    with plain_server(wire) as server:
        yield server


@pytest.fixture
def client(server: VisibleServer) -> Iterator[Client]:
    with plain_client(server) as client:
        yield client


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
    assert_logged(server, "contains a line break")
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


def test_arguments_of_a_query_are_each_requests_own() -> None:
    headers = WireHeaders([b"Host: a"])
    headers.shared = {}

    def asked(query: str) -> dict[str, list[bytes]]:
        request = LazyRequest.__new__(LazyRequest)
        request.headers, request.query = headers.again(), query
        arguments: dict[str, list[bytes]] = request.query_arguments
        return arguments

    for _ in range(3):
        arguments = asked("a=1&a=2")
        assert arguments == {"a": [b"1", b"2"]}
        arguments["a"].append(b"3")
        arguments["b"] = []
    assert asked("b=4") == {"b": [b"4"]}
    assert asked("c=" + 300 * "x") == {"c": [300 * b"x"]}
    # What is long is not kept, in the place of what is short or otherwise.
    assert len(headers.shared) == 1
