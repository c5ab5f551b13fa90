"""The wire contract where no other file holds it: gateway endpoints, the order of checks, headers of every reply."""

from __future__ import annotations

import email.utils
import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from wire import CHAT, EVENTS, PROXY, WEATHER, Client, VisibleServer, chat, get, post, serving

CALCULATE = f"{PROXY}/calculator/calculate"


@pytest.fixture(scope="module")
def server(wire: str) -> Iterator[VisibleServer]:
    with serving(wire, inter_token_latency="1ms", event_interval="1ms") as server:
        yield server


@pytest.fixture
def client(server: VisibleServer) -> Iterator[Client]:
    with Client(server.port) as client:
        yield client


# Gateway endpoints.


def test_health(client: Client) -> None:
    reply = client.send(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n").reply()
    assert reply.status == 200
    assert reply.json == {"service": "oagw-mock-server", "status": "healthy"}
    assert "x-oagw-error-source" not in reply.headers


def test_uptime_is_no_time_of_day(client: Client) -> None:
    first, second = (client.send(get("/api/oagw/v1/status")).reply().json["uptime"] for _ in range(2))
    assert 0 <= first <= second < 600


@pytest.mark.parametrize("path", ["/health", "/api/oagw/v1/status"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_a_page_of_the_gateway_is_only_read(client: Client, path: str, method: str) -> None:
    reply = client.send(get(path, method=method)).reply()
    assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD")
    assert reply.headers["x-oagw-error-source"] == "gateway"
    assert isinstance(reply.json["error"], str)


# The order of checks: method, authorization, alias, service.


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (None, 401),
        ("", 401),
        ("Bearer", 401),
        ("bearer test-integration-token", 401),
        ("BEARER test-integration-token", 401),
        ("Basic dGVzdA==", 401),
        ("test-integration-token", 401),
        ("Token test-integration-token", 401),
        ("Bearer wrong", 403),
        ("Bearer  test-integration-token", 403),
        ("Bearer Bearer test-integration-token", 403),
        ("Bearer test-integration-token x", 403),
        ("Bearer test-integration-token,Bearer test-integration-token", 403),
        ("Bearer TEST-INTEGRATION-TOKEN", 403),
        ("Bearer test-integration-toke", 403),
    ],
)
@pytest.mark.parametrize("path", ["/weather/current", "/nowhere/current"])
def test_authorization_comes_before_the_alias(
    client: Client, path: str, authorization: str | None, status: int
) -> None:
    line = "" if authorization is None else f"Authorization: {authorization}\r\n"
    reply = client.send(f"GET {PROXY}{path} HTTP/1.1\r\nHost: x\r\n{line}\r\n".encode()).reply()
    assert (reply.status, reply.json["error"]) == (status, "Unauthorized")
    assert reply.headers["x-oagw-error-source"] == "gateway"
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["x-should-retry"] == "false"
    assert client.is_kept()


def test_a_token_that_is_empty_is_wrong(client: Client) -> None:
    # The blank behind the scheme is no part of the value on the wire, so a raw request is all that can hold it.
    assert client.send(get(WEATHER, "Authorization: Bearer \t")).reply().status in (401, 403)


def test_the_method_comes_before_authorization(client: Client) -> None:
    assert client.send(get(f"{PROXY}/nowhere/x", "Authorization: no", method="PATCH")).reply().status == 405


@pytest.mark.parametrize("alias", ["nowhere", "OpenAI", "weather2", "wea ther".replace(" ", "%20"), "%22%3Cx%3E"])
def test_an_unknown_alias_is_named(client: Client, alias: str) -> None:
    from urllib.parse import unquote

    reply = client.send(get(f"{PROXY}/{alias}/current")).reply()
    assert (reply.status, reply.json["error"]) == (404, f"Unknown alias: {unquote(alias)}")
    assert reply.headers["x-oagw-error-source"] == "gateway"


def test_several_tokens(wire: str) -> None:
    with serving(wire, token=["one", "two"]) as server, Client(server.port) as client:
        asked = [get(WEATHER, f"Authorization: Bearer {token}") for token in ("one", "two", "three")]
        statuses = [client.send(request).reply().status for request in asked]
    assert statuses == [200, 200, 403]


# Every reply.


@pytest.mark.parametrize(
    ("request_bytes", "source"),
    [
        (get(WEATHER), "upstream"),
        (get(f"{PROXY}/weather/other"), "upstream"),
        (get(f"{PROXY}/github/users/nobody"), "upstream"),
        (post(CALCULATE, {"operation": "divide", "a": 1, "b": 0}), "upstream"),
        (post(CHAT, chat()), "upstream"),
        (post(CHAT, {"messages": [{"role": "user", "content": "error"}]}), "upstream"),
        (get(EVENTS), "upstream"),
        (get("/api/oagw/v1/status"), "gateway"),
        (get("/nowhere"), "gateway"),
        (get(WEATHER, "Authorization: no"), "gateway"),
        (get(WEATHER, "X-Sim-Itl: soon"), "gateway"),
    ],
)
def test_every_reply_says_who_made_it_and_when(client: Client, request_bytes: bytes, source: str) -> None:
    reply = client.send(request_bytes).reply()
    assert reply.headers["x-oagw-error-source"] == source
    sent = email.utils.parsedate_to_datetime(reply.headers["date"]).timestamp()
    assert abs(sent - time.time()) < 5
    assert re.fullmatch(r"[!-~]{1,200}", reply.headers["x-request-id"])
    assert ("content-length" in reply.headers) is not ("transfer-encoding" in reply.headers)
    assert "etag" not in reply.headers
    assert client.is_kept()


def test_a_request_id_is_echoed_and_one_that_could_break_a_line_is_not(client: Client) -> None:
    assert client.send(get(WEATHER, "X-Request-Id: mine-1")).reply().headers["x-request-id"] == "mine-1"
    for bad in ("a b", "x" * 300, "\xe9"):
        assert client.send(get(WEATHER, f"X-Request-Id: {bad}")).reply().headers["x-request-id"] != bad
    ids = {client.send(get(WEATHER)).reply().headers["x-request-id"] for _ in range(20)}
    assert len(ids) == 20


def test_event_streams_pass_through_proxies(client: Client) -> None:
    for request in (post(CHAT, chat()), get(EVENTS)):
        reply = client.send(request).reply()
        assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert reply.headers["cache-control"] == "no-cache"
        assert reply.headers["x-accel-buffering"] == "no"
        assert "connection" not in reply.headers
        # No comments unless asked for: the Rust client takes two of them for an end.
        assert not any(line.startswith(b":") for line in reply.body.split(b"\n"))


def test_a_chat_stream_has_no_event_names(client: Client) -> None:
    reply = client.send(post(CHAT, chat())).reply()
    lines = [line for line in reply.body.decode().split("\n") if line]
    assert all(line.startswith("data: ") for line in lines)
    assert lines[-1] == "data: [DONE]"
    assert all(json.loads(line[6:])["object"] == "chat.completion.chunk" for line in lines[:-1])


# What must not come back.


@pytest.mark.parametrize(
    "body",
    [
        b'{"operation": "multiply", "a": "x", "b": 1000000000}',
        b'{"operation": "multiply", "a": [1], "b": 1000000000}',
        b'{"operation": "add", "a": NaN, "b": 1}',
        b'{"operation": "add", "a": 1e999, "b": 1}',
        b'{"operation": "multiply", "a": 1e308, "b": 1e308}',
        b'{"operation": "add", "a": true, "b": 1}',
        b'{"operation": "power", "a": 10, "b": 10000000000}',
        b"[" * 100_000,
        b"\xff\xfe",
        b"",
    ],
)
def test_no_body_makes_the_calculator_work_without_end_or_lie(client: Client, body: bytes) -> None:
    begun = time.monotonic()
    reply = client.send(post(CALCULATE, body)).reply()
    assert reply.status == 400
    assert isinstance(reply.json["error"], str)
    assert b"Infinity" not in reply.body
    assert b"NaN" not in reply.body
    assert "Traceback" not in reply.json["error"]
    assert time.monotonic() - begun < 2


def test_two_simulators_in_one_process_share_nothing(wire: str) -> None:
    """One token, journal, clock, metric or rule of one is none of the other."""
    with serving(wire, token="first") as one, serving(wire, token="second", inter_token_latency="0") as two:
        with Client(one.port) as first, Client(two.port) as second:
            assert first.send(get(WEATHER, "Authorization: Bearer first")).reply().status == 200
            assert second.send(get(WEATHER, "Authorization: Bearer first")).reply().status == 403
        one.control.add_rule(match={"alias": "weather"}, fault="status;code=503")
        one.control.configure(inter_token_latency="7ms")
        assert two.control.rules() == []
        assert two.control.call("GET", "/_sim/config")["inter-token-latency"] == "0"
        assert [each["status"] for each in one.control.requests()] == [200]
        assert [each["status"] for each in two.control.requests()] == [403]
        parts: list[Any] = [server.inside(lambda simulator: simulator) for server in (one, two)]
        for name in ("pacer", "responder", "gateway", "control"):
            assert getattr(parts[0], name) is not getattr(parts[1], name)
        # The end of one is not the end of the other.
        one.stop()
        with Client(two.port) as client:
            reply = client.send(post(CHAT, chat(), "Authorization: Bearer second")).reply()
        assert reply.body.endswith(b"data: [DONE]\n\n")
