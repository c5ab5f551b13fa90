"""Health checks that can fail, outages by the clock, and upstreams at the root."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raw_http import CHAT, RawReply, chat, request, talk
from wire import VisibleServer, serving

from oagw_tornado.gateway.health import HealthState
from oagw_tornado.knobs.outage import Outage, parse_outage
from oagw_tornado.testing import SimulatorError, SimulatorThread

WEATHER = "/api/oagw/v1/proxy/weather/current"
CHECKS = ("/health", "/healthz", "/readyz")
HEALTHY = {"service": "oagw-mock-server", "status": "healthy"}


@pytest.fixture(scope="module")
def running(wire: str) -> Iterator[VisibleServer]:
    with serving(wire, inter_token_latency="1ms", mount=["openai=/", "weather=/w", "openai=/w/ai/"]) as server:
        yield server


@pytest.fixture
def server(running: VisibleServer) -> VisibleServer:
    running.control.reset()
    return running


def ask(server: SimulatorThread, target: str, body: Any = None, **headers: str) -> RawReply:
    return talk(server.port, request(target, body, {name.replace("_", "-"): value for name, value in headers.items()}))


@pytest.mark.parametrize("path", CHECKS)
def test_all_is_well(server: VisibleServer, path: str) -> None:
    reply = ask(server, path, Authorization="")
    assert (reply.status, json.loads(reply.body)) == (200, HEALTHY)
    assert reply.header("X-OAGW-Error-Source") is None
    assert ask(server, path + "/x").status == 404 or path == "/healthz"


def test_health_can_be_set(server: VisibleServer) -> None:
    said = server.control.call("POST", "/_sim/health", body={"status": 503})
    assert said == {"draining": False, "checks": {"/health": 503, "/healthz": 200, "/readyz": 503}}
    assert [ask(server, path).status for path in CHECKS] == [503, 200, 503]
    assert json.loads(ask(server, "/health").body) == {**HEALTHY, "status": "unhealthy"}
    assert ask(server, WEATHER).status == 200
    server.control.call("POST", "/_sim/health", body={"status": 500, "paths": ["/healthz"]})
    assert server.control.call("GET", "/_sim/health")["checks"] == {"/health": 503, "/healthz": 500, "/readyz": 503}
    server.control.call("POST", "/_sim/health", body={"status": 200})
    assert [ask(server, path).status for path in CHECKS] == [200, 500, 200]
    server.control.reset()
    assert [ask(server, path).status for path in CHECKS] == [200, 200, 200]


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        ({}, "status"),
        ({"status": "503"}, "status"),
        ({"status": True}, "status"),
        ({"status": 199}, "status"),
        ({"status": 503, "path": "/health"}, "path"),
        ({"status": 503, "paths": []}, "paths"),
        ({"status": 503, "paths": "/health"}, "paths"),
        ({"status": 503, "paths": ["/nowhere"]}, "paths"),
        ({"status": 503, "paths": [["/health"]]}, "paths"),
        ([], "object"),
    ],
)
def test_bad_health_is_refused(server: VisibleServer, body: Any, hint: str) -> None:
    reply = ask(server, "/_sim/health", body)
    assert reply.status == 400
    assert hint in json.loads(reply.body)["error"]
    assert ask(server, "/health").status == 200


def test_a_rule_meets_the_gateways_own_pages(server: VisibleServer) -> None:
    server.control.add_rule(match={"path": "/health"}, when={"first": 2}, fault="status;code=503")
    server.control.add_rule(name="closed", match={"path": "/api/oagw/v1/status"}, fault="reset")
    assert [ask(server, "/health").status for _ in range(3)] == [503, 503, 200]
    assert ask(server, "/readyz").status == 200
    assert ask(server, "/api/oagw/v1/status").end == "reset"
    assert [(rule["fitted"], rule["applied"]) for rule in server.control.rules()] == [(3, 2), (1, 1)]


def test_a_rule_for_upstreams_leaves_the_pages_alone(server: VisibleServer) -> None:
    server.control.configure(fault="reset", latency="5s")
    for match in ({}, {"path": "*"}, {"path": "/*"}, {"path": "health"}, {"path": "/health", "alias": "openai"}):
        server.control.add_rule(match=match, fault="reset")
    assert [ask(server, path).status for path in CHECKS] == [200, 200, 200]


def test_a_health_check_may_ask_for_its_own_trouble(server: VisibleServer) -> None:
    assert ask(server, "/health", X_Sim_Fault="status;code=500").status == 500
    began = time.monotonic()
    assert ask(server, "/readyz?sim-latency=60ms").status == 200
    assert time.monotonic() - began >= 0.06
    assert ask(server, "/health", X_Sim_Latency="soon").status == 400


def test_draining_is_not_ready() -> None:
    health = HealthState()
    health.is_draining = True
    assert [health.answer(path)[0] for path in CHECKS] == [200, 200, 503]
    health.set(500)
    assert health.answer("/readyz") == (500, "draining")


# Outages.


def test_an_upstream_is_away_by_the_clock(server: VisibleServer) -> None:
    server.control.add_rule(match={"alias": "weather"}, outage="every 500ms for 200ms")
    seen: list[RawReply] = []
    changes, deadline = 0, time.monotonic() + 20
    while changes < 4:
        seen.append(ask(server, WEATHER))
        changes += len(seen) > 1 and seen[-1].status != seen[-2].status
        assert time.monotonic() < deadline
    away = [reply for reply in seen if reply.status == 503]
    assert {reply.status for reply in seen} == {200, 503}
    assert (away[0].header("X-OAGW-Error-Source"), away[0].header("Retry-After")) == ("gateway", "1")
    assert 0 < float(away[0].header("Retry-After-Ms") or 0) <= 200
    assert ask(server, CHAT, chat()).status == 200


def test_an_outage_says_whose_it_is_and_with_which_status(server: VisibleServer) -> None:
    server.control.add_rule(outage="every 10s for 9999ms;code=502", source="upstream", seed=1)
    server.inside(lambda simulator: setattr(simulator.control._terms, "started", time.monotonic() - 10))
    reply = ask(server, WEATHER)
    assert (reply.status, reply.header("X-OAGW-Error-Source")) == (502, "upstream")


@given(st.integers(1, 1000), st.integers(1, 1000), st.floats(0, 1e5), st.none() | st.integers(0, 2**63 - 1))
def test_the_timetable(every: int, duration: int, now: float, seed: int | None) -> None:
    outage = Outage(float(every + duration), float(duration))
    left = outage.remaining(now, "openai", seed)
    assert 0 <= left <= duration
    assert outage.remaining(now, "openai", seed) == left, "the same seed is the same timetable"
    period = outage.every
    if seed is None:
        assert (left > 0) == (now >= period and now % period < duration)
    if left > 1e-3:
        assert outage.remaining(now + left + 1e-6, "openai", seed) == 0
    # Of each period the part that is said, wherever it begins.
    away = sum(outage.remaining(period * (5 + step / 997), "x", seed) > 0 for step in range(997))
    assert away / 997 == pytest.approx(duration / period, abs=0.01)


@pytest.mark.parametrize(
    "text", ["every 60s", "every 60 for 5", "every 5s for 5s", "every 5s for 0", "60s/5s", "every 60s for 5s;code=200"]
)
def test_what_is_no_timetable(server: VisibleServer, text: str) -> None:
    with pytest.raises(ValueError, match=r"every|code|outage|duration"):
        parse_outage(text)
    reply = ask(server, WEATHER, X_Sim_Outage=text)
    assert (reply.status, "outage" in json.loads(reply.body)["error"]) == (400, True)


@pytest.mark.parametrize("text", ["every 1m for 5s", "every 60s for 5s;code=502"])
def test_a_timetable_is_written_as_it_is_read(text: str) -> None:
    outage = parse_outage(text)
    assert parse_outage(str(outage)) == outage
    assert parse_outage("none") is None


# Mounts.


@pytest.mark.parametrize("prefix", ["", "/w/ai", "/api/oagw/v1/proxy/openai"])
def test_an_upstream_at_a_prefix(server: VisibleServer, prefix: str) -> None:
    server.control.add_rule(name="chats", match={"path": "/v1/chat/*"}, fault="split")
    assert ask(server, f"{prefix}/v1/models").status == 200
    reply = ask(server, f"{prefix}/v1/chat/completions", chat())
    assert (reply.status, reply.header("X-OAGW-Error-Source")) == (200, "upstream")
    assert ask(server, f"{prefix}/v1/models", Authorization="").status == 401
    assert ask(server, f"{prefix}/v1/nothing").status == 404
    found = server.control.requests(limit=2)
    assert [each["alias"] for each in found if each["alias"]] == ["openai"]
    assert server.control.rules()[0]["fitted"] == 1


def test_a_mount_takes_nothing_of_the_servers_own(server: VisibleServer) -> None:
    assert ask(server, "/w/current?city=Oslo").status == 200
    assert json.loads(ask(server, "/health").body) == HEALTHY
    assert ask(server, "/_sim/timing").status == 200
    assert json.loads(ask(server, "/").body)["page"].endswith("/_sim/")
    for path in ("/w", "/w/"):
        reply = ask(server, path)
        assert (reply.status, json.loads(reply.body)["error"]) == (404, f"Unknown URL: {path}")


@pytest.mark.parametrize(
    ("mount", "hint"),
    [
        (["openay=/"], "openay"),
        (["openai=/", "weather=/"], "two upstreams are mounted at /"),
        (["openai"], "openai"),
        (["openai="], "openai="),
        (["openai=v1"], "openai=v1"),
        (["openai=/_sim/x"], "/_sim"),
        (["openai=/a//b"], "/a//b"),
        (["=/"], "=/"),
    ],
)
def test_a_bad_mount_is_refused(mount: list[str], hint: str) -> None:
    with pytest.raises(SimulatorError) as caught:
        SimulatorThread(mount=mount).start()
    assert "mount" in str(caught.value)
    assert hint in str(caught.value)
