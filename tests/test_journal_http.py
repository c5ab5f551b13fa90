"""The journal over HTTP: filters, pages, other forms, and what it costs whoever else is served."""

from __future__ import annotations

import csv
import http.client
import io
import json
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from longest_turn import LongestTurn
from raw_http import CHAT, TOKEN, chat, request, talk
from wire import VisibleServer

from oagw_tornado.evidence.exchange import Exchange
from oagw_tornado.evidence.view import exchange_as_json

NOBODY = "/api/oagw/v1/proxy/github/users/nobody"
WEATHER = "/api/oagw/v1/proxy/weather/current"
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture(scope="module")
def server(wire: str) -> Iterator[VisibleServer]:
    engine, loop = wire.split("-")
    with VisibleServer(http_server=engine, loop=loop, inter_token_latency="0", unmasked="X-Team") as running:
        yield running


@pytest.fixture
def oagw(server: VisibleServer) -> VisibleServer:
    server.control.reset()
    return server


def get(oagw: VisibleServer, query: str = "") -> Any:
    """What ``/_sim/requests`` says, by a client that reads chunks."""
    connection = http.client.HTTPConnection("127.0.0.1", oagw.port, timeout=30)
    try:
        connection.request("GET", f"/_sim/requests{query}")
        reply = connection.getresponse()
        text = reply.read()
    finally:
        connection.close()
    return json.loads(text) if reply.headers["Content-Type"] == "application/json" else text.decode()


def ids(oagw: VisibleServer, query: str) -> list[str]:
    return [found["id"] for found in get(oagw, query)["requests"]]


@pytest.fixture
def three(oagw: VisibleServer) -> VisibleServer:
    oagw.control.add_rule(name="teapot", match={"alias": "github"}, latency="1ms")
    cut = {"X-Request-Id": "a", "X-Team": "blue", "X-Sim-Fault": "truncate;at-event=2"}
    talk(oagw.port, request(CHAT, chat(), cut))
    talk(oagw.port, request(NOBODY, headers={"X-Request-Id": "b", "X-Team": "red"}))
    talk(oagw.port, request(CHAT, chat(stream=False, model="gpt-3.5"), {"X-Request-Id": "c", "Authorization": "x"}))
    return oagw


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", "cba"), ("?limit=0", ""), ("?alias=openai", "a"), ("?status=404", "b"), ("?status=4xx", "cb"),
        ("?path=/v1/chat/*", "ca"), ("?path=v1/chat/completions", "ca"), ("?path=*/github/*", "b"),
            ("?path=/users/*", "b"),
        ("?path=/v1", ""), ("?model=gpt-4", "a"), ("?model=gpt-*", "a"), ("?outcome=complete", "cb"),
        ("?outcome=fault:*", "a"), ("?outcome=", ""), ("?rule=teapot", "b"), ("?rule=", "ca"), ("?rule=tea*", "b"),
        ("?header=x-team", "ba"), ("?header=X-Team:bl*", "a"), ("?header=x-team&header=x-team:red", "b"),
        ("?header=authorization:x", ""), ("?header=authorization:\\*\\*\\*", ""), ("?header=authorization", "cba"),
        ("?method=post", "ca"), ("?source=gateway", "c"), ("?id=b", "b"), ("?alias=openai&status=200&limit=5", "a"),
    ],
)  # fmt: skip
def test_filters(three: VisibleServer, query: str, found: str) -> None:
    assert ids(three, query) == list(found)


@pytest.mark.parametrize(
    ("query", "hint"),
    [
        ("status=teapot", "status: expected a status"),
        ("status=4x", "status: "),
        ("after=0", "after: "),
        ("after=x", "after: "),
        ("events=maybe", "events: "),
        ("format=xml", "format: expected json, har, ndjson"),
        ("format=csv", "events=1"),
        ("header=", "header: "),
        ("header=:x", "header: "),
        ("path=" + "x" * 1001, "path: expected at most 1000"),
        ("stauts=404", "stauts: no such parameter; expected id, alias"),
        ("stauts=404", "(did you mean status?)"),
        ("rule=a&rule=b", "rule: given more than once"),
    ],
)
def test_what_is_no_filter_is_named(oagw: VisibleServer, query: str, hint: str) -> None:
    reply = talk(oagw.port, request(f"/_sim/requests?{query}"))
    assert reply.status == 400
    assert hint in json.loads(reply.body)["error"]


def test_page_by_page_everything_is_there_once(oagw: VisibleServer) -> None:
    for number in range(7):
        talk(oagw.port, request(WEATHER, headers={"X-Request-Id": str(number)}))
    page = get(oagw, "?limit=3")
    found, pages = [one["id"] for one in page["requests"]], 1
    while page["next"] is not None:
        talk(oagw.port, request(WEATHER))  # what comes meanwhile moves no page
        page = get(oagw, f"?limit=3&after={page['next']}")
        found += [one["id"] for one in page["requests"]]
        pages += 1
    assert (found, pages) == (list("6543210"), 3)
    assert get(oagw, "?limit=50")["next"] is None


def test_events_in_a_list_and_line_by_line(three: VisibleServer) -> None:
    (stream,) = get(three, "?id=a&events=1")["requests"]
    assert len(stream["events"]["planned"]) == len(stream["events"]["actual"]) == 2
    lines = [json.loads(line) for line in get(three, "?events=1&format=ndjson").splitlines()]
    assert [(line["id"], line["event"]) for line in lines] == [("a", 1), ("a", 2)]
    assert [line["actual"] for line in lines] == stream["events"]["actual"]
    rows = list(csv.DictReader(io.StringIO(get(three, "?events=1&format=csv"))))
    assert [float(row["planned"]) for row in rows] == stream["events"]["planned"]
    assert [json.loads(line)["id"] for line in get(three, "?format=ndjson").splitlines()] == ["a", "b", "c"]


def test_an_http_archive(three: VisibleServer) -> None:
    archive = get(three, "?format=har")["log"]
    assert archive["version"] == "1.2"
    first, second, third = archive["entries"]
    (archive_host,) = (line["value"] for line in first["request"]["headers"] if line["name"] == "Host")
    assert first["request"]["url"] == f"http://{archive_host}{CHAT}"
    assert json.loads(first["request"]["postData"]["text"]) == chat()
    assert {"name": "Authorization", "value": "***"} in first["request"]["headers"]
    assert (first["_oagw"]["outcome"], second["response"]["status"], third["response"]["status"]) == (
        "fault:truncate", 404, 401,
    )  # fmt: skip
    for entry in archive["entries"]:
        assert {"startedDateTime", "time", "request", "response", "cache", "timings"} <= set(entry)
        assert entry["time"] == pytest.approx(sum(entry["timings"][name] for name in ("send", "wait", "receive")))
    talk(three.port, request(WEATHER + "?city=New+York&api_key=hush"))
    entry = get(three, "?format=har")["log"]["entries"][-1]
    assert entry["request"]["queryString"] == [
        {"name": "city", "value": "New York"},
        {"name": "api_key", "value": "***"},
    ]


def test_bodies_are_kept_whole_up_to_their_size(oagw: VisibleServer) -> None:
    small, large = {"text": "x" * 60_000}, {"text": "x" * 70_000}
    for body in (small, large):
        talk(oagw.port, request(WEATHER, body))
    second, first = get(oagw)["requests"]
    assert json.loads(first["body"]["head"]) == small
    assert (second["body"]["size"], len(second["body"]["head"])) == (len(json.dumps(large)), 65536)


def test_probes_and_browsers_habits_leave_no_trace(oagw: VisibleServer) -> None:
    for path in ("/health", "/favicon.ico", "/_sim/timing", "/_sim/nothing", "/metrics"):
        talk(oagw.port, request(path))
    talk(oagw.port, request("/_simfoo"))
    talk(oagw.port, request("/metricsx"))
    assert [found["path"] for found in get(oagw)["requests"]] == ["/metricsx", "/_simfoo"]


def test_a_trace_is_echoed_and_kept(oagw: VisibleServer) -> None:
    for target, body in ((CHAT, chat()), (WEATHER, None), ("/nowhere", None), (CHAT, {"messages": 5})):
        reply = talk(oagw.port, request(target, body, {"traceparent": TRACE}))
        assert reply.header("traceparent") == TRACE
        assert get(oagw, "?limit=1")["requests"][0]["headers"]["Traceparent"] == TRACE
    oagw.control.configure(rate_limit="1/h")
    replies = [talk(oagw.port, request(WEATHER, headers={"traceparent": TRACE})) for _ in range(2)]
    assert [(reply.status, reply.header("traceparent")) for reply in replies] == [(200, TRACE), (429, TRACE)]
    for wrong in ("00-1-2-01", TRACE.upper(), "x", TRACE[:-1]):
        assert talk(oagw.port, request(WEATHER, headers={"traceparent": wrong})).header("traceparent") is None


def fill(oagw: VisibleServer, number: int, headers: str, body: bytes) -> None:
    """So many requests over one connection."""
    # A body that is refused is not kept.
    lines = f"Host: x\r\nAuthorization: Bearer {TOKEN}\r\n{headers}Content-Length: {len(body)}\r\n"
    head = f"POST {WEATHER} HTTP/1.1\r\n{lines}\r\n".encode()
    with socket.create_connection(("127.0.0.1", oagw.port), timeout=30) as connection:
        reader = connection.makefile("rb")
        for _ in range(number):
            connection.sendall(head + body)
            size = 0
            while (line := reader.readline()) not in (b"\r\n", b""):
                if line.lower().startswith(b"content-length:"):
                    size = int(line.split(b":")[1])
            reader.read(size)


def longest_turn_of(ask: Callable[[], Any], oagw: VisibleServer) -> float:
    with LongestTurn(oagw) as longest:
        ask()
    return longest.seconds


LINES = "".join(f"x-{number}: v\r\n" for number in range(90))


@pytest.mark.alone
def test_no_listing_holds_the_loop(oagw: VisibleServer) -> None:
    """150 requests with 90 header lines and 20 KiB of body each, listed, searched and forgotten."""
    body = json.dumps({"messages": [{"role": "user", "content": "some words " * 20}] * 80, "token": "hush"}).encode()
    fill(oagw, 150, LINES, body)
    for query in ("", "?format=har", "?header=x-7:w", "?model=nothing"):
        held = min(longest_turn_of(lambda query=query: get(oagw, query), oagw) for _ in range(2))  # type: ignore[misc]
        assert held < 0.010, query
    assert longest_turn_of(lambda: talk(oagw.port, request("/_sim/requests", method="DELETE")), oagw) < 0.010


def until_steady(count: Callable[[], int]) -> int:
    """What `count` gives once it has not grown for a while."""
    deadline, last = time.monotonic() + 10, -1
    while (now := count()) != last or not now:
        assert time.monotonic() < deadline
        last = now
        time.sleep(0.2)
    return now


def test_a_reader_that_does_not_read_costs_no_memory(oagw: VisibleServer, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def show(exchange: Exchange, *rest: Any) -> dict[str, Any]:
        made.append(1)
        return exchange_as_json(exchange, *rest)

    monkeypatch.setattr("oagw_tornado.control.journal_handlers.exchange_as_json", show)
    body = b"x" * 60_000
    fill(oagw, 300, "", body)
    with socket.create_connection(("127.0.0.1", oagw.port)) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(request("/_sim/requests"))
        listing = until_steady(lambda: oagw.inside(lambda simulator: len(made)))
        assert 0 < listing < 300
    assert len(get(oagw)["requests"]) == 300


def test_a_listing_ends_with_its_reader(oagw: VisibleServer) -> None:
    fill(oagw, 100, "", b"x" * 60_000)
    with socket.create_connection(("127.0.0.1", oagw.port)) as connection:
        connection.sendall(request("/_sim/requests"))
        connection.recv(1000)
    oagw.wait_until(lambda simulator: simulator.responder.ledger.running == 0)
    assert oagw.take_errors() == ""
