"""Handlers are tornado's: whoever writes one the usual way has a service, on either engine."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from plain_handlers import FlushingForEver, ask, assert_logged, outcome, plain_client, plain_server
from wire import PROXY, Client, VisibleServer, get, post

from oagw_tornado.gateway.router import PROXIED


@pytest.fixture(scope="module")
def server(wire: str) -> Iterator[VisibleServer]:
    with plain_server(wire) as server:
        yield server


@pytest.fixture
def client(server: VisibleServer) -> Iterator[Client]:
    with plain_client(server) as client:
        yield client


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
