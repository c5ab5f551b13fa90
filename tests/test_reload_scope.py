"""What reading the configuration again changes: who may ask, which upstreams there are, and how much a client may send.

Requests under way end as they began.
"""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
from raw_http import TOKEN, request, talk
from reloaded_server import Reloaded, reloaded

from oagw_tornado.testing import SimulatorThread

PROXY = "/api/oagw/v1/proxy"
WEATHER = f"{PROXY}/weather/current"
FOREIGN = {"Origin": "http://app.example"}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reloaded]:
    with reloaded(tmp_path_factory.mktemp("reload"), "") as server:
        yield server


class Case:
    """A request before a reload of `text`, behind it, and with the empty file again."""

    def __init__(self, text: str, said: str, asked: bytes, before: int, after: int) -> None:
        self.text, self.said, self.asked, self.statuses = text, said, asked, (before, after, before)


def nameless(asked: bytes) -> bytes:
    return asked.replace(f"Authorization: Bearer {TOKEN}\r\n".encode(), b"")


CASES = {
    "a new token": Case(
        "token: other", "token changed (1 -> 1)", request(WEATHER, headers={"Authorization": "Bearer other"}), 403, 200
    ),
    "the old token": Case("token: other", "token changed (1 -> 1)", request(WEATHER), 200, 403),
    "two tokens": Case(f"token: [{TOKEN}, other]", "token changed (1 -> 2)", request(WEATHER), 200, 200),
    "a token in the query": Case(
        "token-in-query: yes", "token-in-query no -> yes",
        nameless(request(f"{WEATHER}?access_token={TOKEN}")), 401, 200,
    ),
    "the admin token": Case("admin-token: secret", "admin-token changed", request("/_sim/rules"), 200, 403),
    "a control host": Case(
        "control-host: sim.test", "control-host none -> sim.test",
        request("/_sim/rules").replace(b"Host: localhost", b"Host: sim.test"), 403, 200,
    ),
    "no control": Case("no-control: yes", "no-control no -> yes", request("/_sim/rules"), 200, 404),
    "a mount": Case("mount: weather=/w", "mount none -> weather=/w", request("/w/current"), 404, 200),
    "a preflight": Case(
        "cors: http://app.example", "cors none -> http://app.example",
        request(WEATHER, headers=FOREIGN | {"Access-Control-Request-Method": "GET"}, method="OPTIONS"), 405, 204,
    ),
    "a body": Case(
        "max-body-size: 10B", "max-body-size 64MiB -> 10", request(f"{PROXY}/calculator/add", {"operation": "add"}),
        200, 413,
    ),
    "a head": Case(
        "max-header-lines: 4", "max-header-lines 100 -> 4", request(WEATHER, headers={"A": "1", "B": "2"}), 200, 431
    ),
    "a model": Case("models: mine", "models ", request(f"{PROXY}/openai/v1/models/mine"), 404, 200),
    "a client of oauth": Case(
        "oauth-client: me:secret", "oauth-client changed (0 -> 1)",
        nameless(request(f"{PROXY}/oauth/token", b"grant_type=client_credentials&client_id=x&client_secret=y",
                         {"Content-Type": "application/x-www-form-urlencoded"})), 200, 401,
    ),
    "an upstream": Case(
        "upstreams: {w2: {service: weather}}", "upstreams +w2", request(f"{PROXY}/w2/current"), 404, 200
    ),
    "a rule of the new upstream": Case(
        "upstreams: {w2: {service: weather}}\nrules: [{match: {alias: w2}, fault: status;code=502}]",
        "upstreams +w2, rules 0 -> 1", request(f"{PROXY}/w2/current"), 404, 502,
    ),
    "a token of one upstream": Case(
        "upstreams: {w2: {service: weather, token: own}}", "upstreams +w2", request(f"{PROXY}/w2/current"), 404, 403
    ),
    "strictness": Case("strict: yes", "strict no -> yes", request(WEATHER), 200, 503),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_is_read_again_holds_at_once(shared: Reloaded, name: str) -> None:
    case, port = CASES[name], shared.server.port
    seen = [talk(port, case.asked).status]
    assert shared.reload(case.text).startswith(case.said)
    seen.append(talk(port, case.asked).status)
    shared.reload("")
    seen.append(talk(port, case.asked).status)
    assert tuple(seen) == case.statuses


def test_a_kept_connection_is_held_to_what_was_read_again(shared: Reloaded) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", shared.server.port, timeout=30)
    try:
        seen = []
        for text in ("", "token: other", ""):
            shared.reload(text)
            for _ in range(3):  # a head that came before is known
                connection.request("GET", WEATHER, headers={"Authorization": f"Bearer {TOKEN}"})
                reply = connection.getresponse()
                reply.read()
                seen.append(reply.status)
        assert seen == [200] * 3 + [403] * 3 + [200] * 3
    finally:
        connection.close()


def test_who_waits_already_has_no_more_time_than_was_read_again(shared: Reloaded) -> None:
    with socket.create_connection(("127.0.0.1", shared.server.port), timeout=30) as idle:
        idle.sendall(request(WEATHER).replace(b"Connection: close\r\n", b""))
        assert idle.recv(65536).startswith(b"HTTP/1.1 200")
        shared.reload("idle-timeout: 1ms")
        assert idle.recv(1) == b""
    shared.reload("")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("token: other\nmount: nobody=/x", "mount: no upstream 'nobody'"),
        ("token: other\nupstreams: {w2: {service: nothing}}", "upstreams: w2.service: no service 'nothing'"),
        ("token: other\nupstreams: {weather: {}}", "upstreams: weather: is already the alias of a service"),
        ("token: other\nrules: [{match: {alias: w2}}]", "line 2: rule-1: match.alias: no upstream 'w2'"),
        ("token: other\nreplay: /nowhere", "replay: cannot read the directory '/nowhere'"),
        ("token: other\nrecord: /tmp", "record: there is no real upstream"),
        ("token: other\nupstreams: {r: {url: 'http://x', authorization: 'env:OAGW_NO'}}", "the environment has no"),
        ("token: other\ncors: http://x/path", "cors: 'http://x/path' is not an origin"),
        ("token: other\nloop: asyncio\nlisten: http://127.0.0.1:1", "listen"),
        ("token: other\nlog-level: loud", "log-level: 'loud'"),
    ],
)
def test_all_of_it_or_nothing(shared: Reloaded, text: str, reason: str) -> None:
    shared.reload("mount: weather=/w")
    said = shared.reload(text)
    assert reason in said
    assert said.endswith("; nothing changed")
    assert talk(shared.server.port, request("/w/current")).status == 200
    shared.reload("")


def test_upstreams_that_were_added_by_hand_stay(shared: Reloaded) -> None:
    control = shared.server.control
    shared.reload("upstreams: {one: {service: weather}, two: {service: weather}}")
    control.call("PUT", "/_sim/upstreams/hand", body={"service": "weather"})
    control.call("PUT", "/_sim/upstreams/two", body={"service": "calculator"})
    said = shared.reload("upstreams: {one: {service: github}, three: {}}")
    assert said == "upstreams +three -two ~one"
    described = control.call("GET", "/_sim/upstreams")["upstreams"]
    assert described == {
        "one": {"service": "github"}, "hand": {"service": "weather"}, "two": {"service": "calculator"}, "three": {}
    }  # fmt: skip
    control.reset()
    assert set(control.call("GET", "/_sim/upstreams")["upstreams"]) == {"one", "three"}
    shared.reload("")
    assert control.call("GET", "/_sim/upstreams")["upstreams"] == {}


def test_the_log_and_the_journal_are_read_again(shared: Reloaded) -> None:
    control, port = shared.server.control, shared.server.port
    shared.reload("access-log: yes\njournal-size: 2\nunmasked: x-shown")
    for number in range(3):
        talk(port, request(f"{WEATHER}?city={number}", headers={"X-Shown": "me", "X-Hidden": "not"}))
    kept = control.call("GET", "/_sim/requests")["requests"]
    assert len(kept) == 2
    assert "'X-Shown': 'me'" in str(kept)
    assert "'X-Hidden': '***'" in str(kept)
    assert "city=2" in shared.server.stderr
    shared.reload("access-log: no")
    talk(port, request(f"{WEATHER}?city=4"))
    assert "city=4" not in shared.server.stderr


def test_watching_begins_and_ends_with_a_reload(shared: Reloaded) -> None:
    assert shared.reload("watch: yes") == "watch no -> yes"
    shared.write("watch: no\nlatency: 1ms")
    assert shared.next_line() == "watch yes -> no, latency 0 -> 1ms"
    shared.reload("")


def test_a_token_of_before_goes_on_being_masked(shared: Reloaded) -> None:
    """The journal holds requests of the time when it was good."""
    shared.reload("token: a-token-of-before")
    talk(shared.server.port, request(f"{WEATHER}?q=a-token-of-before"))
    shared.reload("")
    assert "a-token-of-before" not in json.dumps(shared.server.control.call("GET", "/_sim/requests"))


def opened(port: int, target: str) -> socket.socket:
    """A connection on which a reply to a request for `target` has begun."""
    stream = socket.create_connection(("127.0.0.1", port), timeout=30)
    stream.sendall(request(target))
    assert stream.recv(1) == b"H"
    return stream


def rest_of(stream: socket.socket) -> bytes:
    with stream:
        data = b""
        while piece := stream.recv(65536):
            data += piece
        return data


def test_a_stream_under_way_ends_as_it_began(shared: Reloaded) -> None:
    shared.reload("upstreams: {gone: {service: stream-test, event-interval: 150ms}}")
    stream = opened(shared.server.port, f"{PROXY}/gone/events")
    assert shared.reload("token: other").startswith("token changed (1 -> 1), upstreams -gone")
    assert b"Final event" in rest_of(stream)
    assert (
        talk(shared.server.port, request(f"{PROXY}/gone/events", headers={"Authorization": "Bearer other"})).status
        == 404
    )
    shared.reload("")


def real(server: SimulatorThread, alias: str = "mine", token: str = TOKEN, **more: Any) -> str:
    described = {"url": f"{server.base_url}{PROXY}", "authorization": f"Bearer {token}", **more}
    return json.dumps({"upstreams": {alias: described}})


def test_real_upstreams_come_change_and_go(shared: Reloaded, tmp_path: Path) -> None:
    pytest.importorskip("aiohttp")
    port, asked = shared.server.port, request(f"{PROXY}/mine/weather/current")
    with SimulatorThread() as upstream, SimulatorThread(token="second") as other:
        assert shared.reload(real(upstream)) == "upstreams +mine"
        assert talk(port, asked).status == 200
        stream = opened(port, f"{PROXY}/mine/stream-test/events?interval=150ms")
        assert shared.reload(real(other)) == "upstreams ~mine"
        assert talk(port, asked).status == 403, "the other one, which does not know this token"
        assert shared.reload(real(other, token="second")) == "upstreams ~mine"
        assert talk(port, asked).status == 200
        assert b"Final event" in rest_of(stream), "it goes on with the upstream that it began with"
        shared.reload(real(other, token="second", record=str(tmp_path)))
        assert talk(port, asked).status == 200
        assert len(list((tmp_path / "mine").iterdir())) == 1
        assert shared.reload(json.dumps({"replay": str(tmp_path)})).endswith("upstreams -mine")
    deadline = monotonic() + 20
    while (status := talk(port, asked).status) != 200:  # recordings are read in the background
        assert status in (404, 502), status
        assert monotonic() < deadline
        sleep(0.05)
    shared.reload("")
    assert talk(port, asked).status == 404
