"""Each service words its errors: what a fault or a limit brings up is said as that service says it, on the wire."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raw_http import TOKEN
from wire import CHAT, EVENTS, PROXY, WEATHER, Client, chat, get, post, serving

from oagw_tornado.faults import parse_faults
from oagw_tornado.reply.errors import retry_headers
from oagw_tornado.reply.phrases import phrase
from oagw_tornado.reply.sse import decode
from oagw_tornado.services.table import upstreams

MESSAGES = f"{PROXY}/anthropic/v1/messages"
RESPONSES = f"{PROXY}/openai/v1/responses"
OCTOCAT = f"{PROXY}/github/users/octocat"
CALCULATE = f"{PROXY}/calculator/x"
HELLO = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]}
KEY = f"X-Api-Key: {TOKEN}"

#: A request to each alias.
ASKED = {
    "openai": post(CHAT, chat(stream=False)),
    "anthropic": post(MESSAGES, HELLO),
    "github": get(OCTOCAT),
    "weather": get(WEATHER),
    "calculator": post(CALCULATE, {"operation": "add"}),
    "stream-test": get(EVENTS),
    "oauth": get(f"{PROXY}/oauth/.well-known/jwks.json"),
}


@pytest.fixture(scope="module")
def server(wire: str):
    with serving(wire, inter_token_latency="0", event_interval="0") as server:
        yield server


@pytest.fixture
def client(server):
    with Client(server.port) as client:
        yield client


def with_fault(request: bytes, fault: str) -> bytes:
    return request.replace(b"\r\n\r\n", f"\r\nX-Sim-Fault: {fault}\r\n\r\n".encode(), 1)


def worded(alias: str, status: int, body: Any, request_id: str) -> bool:
    """Whether `body` is an error as the service has it."""
    match alias:
        case "openai":
            return set(body) == {"error"} and set(body["error"]) == {"message", "type", "param", "code"}
        case "anthropic":
            return (
                (set(body), set(body["error"])) == ({"type", "error", "request_id"}, {"type", "message"})
                and body["type"] == "error"
                and body["request_id"] == f"req_{request_id}"
            )
        case "github":
            return {"message", "documentation_url", "status"} <= set(body) and body["status"] == str(status)
        case _:
            return set(body) == {"error"} and type(body["error"]) is str


def test_every_alias_is_asked() -> None:
    assert set(ASKED) == set(upstreams())


@pytest.mark.parametrize("alias", ASKED)
def test_a_status_is_in_the_services_words(client: Client, alias: str) -> None:
    for status in (400, 401, 403, 404, 413, 422, 429, 500, 503, 504, 520, 529, 599):
        check_words(client, alias, status)


def check_words(client: Client, alias: str, status: int) -> None:
    reply = client.send(with_fault(ASKED[alias], f"status;code={status}")).reply()
    headers = reply.headers
    assert reply.status == status
    assert headers["content-type"] == "application/json"
    assert headers["x-oagw-error-source"] == "upstream"
    assert worded(alias, status, reply.json, headers["x-request-id"])
    if alias == "openai":
        assert {"openai-version", "openai-processing-ms"} <= set(headers)
    if alias == "anthropic":
        assert headers["request-id"] == reply.json["request_id"]
    if alias == "github":
        assert headers["x-ratelimit-resource"] == "core"
        assert headers["x-ratelimit-remaining"] == ("0" if status == 429 else "4999")


def test_anthropics_types_go_by_the_status(client: Client) -> None:
    kinds = {
        400: "invalid_request_error",
        401: "authentication_error",
        402: "billing_error",
        403: "permission_error",
        404: "not_found_error",
        413: "request_too_large",
        418: "invalid_request_error",
        429: "rate_limit_error",
        500: "api_error",
        502: "api_error",
        504: "timeout_error",
        529: "overloaded_error",
    }
    for status, kind in kinds.items():
        reply = client.send(with_fault(ASKED["anthropic"], f"status;code={status}")).reply()
        assert reply.json["error"]["type"] == kind
        assert reply.json["error"]["message"]


@pytest.mark.parametrize(
    ("status", "said"),
    [(503, "Service Unavailable"), (529, "Overloaded"), (520, "Web Server Returned an Unknown Error"), (577, "Server")],
)
def test_every_status_has_a_phrase(server: Any, status: int, said: str) -> None:
    assert phrase(status).startswith(said)
    with Client(server.port) as client:
        client.send(with_fault(get(WEATHER, "Connection: close"), f"status;code={status}"))
        assert client.rest().startswith(f"HTTP/1.1 {status} {said}".encode())


@given(st.integers(100, 599))
def test_no_phrase_is_empty_or_unknown(status: int) -> None:
    assert phrase(status).isascii()
    assert phrase(status) not in ("", "Unknown")


# Statuses that are no error.


@pytest.mark.parametrize("status", [200, 202, 299])
def test_a_success_is_the_services_reply_under_that_status(client: Client, status: int) -> None:
    for alias in ("openai", "weather", "anthropic"):
        plain = client.send(ASKED[alias]).reply()
        reply = client.send(with_fault(ASKED[alias], f"status;code={status}")).reply()
        assert (reply.status, set(reply.json)) == (status, set(plain.json))
        assert reply.headers["content-length"] == str(len(reply.body))
    assert client.is_kept()


def test_a_stream_may_have_another_status(client: Client) -> None:
    reply = client.send(with_fault(get(EVENTS), "status;code=203")).reply()
    assert (reply.status, len(decode(reply.body))) == (203, 4)
    assert reply.headers["content-type"].startswith("text/event-stream")


@pytest.mark.parametrize("status", [204, 205, 304, 302])
def test_where_there_is_no_content_there_is_none(client: Client, status: int) -> None:
    for request in ASKED.values():
        client.send(with_fault(request, f"status;code={status}") + ASKED["weather"])
        reply = client.reply()
        assert (reply.status, reply.body) == (status, b"")
        assert "content-type" not in reply.headers
        assert reply.headers.get("content-length") == (None if status in (204, 304) else "0")
        assert "transfer-encoding" not in reply.headers
        # Nor is there a byte of one in front of the next reply.
        assert client.reply().status == 200


def test_a_success_may_hold_an_error(client: Client) -> None:
    reply = client.send(with_fault(ASKED["openai"], "status;code=200;error=server_error")).reply()
    assert (reply.status, reply.json["error"]["type"]) == (200, "server_error")
    with pytest.raises(ValueError, match="204 has no body"):
        parse_faults("status;code=204;message=no")


# Which error.


def test_a_preset_has_its_own_status_unless_told(client: Client) -> None:
    for given_code, status in (("", 400), (";code=422", 422)):
        fault = f"status{given_code};error=context_length_exceeded"
        reply = client.send(with_fault(ASKED["openai"], fault)).reply()
        assert (reply.status, reply.json["error"]["code"]) == (status, "context_length_exceeded")


def test_an_error_is_said_freely(client: Client) -> None:
    fault = 'status;code=400;message="too long; cut it, \\"please\\" caf%C3%A9";type=my_type;param=a%2Cb'
    error = client.send(with_fault(ASKED["openai"], fault)).reply().json["error"]
    assert error == {"message": 'too long; cut it, "please" café', "type": "my_type", "param": "a,b", "code": None}
    for alias in ASKED:
        text = client.send(with_fault(ASKED[alias], fault)).reply().body.decode()
        assert all(said in text for said in ("cut it, ", "my_type", "a,b"))


def test_a_name_that_the_service_does_not_know_is_refused_with_those_it_does(client: Client) -> None:
    for alias, upstream in upstreams().items():
        reply = client.send(with_fault(ASKED[alias], "status;error=nonsense")).reply()
        assert (reply.status, reply.headers["x-oagw-error-source"]) == (400, "gateway")
        assert all(name in reply.json["error"] for name in ("nonsense", *upstream.errors.presets))


def test_the_gateways_errors_have_the_gateways_form(client: Client) -> None:
    for alias in ASKED:
        reply = client.send(with_fault(ASKED[alias], "status;code=502;message=bad;source=gateway")).reply()
        assert (reply.status, reply.headers["x-oagw-error-source"]) == (502, "gateway")
        assert reply.json == {"error": "bad", "message": "bad"}


# Limits.


@pytest.fixture(scope="module")
def limited(wire: str):
    """Limits that each alias has of its own."""
    with serving(wire, rate_limit="2/min;tokens=100000/min") as server, Client(server.port) as client:
        server.control.add_rule(name="blame", source="upstream")
        yield client


@pytest.mark.parametrize("alias", ASKED)
def test_a_limit_is_the_services(limited: Client, alias: str) -> None:
    replies = [limited.send(ASKED[alias]).reply() for _ in range(3)]
    assert [reply.status for reply in replies] == [200, 200, 429]
    assert worded(alias, 429, replies[2].json, replies[2].headers["x-request-id"])
    assert replies[2].headers["retry-after"].isdigit()
    assert replies[2].headers["retry-after-ms"].isdigit()
    for left, reply in zip("100", replies, strict=True):
        headers = {name: value for name, value in reply.headers.items() if "ratelimit" in name}
        if alias == "anthropic":
            names = [
                f"anthropic-ratelimit-{what}-{fact}"
                for what in ("requests", "tokens", "input-tokens", "output-tokens")
                for fact in ("limit", "remaining", "reset")
            ]
            assert sorted(headers) == sorted(names)
            assert headers["anthropic-ratelimit-requests-remaining"] == left
            reset = datetime.fromisoformat(headers["anthropic-ratelimit-requests-reset"])
            assert 0 < (reset - datetime.now(UTC)).total_seconds() <= 61
        elif alias == "github":
            assert sorted(headers) == [f"x-ratelimit-{x}" for x in ("limit", "remaining", "reset", "resource", "used")]
            assert (headers["x-ratelimit-remaining"], headers["x-ratelimit-used"]) == (left, str(2 - int(left)))
            assert 0 < int(headers["x-ratelimit-reset"]) - datetime.now(UTC).timestamp() <= 61
        else:
            assert len(headers) == 6
            assert headers["x-ratelimit-remaining-requests"] == left


def test_a_limit_counts_by_the_key_that_was_sent(wire: str) -> None:
    with serving(wire, rate_limit="1/min", token=["one", "two"]) as server, Client(server.port) as client:
        for key in ("one", "two"):
            lines = (f"X-Api-Key: {key}", f"X-Api-Key: {key}", f"Authorization: Bearer {key}")
            sent = [f"GET {PROXY}/anthropic/v1/models HTTP/1.1\r\nHost: x\r\n{line}\r\n\r\n" for line in lines]
            assert [client.send(request.encode()).reply().status for request in sent] == [200, 429, 429]


@given(st.floats(0, 1e6))
def test_when_to_come_back_is_a_whole_number_and_late_enough(seconds: float) -> None:
    (_, whole), (_, milliseconds) = retry_headers(seconds)
    assert whole.isdigit()
    assert milliseconds.isdigit()
    assert seconds - 1e-5 <= int(whole) < seconds + 1.00001
    assert seconds * 1000 - 0.001 <= int(milliseconds) < seconds * 1000 + 1.001


# The gateway's own refusals.


@pytest.mark.parametrize(
    ("request_bytes", "status", "error", "helps"),
    [
        (get(WEATHER, "X: y").replace(b"Authorization", b"Other"), 401, "Unauthorized", ["Authorization", "Bearer"]),
        (get(f"{PROXY}/anthropic/x", "A: b").replace(b"Authorization", b"Other"), 401, "Unauthorized", ["X-Api-Key"]),
        (get(WEATHER, "Authorization: Bearer no"), 403, "Unauthorized", ["--token"]),
        (get(f"{PROXY}/opnai/v1"), 404, "Unknown alias: opnai", ["did you mean openai?", *upstreams()]),
        (get("/v1/chat/completions"), 404, "Unknown URL: /v1/chat/completions", ["/api/oagw/v1/proxy/"]),
        (get(f"{PROXY}/openai"), 404, f"Unknown URL: {PROXY}/openai", [*upstreams()]),
        (get(WEATHER, method="PATCH"), 405, None, ["GET", "POST", "DELETE"]),
        (get(WEATHER, "X-Sim-Latency: soon"), 400, None, ["X-Sim-NAME", "latency"]),
    ],
)
def test_a_refusal_helps(
    client: Client, request_bytes: bytes, status: int, error: str | None, helps: list[str]
) -> None:
    reply = client.send(request_bytes).reply()
    assert (reply.status, reply.headers["x-oagw-error-source"]) == (status, "gateway")
    assert list(reply.json) == ["error", "message", "hint"]
    assert all(type(value) is str for value in reply.json.values())
    if error is not None:
        assert reply.json["error"] == error
    assert all(help in reply.json["message"] + reply.json["hint"] for help in helps)
    assert TOKEN not in reply.body.decode()


def test_a_limit_counts_by_a_token_in_the_query(wire: str) -> None:
    with serving(wire, rate_limit="1/min", token=["one", "two"], token_in_query=True) as server:
        asked = [("one", 200), ("one", 429), ("two", 200), ("two", 429)]
        with Client(server.port) as client:
            for key, status in asked:
                request = f"GET {WEATHER}?access_token={key} HTTP/1.1\r\nHost: x\r\n\r\n"
                assert client.send(request.encode()).reply().status == status
