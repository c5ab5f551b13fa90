"""The control endpoints, over HTTP, on both engines."""

from __future__ import annotations

import json
import socket
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
