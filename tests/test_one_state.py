"""Several processes with one state: whichever is asked, what was changed holds, and the answer is of all."""

from __future__ import annotations

import asyncio
import http.client
import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from redis_server import RedisServer

from oagw_tornado.testing import SimulatorThread

PROXY = "/api/oagw/v1/proxy"
BEARER = {"Authorization": "Bearer test-integration-token"}
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


def member(server: RedisServer, prefix: str, **options: Any) -> SimulatorThread:
    return SimulatorThread(state=f"{server.url}?prefix={prefix}", gate_timeout="20s", **options)


@pytest.fixture(scope="module")
def members(redis: RedisServer) -> Iterator[list[SimulatorThread]]:
    with member(redis, "both") as one, member(redis, "both") as other:
        yield [one, other]


@pytest.fixture
def two(members: list[SimulatorThread]) -> list[SimulatorThread]:
    """Two members, in the state at start."""
    assert ask(members[0], "POST", "/_sim/reset")[0] == 204
    return members


def ask(
    server: SimulatorThread, method: str, path: str, document: Any = None, headers: dict[str, str] | None = None
) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    body = None if document is None else json.dumps(document)
    given = {"Content-Type": "application/json"} if body else {}
    try:
        connection.request(method, path, body, {**given, **(headers or {})})
        reply = connection.getresponse()
        text = reply.read()
    finally:
        connection.close()
    return reply.status, json.loads(text) if text[:1] in (b"{", b"[") else text.decode()


def call(server: SimulatorThread, path: str = "weather/current", **headers: str) -> tuple[int, Any]:
    return ask(server, "GET", f"{PROXY}/{path}", headers={**BEARER, **headers})


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_change_holds_for_all_when_it_is_answered(two: list[SimulatorThread]) -> None:
    one, other = two
    for number in range(20):
        status, _ = ask(one, "PUT", "/_sim/rules", [{"name": "r", "fault": f"status;code={500 + number}"}])
        assert status == 200
        assert call(other)[0] == 500 + number
    assert ask(other, "PATCH", "/_sim/config", {"latency": "3ms"})[1]["latency"] == "3ms"
    assert ask(one, "GET", "/_sim/config")[1]["latency"] == "3ms"
    assert ask(one, "POST", "/_sim/reset")[0] == 204
    assert call(other)[0] == 200
    assert ask(other, "GET", "/_sim/config")[1]["latency"] != "3ms"


def test_what_cannot_be_is_refused_and_changes_nothing(two: list[SimulatorThread]) -> None:
    one, other = two
    status, answer = ask(one, "PATCH", "/_sim/config", {"latency": "soon"})
    assert (status, "latency" in answer["error"]) == (400, True)
    assert ask(one, "POST", "/_sim/rules", {"match": 1})[0] == 400
    assert ask(one, "DELETE", "/_sim/rules/unknown")[0] == 404
    assert ask(other, "GET", "/_sim/rules")[1] == {"rules": []}


def test_counted_rules_are_counted_together(two: list[SimulatorThread]) -> None:
    one, other = two
    rules = [
        {"name": "few", "match": {"alias": "weather"}, "when": {"first": 25}, "fault": "status;code=503"},
        {"name": "all", "match": {"alias": "weather"}},
    ]
    assert ask(one, "PUT", "/_sim/rules", rules)[0] == 200
    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(lambda number: call(two[number % 2])[0], range(100)))
    assert statuses.count(503) == 25
    counted = {rule["name"]: (rule["fitted"], rule["applied"]) for rule in ask(other, "GET", "/_sim/rules")[1]["rules"]}
    assert counted == {"few": (100, 25), "all": (75, 75)}
    assert ask(one, "GET", "/_sim/rules/few")[1]["applied"] == 25


def test_a_limit_is_one_for_all(two: list[SimulatorThread]) -> None:
    ask(two[0], "PATCH", "/_sim/config", {"rate-limit": "60/h;burst=7"})
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda number: call(two[number % 2])[0], range(40)))
    assert (statuses.count(200), statuses.count(429)) == (7, 33)


class Stream(threading.Thread):
    """Reads a stream, and counts its events."""

    def __init__(self, server: SimulatorThread, interval: str = "0ms", **headers: str) -> None:
        super().__init__(daemon=True)
        self._path = f"{PROXY}/stream-test/events?interval={interval}"
        self._server = server
        self._headers = headers
        self.events = 0
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=60)
        try:
            connection.request("GET", self._path, headers={**BEARER, **self._headers})
            for line in connection.getresponse():
                self.events += line.startswith(b"id:")
        except (OSError, http.client.HTTPException) as error:
            self.error = error
        finally:
            connection.close()


def test_a_gate_released_once_lets_one_event_pass(two: list[SimulatorThread]) -> None:
    one, other = two
    streams = [Stream(server, **{"X-Sim-Gate": "door"}) for server in (one, other, one, other)]
    until(lambda: ask(one, "GET", "/_sim/gates")[1]["gates"].get("door", {}).get("waiting") == 4)
    for released in range(1, 6):
        state = ask(two[released % 2], "POST", "/_sim/gates/door/release")[1]
        assert (state["gate"], state["permits"]) == ("door", 0)
        until(lambda released=released: sum(stream.events for stream in streams) >= released)  # type: ignore[misc]
        assert sum(stream.events for stream in streams) == released
    assert ask(other, "POST", "/_sim/gates/door/release?events=all")[1]["open"]
    for stream in streams:
        stream.join(20)
    assert [stream.events for stream in streams] == [4] * 4
    assert [stream.error for stream in streams] == [None] * 4


def test_the_journal_is_of_all_and_can_be_paged(two: list[SimulatorThread]) -> None:
    one, other = two
    for number in range(10):
        call(two[number % 2], "github/users/octocat", **{"X-Request-Id": f"call-{number}"})
    listed = ask(one, "GET", "/_sim/requests?alias=github")[1]
    assert [entry["id"] for entry in listed["requests"]] == [f"call-{number}" for number in range(9, -1, -1)]
    assert listed["next"] is None
    paged: list[str] = []
    after = ""
    while True:
        page = ask(two[len(paged) % 2], "GET", f"/_sim/requests?limit=3{after}")[1]
        paged += [entry["id"] for entry in page["requests"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert paged == [f"call-{number}" for number in range(9, -1, -1)]
    entry = ask(other, "GET", "/_sim/requests/call-4")[1]
    assert (entry["path"], entry["status"], entry["headers"]["X-Request-Id"]) == (
        f"{PROXY}/github/users/octocat",
        200,
        "call-4",
    )
    assert "***" in entry["headers"]["Authorization"]
    assert ask(one, "DELETE", "/_sim/requests")[0] == 204
    assert ask(other, "GET", "/_sim/requests")[1]["requests"] == []


def test_an_entry_is_the_same_whoever_shows_it(two: list[SimulatorThread]) -> None:
    one, other = two
    ask(one, "POST", "/_sim/rules", {"name": "never", "match": {"method": "PUT"}})
    Stream(one, **{"X-Sim-Seed": "7", "X-Request-Id": "shown"}).join(20)
    path = "/_sim/requests/shown"
    assert ask(one, "GET", path) == ask(other, "GET", path)
    assert ask(one, "GET", "/_sim/requests?events=1&format=har") == ask(
        other, "GET", "/_sim/requests?events=1&format=har"
    )


def test_timing_verdict_and_metrics_are_of_all(two: list[SimulatorThread]) -> None:
    one, other = two
    for server in (one, other, other):
        Stream(server).join(20)
    assert {ask(server, "GET", "/_sim/timing")[1]["events"] for server in two} == {12}
    for server in two:
        verdict = ask(server, "GET", "/_sim/verdict?late-p99=10s")[1]
        assert verdict["events"] == 12
        assert len(verdict["members"]) == 2
        assert sum(each["events"] for each in verdict["members"]) == 12
        metrics = ask(server, "GET", "/metrics")[1]
        assert "oagw_events_total 12.0" in metrics
        assert 'oagw_requests_total{alias="stream-test",source="upstream",status="200"} 3.0' in metrics


def test_metrics_of_models_are_of_all(two: list[SimulatorThread]) -> None:
    one, other = two
    chat = {"model": "gpt-4", "messages": [{"role": "user", "content": "one two three"}]}
    for server, stream in ((one, False), (other, True), (other, True)):
        path = f"{PROXY}/openai/v1/chat/completions?interval=0ms"
        assert ask(server, "POST", path, {**chat, "stream": stream}, BEARER)[0] == 200
    shown = {model_metrics(server) for server in two}
    assert len(shown) == 1
    (metrics,) = shown
    assert 'vllm:request_success_total{engine="0",finished_reason="stop",model_name="gpt-4"} 3.0' in metrics
    assert 'vllm:time_to_first_token_seconds_count{engine="0",model_name="gpt-4"} 2.0' in metrics
    assert 'vllm:generation_tokens_total{engine="0",model_name="gpt-4"}' in metrics


def model_metrics(server: SimulatorThread) -> str:
    text: str = call(server, "openai/metrics")[1]
    return "\n".join(line for line in text.splitlines() if "_created" not in line)


def test_upstreams_and_health_are_of_all(two: list[SimulatorThread]) -> None:
    one, other = two
    assert ask(one, "PUT", "/_sim/upstreams/mine", {"service": "weather"})[0] == 200
    assert call(other, "mine/current")[0] == 200
    ask(other, "POST", "/_sim/health", {"status": 503})
    assert ask(one, "GET", "/health")[0] == 503
    ask(one, "POST", "/_sim/reset")
    assert call(other, "mine/current")[0] == 404
    status, health = ask(other, "GET", "/health")
    assert (status, health["details"]["state"]["status"]) == (200, "connected")


def test_who_comes_later_finds_all_that_was_changed(two: list[SimulatorThread], redis: RedisServer) -> None:
    one, _ = two
    ask(one, "PATCH", "/_sim/config", {"latency": "3ms", "seed": 5, "strict": True})
    ask(one, "PUT", "/_sim/rules", [{"name": "a", "when": {"first": 3}}, {"name": "b"}])
    assert call(one)[0] == 503  # --strict: no rule says what is replied
    ask(one, "POST", "/_sim/rules", {"name": "c", "reply": "hi"})
    with member(redis, "both") as later:
        assert ask(later, "GET", "/_sim/config")[1]["latency"] == "3ms"
        rules = ask(later, "GET", "/_sim/rules")[1]["rules"]
        assert [rule["name"] for rule in rules] == ["a", "b", "c"]
        assert rules[0]["fitted"] == 1
        assert ask(later, "POST", "/_sim/reset")[0] == 204
    assert ask(one, "GET", "/_sim/rules")[1]["rules"] == []


def test_a_long_log_gives_way_to_the_state_as_it_is(redis: RedisServer) -> None:
    with member(redis, "log") as one:
        ask(one, "POST", "/_sim/upstreams", {"mine": {"service": "weather"}})
        ask(one, "PUT", "/_sim/rules", [{"name": "kept", "when": {"first": 2}, "fault": "status;code=500"}])
        assert call(one)[0] == 500
        for number in range(300):
            assert ask(one, "PATCH", "/_sim/config", {"seed": number})[0] == 200
        with member(redis, "log") as later:
            assert ask(later, "GET", "/_sim/config")[1]["seed"] == 299
            assert [call(each, "mine/current")[0] for each in (later, one, later)] == [500, 200, 200]
            assert ask(later, "GET", "/_sim/rules")[1]["rules"][0]["fitted"] == 4


def test_a_reset_lets_streams_of_all_go_on_to_their_end(two: list[SimulatorThread]) -> None:
    one, other = two
    gated = Stream(other, **{"X-Sim-Gate": "door"})
    until(lambda: ask(one, "GET", "/_sim/gates")[1]["gates"].get("door", {}).get("waiting") == 1)
    assert ask(one, "POST", "/_sim/reset")[0] == 204
    gated.join(20)
    assert (gated.events, gated.error) == (4, None)


def test_the_state_goes_and_comes_back() -> None:
    with RedisServer() as server, member(server, "away") as one, member(server, "away") as other:
        rules = [{"name": "few", "match": {"alias": "weather"}, "when": {"first": 5}, "fault": "status;code=500"}]
        ask(one, "PUT", "/_sim/rules", rules)
        ask(other, "PATCH", "/_sim/config", {"seed": 9})
        assert [call(each)[0] for each in (one, other, one)] == [500] * 3
        stream = Stream(one, "300ms")
        gated = Stream(other, **{"X-Sim-Gate": "door"})
        until(lambda: ask(one, "GET", "/_sim/gates")[1]["gates"].get("door", {}).get("waiting") == 1)
        server.kill()
        until(lambda: ask(one, "GET", "/health")[1]["details"]["state"]["status"] == "away")
        # What counts fails closed, at once and clearly; all else goes on.
        for each in (one, other):
            status, answer = call(each)
            assert (status, "state is away" in answer["error"]) == (503, True)
            assert call(each, "github/users/octocat")[0] == 200
            assert ask(each, "PATCH", "/_sim/config", {"seed": 1})[0] == 503
            assert ask(each, "GET", "/_sim/requests")[0] == 503
            assert ask(each, "GET", "/health")[0] == 200
            assert call(each, "github/users/octocat", **{"X-Sim-Gate": "door"})[0] == 503
        stream.join(20)
        assert (stream.events, stream.error) == (4, None)
        server.start()
        for each in (one, other):
            until(lambda each=each: ask(each, "GET", "/health")[1]["details"]["state"]["status"] == "connected")  # type: ignore[misc]
        # It had forgotten everything; those who were there knew.
        assert [call(each)[0] for each in (one, other, one, other)] == [500, 500, 200, 200]
        assert ask(other, "GET", "/_sim/config")[1]["seed"] == 9
        assert ask(one, "GET", "/_sim/rules")[1]["rules"][0]["fitted"] == 7
        assert ask(one, "POST", "/_sim/gates/door/release?events=4")[0] == 200
        gated.join(20)
        assert (gated.events, gated.error) == (4, None)


def test_a_state_that_is_not_there_is_an_error_that_names_it() -> None:
    from oagw_tornado.testing import SimulatorError

    started = time.monotonic()
    with pytest.raises(SimulatorError, match=r"--state: redis://127.0.0.1:1"):
        SimulatorThread(state="redis://127.0.0.1:1", start_timeout=30).start()
    assert time.monotonic() - started < 20


def test_clients_that_leave_while_they_are_decided_about_leave_nothing(two: list[SimulatorThread]) -> None:
    one, other = two
    ask(one, "PUT", "/_sim/rules", [{"name": "few", "match": {"alias": "weather"}, "when": {"first": 1000}}])

    async def leave() -> None:
        for _ in range(30):
            _, writer = await asyncio.open_connection("127.0.0.1", one.port)
            request = (
                f"GET {PROXY}/weather/current HTTP/1.1\r\nHost: x\r\nAuthorization: {BEARER['Authorization']}\r\n\r\n"
            )
            writer.write(request.encode())
            await writer.drain()
            writer.transport.abort()

    asyncio.run(leave())
    until(lambda: "oagw_requests_in_flight 0.0" in ask(other, "GET", "/metrics")[1])
