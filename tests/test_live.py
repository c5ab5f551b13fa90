"""``/_sim/live``: who watches is told what happens, in bounded updates, and costs those nothing who are watched."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from typing import Any

import pytest
from raw_http import CHAT, chat, request, talk
from wire import EVENTS, VisibleServer

from oagw_tornado.evidence.credentials import Disclosure
from oagw_tornado.evidence.exchange import Exchange
from oagw_tornado.evidence.journal import Journal
from oagw_tornado.evidence.ledger import Ledger
from oagw_tornado.evidence.request_filter import RequestFilter
from oagw_tornado.page import feed, lanes, rows, standing, viewer
from oagw_tornado.testing import SimulatorThread

ALL = "/_sim/live?show=streams,requests,gates,rules"


@pytest.fixture(scope="module")
def server() -> Iterator[VisibleServer]:
    with VisibleServer(event_interval="5ms", gate_timeout="60s", journal_size=3000) as running:
        yield running


@pytest.fixture
def oagw(server: VisibleServer) -> VisibleServer:
    server.control.reset()
    return server


class Watching:
    """A viewer: all updates so far, and what they come to."""

    def __init__(self, reply: Any) -> None:
        self._reply = reply
        self.updates: list[dict[str, Any]] = []
        self.rows: dict[int, dict[str, Any]] = {}
        self.lanes: dict[int, dict[str, Any]] = {}
        self.now: dict[str, Any] = {}

    def until(self, condition: Callable[[Watching], Any], patience: float = 20.0) -> Watching:
        deadline = time.monotonic() + patience
        while not condition(self):
            assert time.monotonic() < deadline, self.updates[-3:]
            line = self._reply.readline()
            assert line, "the feed has ended"
            if line.startswith(b"data: "):
                self._take(json.loads(line[6:]))
        return self

    def _take(self, update: dict[str, Any]) -> None:
        self.updates.append(update)
        self.now |= {name: update[name] for name in ("now", "gates", "rules", "hello", "verdict") if name in update}
        self.rows |= {row["n"]: row for row in update.get("rows", ())}
        for change in update.get("lanes", ()):
            lane = self.lanes.setdefault(change["n"], {"planned": [], "actual": []})
            assert change["from"] == len(lane["planned"])
            lane["planned"] += change.pop("planned")
            lane["actual"] += change.pop("actual")
            lane |= change


@contextmanager
def watching(server: SimulatorThread, target: str = ALL, **headers: str) -> Iterator[Watching]:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.request("GET", target, headers=headers)
    reply = connection.getresponse()
    assert reply.status == 200, reply.read()
    assert reply.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    try:
        yield Watching(reply)
    finally:
        connection.close()


def test_a_stream_is_told_event_by_event_and_how_it_ended(oagw: VisibleServer) -> None:
    with watching(oagw) as page:
        page.until(lambda page: "hello" in page.now)
        assert page.now["hello"]["token"] == "test-integration-token"
        talk(oagw.port, request(f"{EVENTS}?count=300"))
        page.until(lambda page: any(lane.get("outcome") for lane in page.lanes.values()))
        (lane,) = page.lanes.values()
        assert lane["outcome"] == "complete"
        (entry,) = oagw.control.requests(events=True)
        assert lane["planned"] == [round(at, 5) for at in entry["events"]["planned"]]
        assert lane["actual"] == [round(at, 5) for at in entry["events"]["actual"]]
        assert sum("lanes" in update for update in page.updates) > 3, "it came as it went"
        page.until(lambda page: page.rows[lane["n"]]["ended"])
        assert page.rows[lane["n"]]["id"] == entry["id"]
        page.until(lambda page: any(second["events"] for u in page.updates for second in u.get("samples", ())))
        gaps = [then["at"] - now["at"] for now, then in zip(page.updates[1:], page.updates[2:], strict=False)]
        assert min(gaps) > 0.05


def test_what_was_before_is_told_too_and_a_reset_ends_it(oagw: VisibleServer) -> None:
    for _ in range(3):
        talk(oagw.port, request(CHAT, chat()))
    with watching(oagw) as page:
        page.until(lambda page: len(page.rows) == 3)
        oagw.control.reset()
        page.until(lambda page: any(update.get("reset") for update in page.updates))
        talk(oagw.port, request(CHAT, chat()))
        page.until(lambda page: len(page.rows) == 4)


def test_filters_are_those_of_the_journal(oagw: VisibleServer) -> None:
    with watching(oagw, "/_sim/live?show=requests&alias=weather&status=2xx") as page:
        talk(oagw.port, request(CHAT, chat()))
        talk(oagw.port, request("/api/oagw/v1/proxy/weather/current"))
        page.until(lambda page: page.rows)
        assert {row["alias"] for row in page.rows.values()} == {"weather"}


@pytest.mark.parametrize(
    ("query", "hint"),
    [("show=nothing", "streams, requests, gates, rules"), ("status=abc", "404"), ("chow=rules", "did you mean show")],
)
def test_what_cannot_be_watched_is_named(oagw: VisibleServer, query: str, hint: str) -> None:
    reply = talk(oagw.port, request(f"/_sim/live?{query}"))
    assert (reply.status, hint.encode() in reply.body) == (400, True)


def test_who_waits_at_a_gate_is_told(oagw: VisibleServer) -> None:
    with watching(oagw) as page, socket.create_connection(("127.0.0.1", oagw.port)) as client:
        client.sendall(request(EVENTS, headers={"X-Sim-Gate": "door", "X-Request-Id": "mine"}))
        page.until(lambda page: page.now.get("gates", {}).get("door", {}).get("waiting"))
        assert page.now["gates"]["door"]["who"] == [{"id": "mine", "alias": "stream-test", "path": EVENTS, "events": 0}]
        oagw.control.release("door", 2)
        page.until(lambda page: any(who["events"] == 2 for who in page.now["gates"].get("door", {}).get("who", ())))
        oagw.control.release("door")


def test_rules_and_their_counts_are_told(oagw: VisibleServer) -> None:
    with watching(oagw) as page:
        oagw.control.add_rule(name="mine", match={"alias": "openai"})
        talk(oagw.port, request(CHAT, chat()))
        page.until(lambda page: page.now.get("rules") == [["mine", 1, 1]])


def test_who_watches_is_no_load(oagw: VisibleServer) -> None:
    with watching(oagw) as page:
        page.until(lambda page: "now" in page.now)
        assert page.now["now"]["running"] == 0
        assert oagw.inside(lambda simulator: simulator.responder.ledger.running) == 0
        assert oagw.control.requests() == []
    oagw.wait_until(lambda simulator: not simulator.control.live.viewers)
    assert oagw.inside(lambda simulator: simulator.responder.ledger.running) == 0
    assert oagw.inside(lambda simulator: simulator.responder.ledger.counters.first_event_times) is None


def test_who_does_not_read_is_passed_over_and_then_let_go(oagw: VisibleServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def blocked() -> int:
        return oagw.inside(lambda simulator: sum(each.outlet.is_blocked for each in simulator.control.live.viewers))

    def listed(count: int) -> Callable[[Watching], bool]:
        return lambda page: len(page.rows) >= count

    with ExitStack() as stack:
        for _ in range(3):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", oagw.port)))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.sendall(request(ALL))
        page = stack.enter_context(watching(oagw))
        page.until(lambda page: "now" in page.now)
        sent = 0
        while blocked() < 3:
            for _ in range(20):
                talk(oagw.port, request("/api/oagw/v1/proxy/weather/current/" + "x" * 290))
            sent += 20
            # Who reads is told all the while.
            page.until(listed(sent))
            assert sent < 2000
        monkeypatch.setattr(feed, "PATIENCE", 0.3)
        oagw.wait_until(lambda simulator: len(simulator.control.live.viewers) == 1, 20)


def test_only_so_many_pages_are_open_at_once(oagw: VisibleServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oagw_tornado.control.live.MOST_VIEWERS", 1)
    with watching(oagw):
        assert talk(oagw.port, request(ALL)).status == 503
    oagw.wait_until(lambda simulator: not simulator.control.live.viewers)
    with watching(oagw) as page:
        page.until(lambda page: "hello" in page.now)


def test_it_ends_with_the_server() -> None:
    server = VisibleServer().start()
    with watching(server) as page:
        page.until(lambda page: "hello" in page.now)
        server.stop()
        assert server.take_errors() == ""


def test_a_server_that_drains_does_not_wait_for_pages(oagw: VisibleServer) -> None:
    with VisibleServer() as server, watching(server) as page:
        page.until(lambda page: "hello" in page.now)
        begun = time.monotonic()
        server.inside(lambda simulator: setattr(simulator.responder.health, "is_draining", True))
        with pytest.raises(AssertionError, match="has ended"):
            page.until(lambda page: False)
        assert time.monotonic() - begun < 10


# Bounds, without a socket.


def noted(ledger: Ledger, number: int, events: int = 0) -> Exchange:
    exchange = Exchange(str(number), "GET", f"/{number}", f"/{number}", {})
    exchange.alias = "openai"
    ledger.opened(exchange)
    if events:
        ledger.streams(exchange)
        for event in range(events):
            ledger.sent(exchange, 1, 1, event * 0.1, event * 0.1)
    return exchange


def test_an_update_is_bounded() -> None:
    disclosure = Disclosure()
    ledger = Ledger(Journal(20_000, 2**40))
    old = [noted(ledger, number) for number in range(6000)]
    listed = rows.Rows(ledger.journal, RequestFilter(disclosure), disclosure)
    told = [listed.take()["rows"] for _ in range(34)]
    assert max(map(len, told)) == rows.MOST_ROWS
    assert sum(map(len, told)) == rows.MOST_OLD_ROWS
    assert listed.take() == {}
    for number in range(2000):
        noted(ledger, 6000 + number)
    given_way: list[int] = []
    update = listed.take(lambda: given_way.append(1))
    assert len(update["rows"]) + update["skipped"] == 2000
    assert len(given_way) >= rows.MOST_ROWS // rows.AT_A_TIME
    for exchange in old:
        ledger.ended(exchange, "complete", 1.0)
    assert len(listed.take()["rows"]) == rows.MOST_ROWS
    assert len(listed._followed) <= rows.MOST_FOLLOWED
    drawn = lanes.Lanes(ledger.journal, RequestFilter(disclosure), disclosure)
    streams = [noted(ledger, 8000 + number, events=200) for number in range(100)]
    drawn.choose()
    given_way.clear()
    sizes = [sum(len(lane["planned"]) for lane in drawn.take(lambda: given_way.append(1))) for _ in range(5)]
    assert len(given_way) == lanes.MOST_LANES
    assert sizes == [lanes.MOST_INSTANTS] * 4 + [0]
    assert len(drawn.running) == lanes.MOST_LANES
    assert len(drawn._candidates) <= 500
    ledger.ended(streams[-1 if streams[-1] in drawn.running else 0], "complete", 1.0)
    assert len(drawn.choose()) == 1, "the next stream has its lane"
    assert (viewer.MOST_SAMPLES, standing.MOST_GATES, standing.MOST_WAITING) == (120, 100, 20)


def test_a_lane_that_is_over_is_told_once() -> None:
    disclosure = Disclosure()
    ledger = Ledger(Journal(100))
    exchange = noted(ledger, 1, events=3)
    drawn = lanes.Lanes(ledger.journal, RequestFilter(disclosure), disclosure)
    drawn.choose()
    assert drawn.take()[0]["planned"] == [0.0, 0.1, 0.2]
    assert drawn.take() == []
    ledger.ended(exchange, "client-left", 0.5)
    (last,) = drawn.take()
    assert (last["outcome"], last["planned"], last["from"]) == ("client-left", [], 3)
    assert drawn.take() == []
