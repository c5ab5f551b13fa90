"""The control endpoints, over HTTP, on both engines."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from typing import Any

import pytest
from raw_http import CHAT, TOKEN, RawReply, chat, request, talk

from oagw_tornado.control.access import is_loopback
from oagw_tornado.control.table import ROUTES
from oagw_tornado.testing import ControlError, SimulatorThread

WEATHER = "/api/oagw/v1/proxy/weather/current"


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


def ask(oagw: SimulatorThread, method: str, target: str, body: Any = None, **headers: str) -> tuple[int, Any, RawReply]:
    reply = talk(oagw.port, request(target, body, headers, method))
    try:
        document = json.loads(reply.body) if reply.body else None
    except json.JSONDecodeError:
        document = reply.body
    return reply.status, document, reply


def until(happens: Callable[[], Any], seconds: float = 5.0) -> Any:
    """What `happens` gives once it is true."""
    deadline = time.monotonic() + seconds
    while not (found := happens()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.002)
    return found


# The journal.


def test_requests_are_listed_newest_first(oagw: SimulatorThread) -> None:
    talk(oagw.port, request(WEATHER + "?city=Oslo", headers={"X-Request-Id": "mine"}))
    talk(oagw.port, request("/api/oagw/v1/proxy/nobody/x"))
    talk(oagw.port, request(CHAT, chat(), {"X-Sim-Fault": "reset;at-event=1"}))
    first, second, third = oagw.control.requests()
    assert (first["outcome"], first["events_sent"], first["alias"]) == ("fault:reset", 1, "openai")
    assert first["knobs"]["fault"] == "reset;at-event=1"
    assert json.loads(first["body"]["head"]) == chat()
    assert (second["status"], second["source"], second["outcome"]) == (404, "gateway", "complete")
    assert (third["id"], third["target"], third["status"]) == ("mine", WEATHER + "?city=Oslo", 200)
    assert third["headers"]["Authorization"] == "***"
    assert third["client"] == "127.0.0.1"
    assert abs(third["time"] - time.time()) < 60


def test_requests_are_filtered(oagw: SimulatorThread) -> None:
    talk(oagw.port, request(WEATHER))
    talk(oagw.port, request("/api/oagw/v1/proxy/github/users/nobody"))
    talk(oagw.port, request(WEATHER))
    assert [found["alias"] for found in oagw.control.requests(alias="weather")] == ["weather", "weather"]
    assert [found["alias"] for found in oagw.control.requests(status=404)] == ["github"]
    assert len(oagw.control.requests(limit=2)) == 2
    middle = oagw.control.requests()[1]["time"]
    assert len(oagw.control.requests(since=middle)) == 2
    assert len(oagw.control.requests(since=time.time() + 60)) == 0
    assert len(oagw.control.requests(since="2020-01-01T00:00:00Z")) == 3


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("status=x", "status"),
        ("limit=-1", "limit"),
        ("since=noon", "since"),
        ("foo=1", "foo"),
        ("limit=1&limit=2", "limit"),
    ],
)
def test_a_bad_filter_is_named(oagw: SimulatorThread, query: str, name: str) -> None:
    status, document, _ = ask(oagw, "GET", f"/_sim/requests?{query}")
    assert status == 400
    assert document["error"].startswith(f"{name}: ")


def test_a_request_that_runs_is_there(oagw: SimulatorThread) -> None:
    with socket.create_connection(("127.0.0.1", oagw.port)) as connection:
        connection.sendall(request(CHAT, chat(), {"X-Request-Id": "runs", "X-Sim-Fault": "stall;at-event=2"}))
        until(oagw.control.requests)
        view = until(lambda: (found := oagw.control.request("runs"))["events_sent"] == 2 and found)
        assert (view["outcome"], view["status"]) == (None, 200)
        assert len(view["events"]["actual"]) == 2
    view = until(lambda: (found := oagw.control.request("runs"))["outcome"] and found)
    assert (view["outcome"], view["faults"]) == ("client-left", ["stall"])


def test_no_such_request(oagw: SimulatorThread) -> None:
    status, document, _ = ask(oagw, "GET", "/_sim/requests/nobody")
    assert (status, document["error"]) == (404, "No request 'nobody' in the journal")


def test_the_journal_can_be_emptied(oagw: SimulatorThread) -> None:
    talk(oagw.port, request(WEATHER))
    assert ask(oagw, "DELETE", "/_sim/requests")[0] == 204
    assert oagw.control.requests() == []


def test_who_asks_for_evidence_leaves_none(oagw: SimulatorThread) -> None:
    ask(oagw, "GET", "/_sim/timing")
    ask(oagw, "GET", "/metrics")
    assert oagw.control.requests() == []
    assert b'alias="",' not in talk(oagw.port, request("/metrics")).body


def test_every_reply_has_an_id(oagw: SimulatorThread) -> None:
    targets = [WEATHER, "/health", "/nowhere", "/_sim/timing", "/metrics", "/_sim/nowhere", "/api/oagw/v1/status"]
    replies = [talk(oagw.port, request(target)) for target in targets]
    assert len({reply.header("X-Request-Id") for reply in replies}) == len(replies)
    assert talk(oagw.port, request(WEATHER, headers={"X-Request-Id": "mine"})).header("X-Request-Id") == "mine"
    assert all(reply.header("Server-Timing") for reply in replies)


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


# Gates.


class Held:
    """A gated stream in a thread."""

    def __init__(self, oagw: SimulatorThread, gate: str, target: str = CHAT, body: Any = None, **headers: str) -> None:
        self.reply: RawReply | None = None
        data = request(target, body, {"X-Sim-Gate": gate, "X-Request-Id": gate, **headers})
        self.thread = threading.Thread(target=self._run, args=(oagw.port, data))
        self.thread.start()
        until(lambda: ask(oagw, "GET", "/_sim/gates")[1]["gates"].get(gate, {}).get("waiting"))

    def _run(self, port: int, data: bytes) -> None:
        self.reply = talk(port, data, patience=30)

    def result(self) -> RawReply:
        self.thread.join(60)
        assert self.reply is not None
        return self.reply


def test_a_gate_releases_event_by_event(oagw: SimulatorThread) -> None:
    held = Held(oagw, "door", CHAT, chat("a b"))
    assert oagw.control.request("door")["events_sent"] == 0
    for sent in (1, 2, 3):
        document = ask(oagw, "POST", "/_sim/gates/door/release")[1]
        assert document == {"gate": "door", "open": False, "permits": 0, "waiting": 1}
        assert oagw.control.request("door")["events_sent"] == sent
    assert oagw.control.release("door", 2)["waiting"] == 1
    assert oagw.control.request("door")["events_sent"] == 5
    oagw.control.release("door", "all")
    assert held.result().body.endswith(b"0\r\n\r\n")
    timing = oagw.control.timing()
    assert timing["late_ms"]["max"] < 1000, "waiting at a gate is not lateness"


def test_a_whole_reply_waits_too(oagw: SimulatorThread) -> None:
    held = Held(oagw, "whole", WEATHER)
    oagw.control.release("whole", 1)
    assert held.result().status == 200


def test_a_gate_whose_client_leaves_is_forgotten(oagw: SimulatorThread) -> None:
    with socket.create_connection(("127.0.0.1", oagw.port)) as connection:
        connection.sendall(request(CHAT, chat(), {"X-Sim-Gate": "left", "X-Request-Id": "left"}))
        until(lambda: ask(oagw, "GET", "/_sim/gates")[1]["gates"])
    until(lambda: not ask(oagw, "GET", "/_sim/gates")[1]["gates"])
    assert oagw.control.request("left")["outcome"] == "client-left"


def test_a_gate_that_nobody_releases_ends_in_an_error(oagw: SimulatorThread) -> None:
    oagw.control.configure(gate_timeout="60ms")
    streamed = talk(oagw.port, request(CHAT, chat(), {"X-Sim-Gate": "shut"}))
    assert streamed.status == 200
    error, end = streamed.chunks
    assert "error" in json.loads(error.removeprefix(b"data: "))
    assert end == b""
    assert oagw.control.requests(limit=1)[0]["outcome"] == "gate-timeout"
    whole = talk(oagw.port, request(WEATHER, headers={"X-Sim-Gate": "shut"}))
    assert (whole.status, whole.header("X-OAGW-Error-Source")) == (504, "gateway")
    assert oagw.control.requests(limit=1)[0]["outcome"] == "gate-timeout"
    assert oagw.control.requests(limit=1)[0]["status"] == 504


@pytest.mark.parametrize("events", ["0", "-1", "x", "1&events=2"])
def test_a_bad_release_is_refused(oagw: SimulatorThread, events: str) -> None:
    status, document, _ = ask(oagw, "POST", f"/_sim/gates/door/release?events={events}")
    assert status == 400
    assert document["error"].startswith("events: ")


@pytest.mark.parametrize("name", ["a%20b", "none", "x" * 129])
def test_a_gate_that_no_request_can_name_is_not_released(oagw: SimulatorThread, name: str) -> None:
    status, document, _ = ask(oagw, "POST", f"/_sim/gates/{name}/release")
    assert status == 400
    assert document["error"].startswith("gate: ")


# Reset.


def counted(oagw: SimulatorThread) -> list[bytes]:
    """The metrics, without those of the process, which no reset changes."""
    return [line for line in talk(oagw.port, request("/metrics")).body.splitlines() if b"process_" not in line]


def test_reset_is_the_state_at_start(oagw: SimulatorThread) -> None:
    at_start = {
        path: ask(oagw, "GET", path)[1] for path in ("/_sim/config", "/_sim/rules", "/_sim/timing", "/_sim/gates")
    }
    metrics = counted(oagw)
    oagw.control.configure(latency="1ms", rate_limit="1/h", gate_timeout="1s")
    ask(oagw, "PUT", "/_sim/rules", [{"match": {"alias": "github"}, "fault": "reset"}])
    held = Held(oagw, "door", CHAT, chat())
    talk(oagw.port, request(WEATHER))
    oagw.control.reset()
    assert held.result().body.endswith(b"0\r\n\r\n"), "who waited at a gate goes on"
    oagw.control.reset()
    for path, document in at_start.items():
        assert ask(oagw, "GET", path)[1] == document
    assert counted(oagw) == metrics
    assert oagw.control.requests() == []
    oagw.control.configure(rate_limit="1/h")
    assert talk(oagw.port, request(WEATHER)).status == 200, "the buckets are full again"


def test_a_reset_lets_a_stream_go_on_to_its_end(oagw: SimulatorThread) -> None:
    """It takes more than one turn of the loop, and must not meet its gate again in the next."""
    oagw.control.configure(gate_timeout="10s")
    held = Held(oagw, "door", CHAT, chat("word " * 3000))
    oagw.control.reset()
    assert held.result().body.count(b"data: ") > 3000
    assert held.result().body.endswith(b"0\r\n\r\n")


# Who may ask.


@pytest.mark.parametrize(
    ("client", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("10.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("fe80::1%eth0", False),
        ("", False),
        ("localhost", False),
    ],
)
def test_loopback(client: str, loopback: bool) -> None:
    assert is_loopback(client) == loopback


def test_an_unknown_path_or_method_is_refused_in_json(oagw: SimulatorThread) -> None:
    for path in ("/_sim/nothing", "/_sim/assets/nothing", "/_sim/requests/a/b", "/metrics/x", "/_simulator"):
        status, document, _ = ask(oagw, "GET", path)
        assert (status, type(document["error"])) == (404, str)
    status, document, reply = ask(oagw, "PUT", "/_sim/timing")
    assert (status, reply.header("Allow")) == (405, "GET, HEAD")
    assert ask(oagw, "GET", "/_sim/reset")[0] == 405


def test_head_is_served_where_get_is(oagw: SimulatorThread) -> None:
    for path in ("/_sim/requests", "/_sim/timing", "/_sim/config", "/_sim/rules", "/_sim/gates", "/metrics"):
        reply = talk(oagw.port, request(path, method="HEAD"))
        assert (reply.status, reply.body) == (200, b"")


#: The page, which asks for the token itself.
FILES = {"/_sim", "/_sim/", "/_sim/assets/{name}"}


def test_an_admin_token_is_asked_of_all() -> None:
    with SimulatorThread(admin_token="secret") as guarded:
        assert guarded.control.requests() == []
        for path in {path for path, _ in ROUTES} - FILES:
            for headers, status in (
                ({}, 401),
                ({"Authorization": f"Bearer {TOKEN}"}, 403),
                ({"Authorization": "secret"}, 401),
            ):
                connection = HTTPConnection("127.0.0.1", guarded.port)
                connection.request("GET", path, headers=headers)
                assert connection.getresponse().status == status
                connection.close()
        assert ask(guarded, "GET", WEATHER, Authorization="Bearer secret")[0] == 403


def test_no_control_means_none() -> None:
    with SimulatorThread(no_control=True) as closed:
        for path, _ in ROUTES:
            assert ask(closed, "GET", path)[0] == 404
        with pytest.raises(ControlError):
            closed.control.reset()
        assert talk(closed.port, request(WEATHER)).status == 200


def test_without_a_journal_there_are_still_counters() -> None:
    with SimulatorThread(journal_size=0) as lean:
        talk(lean.port, request(CHAT, chat("a")))
        assert lean.control.requests() == []
        assert lean.control.timing()["events"] == 6
