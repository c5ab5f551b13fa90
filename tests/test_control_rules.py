"""Configuration, rules and limits over HTTP, and what they do to the requests that follow."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from raw_http import CHAT, TOKEN, chat, request, talk
from test_control import WEATHER, ask

from oagw_tornado.testing import SimulatorThread


@pytest.fixture(scope="module")
def server(wire: str) -> Iterator[SimulatorThread]:
    engine, loop = wire.split("-")
    rules = [{"name": "from-the-start", "match": {"alias": "github"}, "latency": "1s"}]
    with SimulatorThread(http_server=engine, loop=loop, inter_token_latency="1ms", rules=rules) as running:
        yield running


@pytest.fixture
def oagw(server: SimulatorThread) -> SimulatorThread:
    server.control.reset()
    return server


# Configuration and rules.


def test_configuration_changes_for_requests_to_come(oagw: SimulatorThread) -> None:
    status, document, _ = ask(oagw, "PATCH", "/_sim/config", {"latency": "40ms", "output-tokens": 3})
    assert (status, document["latency"], document["output-tokens"]) == (200, "40ms", 3)
    began = time.monotonic()
    talk(oagw.port, request(WEATHER))
    assert time.monotonic() - began >= 0.04
    status, document, _ = ask(oagw, "PATCH", "/_sim/config", {"latency": None})
    assert document["latency"] == "0"
    assert ask(oagw, "GET", "/_sim/config")[1] == document


@pytest.mark.parametrize(
    "changes",
    [
        {"latency": "5ms", "itl": "soon"},
        {"latency": "5ms", "port": 1},
        {"latency": "5ms", "latencyy": "5ms"},
        {"latency": "5ms", "seed": [1]},
        [],
        "latency",
    ],
)
def test_a_change_is_all_or_nothing(oagw: SimulatorThread, changes: Any) -> None:
    before = ask(oagw, "GET", "/_sim/config")[1]
    status, document, _ = ask(oagw, "PATCH", "/_sim/config", changes)
    assert status == 400
    assert document["error"]
    assert ask(oagw, "GET", "/_sim/config")[1] == before


def test_a_configuration_shows_no_credentials(oagw: SimulatorThread) -> None:
    assert TOKEN not in json.dumps(ask(oagw, "GET", "/_sim/config")[1])


def test_rules_by_their_verbs(oagw: SimulatorThread) -> None:
    status, document, _ = ask(oagw, "POST", "/_sim/rules", {"match": {"alias": "weather"}, "fault": "status;code=418"})
    assert (status, document["name"], document["fitted"]) == (201, "rule-2", 0)
    assert talk(oagw.port, request(WEATHER)).status == 418
    assert ask(oagw, "GET", "/_sim/rules/rule-2")[1]["applied"] == 1
    assert [rule["name"] for rule in ask(oagw, "GET", "/_sim/rules")[1]["rules"]] == ["from-the-start", "rule-2"]
    status, document, _ = ask(oagw, "PUT", "/_sim/rules", {"rules": [{"name": "only", "latency": "1ms"}]})
    assert (status, [rule["name"] for rule in document["rules"]]) == (200, ["only"])
    assert ask(oagw, "PUT", "/_sim/rules", [{"name": "a"}, {"name": "b"}])[0] == 200
    assert ask(oagw, "DELETE", "/_sim/rules/a")[0] == 204
    assert ask(oagw, "DELETE", "/_sim/rules/a")[0] == 404
    assert ask(oagw, "GET", "/_sim/rules/a")[0] == 404
    assert ask(oagw, "DELETE", "/_sim/rules")[0] == 204
    assert ask(oagw, "GET", "/_sim/rules")[1] == {"rules": []}


@pytest.mark.parametrize(
    ("document", "hint"),
    [
        ({"falt": "reset"}, "falt"),
        ({"when": {"first": "2"}}, "when.first"),
        ([], "object"),
        ({"fault": "rest"}, "rest"),
    ],
)
def test_a_bad_rule_is_refused_by_its_key(oagw: SimulatorThread, document: Any, hint: str) -> None:
    status, reply, _ = ask(oagw, "POST", "/_sim/rules", document)
    assert status == 400
    assert hint in reply["error"]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"a":NaN}'])
def test_what_is_no_json_is_refused(oagw: SimulatorThread, body: bytes) -> None:
    for method, path in (("POST", "/_sim/rules"), ("PUT", "/_sim/rules"), ("PATCH", "/_sim/config")):
        assert ask(oagw, method, path, body)[0] == 400


def test_two_failures_then_success(oagw: SimulatorThread) -> None:
    oagw.control.add_rule(match={"alias": "weather"}, when={"first": 2}, fault="status;code=429;retry-after=1s")
    replies = [talk(oagw.port, request(WEATHER)) for _ in range(3)]
    assert [reply.status for reply in replies] == [429, 429, 200]
    assert replies[0].header("Retry-After") == "1"


@pytest.mark.parametrize(
    ("source", "code", "retry"), [("gateway", 502, None), ("gateway", 403, "false"), ("upstream", 403, None)]
)
def test_a_rule_says_who_is_to_blame(oagw: SimulatorThread, source: str, code: int, retry: str | None) -> None:
    oagw.control.add_rule(source=source, fault=f"status;code={code}")
    reply = talk(oagw.port, request(WEATHER))
    assert (reply.status, reply.header("X-OAGW-Error-Source")) == (code, source)
    assert reply.header("X-Should-Retry") == retry


def test_rules_see_path_header_body_and_model(oagw: SimulatorThread) -> None:
    match = {"path": "v1/chat/*", "method": "POST", "header": {"X-Team": "a*"}, "model": "gpt-4*", "body": "needle"}
    oagw.control.add_rule(name="narrow", match=match, fault="status;code=418")
    team = {"X-Team": "alpha"}
    assert talk(oagw.port, request(CHAT, chat("needle"), team)).status == 418
    assert talk(oagw.port, request(CHAT, chat("hay"), team)).status == 200
    assert talk(oagw.port, request(CHAT, chat("needle"))).status == 200
    assert talk(oagw.port, request(CHAT.replace("chat", "ch%61t"), chat("needle"), team)).status == 418


# Limits.


def test_a_rate_limit_is_a_true_429(oagw: SimulatorThread) -> None:
    oagw.control.configure(rate_limit="60/min;burst=2")
    replies = [talk(oagw.port, request(WEATHER)) for _ in range(3)]
    assert [reply.status for reply in replies] == [200, 200, 429]
    assert [reply.header("x-ratelimit-remaining-requests") for reply in replies] == ["1", "0", "0"]
    assert replies[2].header("X-OAGW-Error-Source") == "gateway"
    assert replies[2].header("Retry-After") == "1"
    assert 0 < int(replies[2].header("Retry-After-Ms") or 0) <= 1000
    assert replies[2].header("X-Should-Retry") is None
    assert "rate limit" in json.loads(replies[2].body)["error"].lower()
    # Another alias has a bucket of its own.
    assert talk(oagw.port, request("/api/oagw/v1/proxy/github/users/octocat")).status == 200
    assert oagw.control.requests(status=429)[0]["source"] == "gateway"


def test_a_token_limit(oagw: SimulatorThread) -> None:
    oagw.control.add_rule(match={"alias": "openai"}, rate_limit="100/min;tokens=1000/min", source="upstream")
    first = talk(oagw.port, request(CHAT, chat(max_tokens=900)))
    second = talk(oagw.port, request(CHAT, chat(max_tokens=900)))
    assert (first.status, second.status) == (200, 429)
    assert int(first.header("x-ratelimit-remaining-tokens") or 0) < 100
    assert second.header("x-ratelimit-remaining-requests") == "99"
    assert second.header("X-OAGW-Error-Source") == "upstream"
    assert json.loads(second.body)["error"]["type"] == "rate_limit_error"


def test_nothing_throttles_unless_asked(oagw: SimulatorThread) -> None:
    reply = talk(oagw.port, request(WEATHER))
    assert not [line for line in reply.head.lower().split(b"\r\n") if line.startswith(b"x-ratelimit")]
