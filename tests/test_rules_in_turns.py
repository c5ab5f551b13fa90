"""The rule for a request with a long body is looked for in turns of the loop, and is the same one."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from longest_turn import LongestTurn
from raw_http import CHAT, request, talk
from redis_server import RedisServer
from wire import VisibleServer

LONG = " ".join(f"{number * 7919 % 999_983:x}" for number in range(120_000))


@pytest.fixture(scope="module")
def oagw(wire: str) -> Iterator[VisibleServer]:
    engine, loop = wire.split("-")
    with VisibleServer(http_server=engine, loop=loop) as server:
        rules = [
            {"match": {"last-message": f"*weather {number} please*"}, "reply": f"said {number}"}
            for number in range(900)
        ]
        server.control.call("PUT", "/_sim/rules", body=rules)
        yield server


def chat(text: str) -> bytes:
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": text}]}).encode()


def test_it_is_the_same_rule(oagw: VisibleServer) -> None:
    for text in ("WEATHER 17 please", f"{LONG} weather 17 please {LONG[:9]}"):
        reply = talk(oagw.port, request(CHAT, chat(text)), patience=30)
        assert b'"said 17"' in reply.body
    assert oagw.control.requests(limit=1)[0]["rule"] == "rule-18"
    reply = talk(oagw.port, request(CHAT, chat(f"{LONG} weather 1000 please")), patience=30)
    assert oagw.control.requests(limit=1)[0]["rule"] is None


def test_nobody_is_held_up(oagw: VisibleServer) -> None:
    body = chat(LONG + "".join(f"weather {number} pleas_" for number in range(900)))
    seconds = []
    for _ in range(2):
        with LongestTurn(oagw) as longest:
            assert talk(oagw.port, request(CHAT, body), patience=30).status == 200
        seconds.append(longest.seconds)
    # In one go it takes a second.
    assert min(seconds) < 0.06


def test_a_client_that_leaves_meanwhile(oagw: VisibleServer) -> None:
    body = chat(LONG + "".join(f"weather {number} pleas_" for number in range(900)))
    with socket.create_connection(("127.0.0.1", oagw.port)) as client:
        client.sendall(request(CHAT, body, {"X-Request-Id": "left"}))
    oagw.wait_until(lambda simulator: any(each.outcome for each in _of_id(simulator, "left")), 30)
    assert oagw.control.requests(limit=1)[0]["outcome"] == "client-left"


def _of_id(simulator: Any, id: str) -> list[Any]:
    found = simulator.responder.ledger.journal.find(id)
    return [] if found is None else [found]


@pytest.fixture(scope="module")
def sharing() -> Iterator[VisibleServer]:
    """One that shares its state, and has a rule that is counted there."""
    with RedisServer() as redis, VisibleServer(state=redis.url) as server:
        rules: list[dict[str, Any]] = [
            {"match": {"last-message": f"*weather {number} please*"}, "reply": f"said {number}"}
            for number in range(899)
        ]
        few = {"name": "few", "match": {"last-message": "*rest"}, "when": {"first": 1}, "reply": "counted"}
        server.control.call("PUT", "/_sim/rules", body=[*rules, few])
        yield server


def test_nobody_is_held_up_where_the_state_is_shared(sharing: VisibleServer) -> None:
    body = chat(LONG + "".join(f"weather {number} pleas_" for number in range(900)) + " rest")
    seconds, counted = [], 0
    for _ in range(2):
        with LongestTurn(sharing) as longest:
            reply = talk(sharing.port, request(CHAT, body), patience=30)
        assert reply.status == 200
        counted += b'"counted"' in reply.body
        seconds.append(longest.seconds)
    assert counted == 1
    assert min(seconds) < 0.06
