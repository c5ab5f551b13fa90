"""Who answers a target and a method, and offers of other protocols, on each engine."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from test_http1 import CALCULATE, SUM, weather
from wire import (
    CHAT,
    PROXY,
    STREAM_TEXT,
    WEATHER,
    Client,
    VisibleServer,
    chat,
    get,
    post,
    serving,
)


@pytest.fixture(scope="module")
def server(wire: str) -> Iterator[VisibleServer]:
    with serving(wire, inter_token_latency="1ms", event_interval="1ms") as server:
        yield server


@pytest.fixture
def client(server: VisibleServer) -> Iterator[Client]:
    with Client(server.port) as client:
        yield client
    assert server.take_errors() == ""


# Targets.


@pytest.mark.parametrize("scheme", ["http", "https", "HTTP"])
def test_a_target_may_name_the_server(client: Client, scheme: str) -> None:
    reply = client.send(get(f"{scheme}://somewhere.test:80{WEATHER}?city=Oslo")).reply()
    assert (reply.status, reply.json["location"]) == (200, "Oslo")
    assert client.is_kept()


@pytest.mark.parametrize(
    ("target", "status", "source"),
    [
        (f"{PROXY}/%77eather/current", 200, "upstream"),
        (f"{PROXY}/weather/%63urrent", 200, "upstream"),
        (f"{PROXY}/weather/a%2Fcurrent%20", 200, "upstream"),
        (f"{PROXY}/weather/%FF%FEcurrent", 200, "upstream"),
        (f"{PROXY}/%FF/current", 404, "gateway"),
        (f"{PROXY}/weather%2Fcurrent", 404, "gateway"),
        (f"{PROXY}/Weather/current", 404, "gateway"),
        (f"{PROXY}/weather", 404, "gateway"),
        (f"{PROXY}/weather/", 404, "gateway"),
        (f"{PROXY}//current", 404, "gateway"),
        (f"{PROXY}/", 404, "gateway"),
        (PROXY, 404, "gateway"),
        (f"{PROXY}/weather//current", 200, "upstream"),
        (f"{PROXY}/github//users/octocat", 404, "upstream"),
        (f"/{PROXY}/weather/current", 404, "gateway"),
        ("//health", 404, "gateway"),
        ("//", 404, "gateway"),
        ("/health/", 404, "gateway"),
        ("/healthy", 404, "gateway"),
        ("/api/oagw/v1/status/", 404, "gateway"),
        ("/api/oagw/v1x/status", 404, "gateway"),
        ("/api/oagw/v2/status", 404, "gateway"),
        ("/oagw/v1/status", 404, "gateway"),
        (f"{PROXY}/weather/current/..", 200, "upstream"),
        (f"{PROXY}/weather/current?", 200, "upstream"),
    ],
)
def test_who_answers_a_path(client: Client, target: str, status: int, source: str) -> None:
    reply = client.send(get(target)).reply()
    assert (reply.status, reply.headers["x-oagw-error-source"]) == (status, source)
    assert reply.headers["content-type"] == "application/json"
    if source == "gateway":
        assert isinstance(reply.json["error"], str)
    assert client.is_kept()


@pytest.mark.parametrize("method", ["PATCH", "OPTIONS", "TRACE", "PROPFIND", "BREW"])
def test_a_method_that_is_not_served(client: Client, method: str) -> None:
    reply = client.send(get(WEATHER, "Authorization: none", method=method)).reply()
    assert (reply.status, reply.headers["x-oagw-error-source"]) == (405, "gateway")
    assert reply.headers["allow"] == "GET, HEAD, POST, PUT, DELETE"
    assert isinstance(reply.json["error"], str)


def test_connect_is_answered_and_opens_no_tunnel(client: Client) -> None:
    reply = client.send(b"CONNECT example.test:443 HTTP/1.1\r\nHost: example.test:443\r\n\r\n").reply()
    assert 400 <= reply.status < 500
    assert isinstance(reply.json["error"], str)


def test_options_of_the_whole_server(client: Client) -> None:
    assert 400 <= client.send(b"OPTIONS * HTTP/1.1\r\nHost: test\r\n\r\n").reply().status < 500


# Upgrades that are not taken.

UPGRADE = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA")


def test_an_offer_of_http_2_is_answered_as_http_1(client: Client) -> None:
    assert client.send(weather("first", *UPGRADE)).reply().json["location"] == "first"
    assert client.send(weather("second", *UPGRADE)).reply().json["location"] == "second"
    assert client.is_kept()


def test_an_offer_of_http_2_with_a_body(client: Client) -> None:
    assert client.send(post(CALCULATE, SUM, *UPGRADE)).reply().json["result"] == 42
    assert client.send(post(CHAT, chat(), *UPGRADE)).reply().text == STREAM_TEXT
    assert client.is_kept()


def test_offers_of_http_2_in_a_pipeline(client: Client) -> None:
    client.send(weather("a", *UPGRADE) + post(CALCULATE, SUM, *UPGRADE) + weather("b", *UPGRADE) + weather("c"))
    assert client.reply().json["location"] == "a"
    assert client.reply().json["result"] == 42
    assert [client.reply().json["location"] for _ in range(2)] == ["b", "c"]


def test_an_offer_of_http_2_whose_body_comes_later(client: Client) -> None:
    request = post(CALCULATE, SUM, *UPGRADE)
    cut = len(request) - 10
    client.send(request[:cut])
    time.sleep(0.01)  # has the two parts read apart; the reply is the same if they are not
    assert client.send(request[cut:]).reply().json["result"] == 42
    assert client.is_kept()


def test_an_offer_of_a_web_socket_is_answered_as_http(client: Client) -> None:
    lines = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: x", "Sec-WebSocket-Version: 13")
    assert client.send(weather("Oslo", *lines)).reply().status == 200
    assert client.is_kept()
