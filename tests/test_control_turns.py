"""No control request holds the loop longer than a turn, however much it has to do: streams are on time meanwhile."""

from __future__ import annotations

import json
import selectors
import socket
from collections.abc import Iterator

import pytest
from longest_turn import LongestTurn
from raw_http import request, talk
from wire import EVENTS, VisibleServer

from oagw_tornado.knobs.rules import LARGEST_RULES, MOST_RULES

#: Seconds of processor time: the share of 2 ms, and what a slow machine makes of the last step in it.
TURN = 0.010


@pytest.fixture(scope="module")
def server(wire: str) -> Iterator[VisibleServer]:
    engine, loop = wire.split("-")
    with VisibleServer(http_server=engine, loop=loop, gate_timeout="60s", event_interval="0") as running:
        yield running


@pytest.fixture
def oagw(server: VisibleServer) -> VisibleServer:
    server.control.reset()
    return server


@pytest.mark.alone
def test_many_events_are_released_in_turns(oagw: VisibleServer) -> None:
    with socket.create_connection(("127.0.0.1", oagw.port)) as connection:
        connection.sendall(request(f"{EVENTS}?count=20000", headers={"X-Sim-Gate": "door"}))
        oagw.wait_until(lambda simulator: bool(simulator.control.gates.as_json()))
        reader = connection.makefile("rb")
        connection.settimeout(30)
        with LongestTurn(oagw) as longest:
            connection_of_control = socket.create_connection(("127.0.0.1", oagw.port))
            connection_of_control.sendall(request("/_sim/gates/door/release?events=1000000", method="POST"))
            assert reader.read().endswith(b"0\r\n\r\n")
            connection_of_control.close()
    assert longest.seconds < 3 * TURN


@pytest.mark.alone
def test_a_reset_with_many_streams_at_gates(oagw: VisibleServer) -> None:
    """1,500 streams, each at a gate of its own, and 1,000 rules."""
    oagw.control.call("PUT", "/_sim/rules", body=[{"name": f"r{number}"} for number in range(MOST_RULES)])
    connections = []
    for number in range(1500):
        connections.append(connection := socket.create_connection(("127.0.0.1", oagw.port)))
        connection.sendall(request(EVENTS, headers={"X-Sim-Gate": f"door-{number}"}))
    oagw.wait_until(lambda simulator: len(simulator.control.gates.names()) == 1500, 30)
    with LongestTurn(oagw) as longest:
        assert len(oagw.control.call("GET", "/_sim/gates")["gates"]) == 1500
    assert longest.seconds < TURN
    with LongestTurn(oagw) as longest:
        oagw.control.reset()
    assert longest.seconds < 3 * TURN
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection, selectors.EVENT_READ)
        for key, _ in selector.select(5):
            assert key.fileobj.recv(100).startswith(b"HTTP/1.1 200")  # type: ignore[union-attr]
    for connection in connections:
        connection.close()
    assert oagw.control.rules() == []


@pytest.mark.alone
def test_many_rules_at_once(oagw: VisibleServer) -> None:
    match = {"path": "v1/chat/*", "header": {"x-team": "blue*"}, "model": "gpt-*"}
    rules = [{"name": f"r{number}", "match": match, "fault": "status;code=429"} for number in range(MOST_RULES)]
    oagw.control.add_rule(rules[0])  # what reads a rule is loaded with the first
    with LongestTurn(oagw) as longest:
        found = oagw.control.call("PUT", "/_sim/rules", body=rules)
    assert len(found["rules"]) == MOST_RULES
    assert longest.seconds < TURN
    with LongestTurn(oagw) as longest:
        for path in ("/_sim/rules", "/_sim/config", "/_sim/timing"):
            talk(oagw.port, request(path))
    assert longest.seconds < TURN


def test_a_document_that_is_too_large_is_refused(oagw: VisibleServer) -> None:
    body = json.dumps({"match": {"body": "x" * (LARGEST_RULES + 2**20)}}).encode()
    for method, path in (("POST", "/_sim/rules"), ("PUT", "/_sim/rules"), ("PATCH", "/_sim/config")):
        reply = talk(oagw.port, request(path, body, method=method))
        assert reply.status == 413
        assert json.loads(reply.body)["error"].startswith("match: expected at most ")


def test_rules_hold_all_or_nothing_while_they_are_read(oagw: VisibleServer) -> None:
    oagw.control.add_rule(name="old")
    reply = talk(oagw.port, request("/_sim/rules", [{}] * 900 + [{"latnecy": "1s"}], method="PUT"))
    assert reply.status == 400
    assert json.loads(reply.body)["error"].startswith("rule-901: latnecy: no such key")
    assert [rule["name"] for rule in oagw.control.rules()] == ["old"]
