"""Requests passed on to a real upstream of another make, and its replies passed back, over real sockets."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from nginx import needs_nginx, nginx
from other_servers import AiohttpServer, saying
from raw_http import TOKEN, RawReply, dial, read_reply, request, talk

from oagw_tornado.testing import SimulatorThread

KEY = "sk-the-key-of-the-real-one-0123456789"
REAL = "/api/oagw/v1/proxy/real"


class Pair:
    """A simulator and the real upstream behind its alias ``real``."""

    def __init__(self, simulator: SimulatorThread, upstream: AiohttpServer) -> None:
        self.simulator = simulator
        self.upstream = upstream

    def ask(self, path: str, body: Any = None, headers: dict[str, str] | None = None, method: str = "") -> RawReply:
        return talk(self.simulator.port, request(f"{REAL}/{path}", body, headers, method or None), 10)

    def journal(self, **filters: Any) -> list[dict[str, Any]]:
        return list(self.simulator.control.requests(**filters))


def described(folder: Path, **upstreams: dict[str, Any]) -> str:
    file = folder / "sim.json"
    file.write_text(json.dumps({"upstreams": upstreams}))
    return str(file)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("pair")
    with AiohttpServer() as upstream:
        url = f"http://127.0.0.1:{upstream.port}/base"
        real = {"url": url, "authorization": f"Bearer {KEY}", "headers": {"X-Team": "ours"}, "service": "openai"}
        with SimulatorThread(config=described(folder, real=real)) as simulator:
            yield Pair(simulator, upstream)


def wait_for(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 15
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return found


def test_a_request_passes_with_what_is_not_the_gateways(pair: Pair) -> None:
    headers = {"Cookie": "a=1", "X-Sim-Latency": "1ms", "X-Team": "theirs", "Connection": "close, X-Hop", "X-Hop": "1"}
    reply = pair.ask("v1//a%2Fb/%C3%A4?x=1&sim-seed=5&y=%20", {"a": 1}, headers, "PATCH")
    assert reply.status == 200
    assert reply.header("X-OAGW-Error-Source") == "upstream"
    assert reply.header("X-Upstream-Request-Id") == "theirs"
    assert reply.header("Content-Length") == str(len(reply.body))
    seen = json.loads(reply.body)
    assert (seen["method"], seen["target"], seen["size"]) == ("PATCH", "/base/v1//a%2Fb/%C3%A4?x=1&y=%20", 8)
    passed = {name.lower(): value for name, value in seen["headers"]}
    assert passed == {
        "host": f"127.0.0.1:{pair.upstream.port}",
        "content-type": "application/json",
        "content-length": "8",
        "cookie": "a=1",
        "authorization": f"Bearer {KEY}",
        "x-team": "ours",
    }
    (entry,) = pair.journal(method="PATCH")
    assert (entry["alias"], entry["status"], entry["source"], entry["outcome"]) == ("real", 200, "upstream", "complete")


@pytest.mark.parametrize("code", [200, 204, 302, 304, 307, 404, 429, 503])
def test_a_reply_passes_as_it_is(pair: Pair, code: int) -> None:
    reply = pair.ask(f"status/{code}")
    assert reply.status == code
    assert reply.header("X-OAGW-Error-Source") == "upstream"
    assert reply.header("Retry-After") == "7"
    assert reply.head.count(b"Set-Cookie: ") == 2
    assert reply.head.count(b"X-OAGW-Error-Source") == reply.head.count(b"Date:") == 1
    assert reply.header("X-Own") is reply.header("Keep-Alive") is reply.header("X-Sim-Fault") is None
    assert reply.header("Location") == ("http://127.0.0.1:9/elsewhere" if code in (302, 307) else None)
    assert reply.body == (b"" if code in (204, 304) else b'{"status": %d}' % code)


def test_head_compression_and_expectations(pair: Pair) -> None:
    reply = pair.ask("large?size=5000000", method="HEAD")
    assert (reply.status, reply.header("Content-Length"), reply.body) == (200, "5000000", b"")
    reply = pair.ask("packed")
    assert (reply.header("Content-Encoding"), reply.body) == ("gzip", b"\x1f\x8b not really")
    # What is packed is passed on packed, whether or not it can be unpacked here. aiohttp's server unpacks the first.
    for coding, body in (("gzip", gzip.compress(b"text")), ("x-unheard-of", b"text")):
        reply = pair.ask("echo", body, {"Content-Encoding": coding})
        assert json.loads(reply.body)["sha256"] == sha256(b"text").hexdigest()
    data = request(f"{REAL}/echo", b"later", {"Expect": "100-continue"})
    with dial(pair.simulator.port, 10) as client:
        client.sendall(data[:-5])
        assert client.recv(100).startswith(b"HTTP/1.1 100 ")
        client.sendall(data[-5:])
        assert b'"size": 5' in read_reply(client).body


def test_a_large_body_passes_and_is_not_held(pair: Pair) -> None:
    """More than --max-body-size is, up and down, however it is framed."""
    piece = b"0123456789abcdef" * 4096
    digest = sha256()
    with dial(pair.simulator.port, 30) as client:
        head = f"PUT {REAL}/echo HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n"
        client.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        for _ in range(1100):
            client.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
            digest.update(piece)
        client.sendall(b"0\r\n\r\n")
        seen = json.loads(read_reply(client).body)
    assert (seen["size"], seen["sha256"]) == (1100 * len(piece), digest.hexdigest())
    reply = pair.ask("large?size=3000001")
    assert (len(reply.body), reply.header("Content-Length")) == (3_000_001, "3000001")
    (entry,) = pair.journal(method="PUT")
    assert entry["body"]["size"] == 1100 * len(piece)


def test_a_slow_upstream_holds_its_client_up(tmp_path: Path) -> None:
    go_on = threading.Event()

    def dawdle(connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        go_on.wait(20)
        while connection.recv(65536):
            pass

    with (
        saying(dawdle) as port,
        SimulatorThread(config=described(tmp_path, real={"url": f"http://127.0.0.1:{port}"})) as simulator,
        dial(simulator.port, 1) as client,
    ):
        client.sendall(
            f"POST {REAL}/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
            "Content-Length: 500000000\r\n\r\n".encode()
        )
        sent = 0
        try:
            while sent < 200_000_000:
                sent += client.send(b"x" * 65536)
        except TimeoutError:
            pass
        go_on.set()
        # The kernel's buffers on the way, and a few hundred KiB here.
        assert sent < 50_000_000


def test_a_client_that_does_not_read_holds_the_upstream_up(pair: Pair) -> None:
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.settimeout(20)
        client.connect(("127.0.0.1", pair.simulator.port))
        client.sendall(request(f"{REAL}/large?size=200000000"))
        client.recv(1000)
        sent = -1
        while sent != pair.upstream.seen.sent:
            sent = pair.upstream.seen.sent
            time.sleep(0.3)
        assert sent < 50_000_000
        received = 0
        while piece := client.recv(1 << 20):
            received += len(piece)
        assert received > 199_990_000


def test_a_stream_passes_read_by_read_and_its_journal_tells_when(pair: Pair) -> None:
    reply = pair.ask("stream?n=5&gap=0.02&tag=timed")
    assert reply.header("Content-Type") == "text/event-stream"
    assert b"".join(reply.chunks) == b"".join(b'data: {"n": %d}\n\n' % n for n in range(5)) + b"data: [DONE]\n\n"
    entry = next(each for each in pair.journal(events="1") if "tag=timed" in each["target"])
    events = entry["events"]
    assert entry["events_sent"] == len(events["arrived"]) == len(events["actual"]) == 6
    assert all(left >= came for came, left in zip(events["arrived"], events["actual"], strict=True))
    assert events["planned"] == events["arrived"]
    assert events["arrived"][4] - events["arrived"][0] >= 0.075


def test_knobs_slow_a_stream_down(pair: Pair) -> None:
    reply = pair.ask("stream?n=4&gap=0&tag=slow&sim-itl=30ms&sim-ttft=50ms&sim-line-ending=crlf")
    assert reply.chunks[0] == b'data: {"n": 0}\r\n\r\n'
    entry = next(each for each in pair.journal(events="1") if "tag=slow" in each["target"])
    planned = entry["events"]["planned"]
    assert planned[0] >= 0.05
    assert all(later - earlier >= 0.0299 for earlier, later in pairwise(planned))
    assert entry["events"]["arrived"][3] < planned[3]


@pytest.mark.parametrize(
    ("fault", "end", "events"),
    [
        ("reset;at-event=3", "reset", 3),
        ("close;at-event=2", "closed", 2),
        ("truncate;at-event=2", "closed", 2),
        ("malformed-chunk;at-event=2", "closed", 2),
        ("garbage;at-event=2", "closed", 2),
        ("error-event;at-event=2", "closed", 3),
        ("duplicate-event;at-event=2", "closed", 7),
        ("malformed-event;at-event=2", "closed", 6),
        ("stall;at-event=2;for=50ms", "closed", 6),
        ("split;bytes=3", "closed", 6),
        ("slow-body;bytes-per-second=2000", "closed", 6),
        ("reset;after=20ms", "reset", None),
        ("empty", "closed", 0),
        ("status;code=429", "closed", None),
    ],
)
def test_every_fault_strikes_a_passed_stream(pair: Pair, fault: str, end: str, events: int | None) -> None:
    reply = pair.ask("stream?n=5&gap=0.01", headers={"X-Sim-Fault": fault})
    assert reply.end == end
    entry = pair.journal()[0]
    assert entry["faults"] == [fault.partition(";")[0]]
    if events is not None:
        said = b"".join(reply.chunks)
        assert said.count(b"data: ") == events
    if fault == "status;code=429":
        assert (reply.status, json.loads(reply.body)["error"]["type"]) == (429, "rate_limit_error")
    wait_for(lambda: not pair.upstream.seen.streams)


def test_rules_limits_and_gates_hold_in_front_of_it(pair: Pair) -> None:
    control = pair.simulator.control
    control.add_rule(match={"alias": "real", "last-message": "*hello*"}, reply={"text": "from a rule"})
    control.add_rule(match={"alias": "real", "path": "limited"}, rate_limit="1/min")
    chat = {"model": "m", "stream": False, "messages": [{"role": "user", "content": "hello there"}]}
    assert b"from a rule" in pair.ask("v1/chat/completions", chat).body
    assert b'"target": "/base/v1/chat' in pair.ask("v1/chat/completions", {**chat, "messages": []}).body
    assert [pair.ask("limited").status for _ in range(2)] == [200, 429]
    with dial(pair.simulator.port, 15) as client:
        client.sendall(request(f"{REAL}/stream?n=3&gap=0&sim-gate=g"))
        received = client.recv(65536)
        while b"\r\n\r\n" not in received:
            received += client.recv(65536)
        assert b"data: " not in received
        control.release("g", 1)
        assert b'"n": 0' in client.recv(65536)
        control.release("g")
        assert read_reply(client)
    control.reset()


def test_a_model_name_with_knobs_is_passed_on_without_them(pair: Pair) -> None:
    body = b'{"messages": [{"role": "user", "content": "x"}], "model": "gpt-4.sim.latency-1ms"}'
    seen = json.loads(pair.ask("echo", body).body)
    assert seen["sha256"] == sha256(body.replace(b".sim.latency-1ms", b"")).hexdigest()


def test_a_client_that_leaves_ends_the_request_at_once(pair: Pair) -> None:
    pair.upstream.seen.left.clear()
    with dial(pair.simulator.port, 10) as client:
        client.sendall(request(f"{REAL}/stream?n=1000&gap=0.01"))
        client.recv(1000)
        left = time.monotonic()
    assert pair.upstream.seen.left.wait(10)
    assert time.monotonic() - left < 1.0  # 10 ms on an idle machine
    entry = wait_for(lambda: pair.journal(outcome="client-left"))[0]
    assert entry["alias"] == "real"


def test_connections_are_kept(tmp_path: Path) -> None:
    connections: list[socket.socket] = []

    def keep(connection: socket.socket) -> None:
        connections.append(connection)
        while True:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            if not connection.recv(65536):
                return

    with (
        saying(keep) as port,
        SimulatorThread(config=described(tmp_path, real={"url": f"http://127.0.0.1:{port}"})) as simulator,
    ):
        assert [talk(simulator.port, request(f"{REAL}/x")).body for _ in range(5)] == [b"ok"] * 5
    assert len(connections) == 1


@pytest.mark.parametrize(
    "target",
    ["http://evil.test/x", f"http://evil.test{REAL}/echo", f"{REAL}//evil.test/echo", f"{REAL}/@evil.test/",
     f"{REAL}/http://evil.test/", f"{REAL}/..%2f..%2fx", "/api/oagw/v1/proxy/http://evil.test/x"],
)  # fmt: skip
def test_nothing_else_is_ever_asked(pair: Pair, target: str) -> None:
    reply = talk(pair.simulator.port, request(target, headers={"Host": "evil.test"}), 10)
    if reply.status == 200:  # it went to the upstream, as a path and nothing else
        seen = json.loads(reply.body)
        assert seen["target"].startswith("/base/")
        assert dict(seen["headers"])["Host"] == f"127.0.0.1:{pair.upstream.port}"
    else:
        assert reply.status in (400, 404)
        assert reply.header("X-OAGW-Error-Source") == "gateway"


def test_who_may_control_a_simulator_cannot_send_it_anywhere(pair: Pair) -> None:
    document = json.dumps({"url": "http://evil.test", "authorization": "env:PATH"}).encode()
    reply = talk(pair.simulator.port, request("/_sim/upstreams/other", document, method="PUT"))
    assert (reply.status, b"only in the configuration file" in reply.body) == (400, True)
    shown = talk(pair.simulator.port, request("/_sim/upstreams")).body
    assert b"/base" in shown
    assert KEY.encode() not in shown


@needs_nginx
def test_nginx_behind_it_and_a_simulator_in_place_of_its_own_service(tmp_path: Path, pair: Pair) -> None:
    """An alias of the services may be a real upstream: here nginx, and behind that the simulator itself."""
    upstream = f"http://127.0.0.1:{pair.simulator.port}"
    with nginx(tmp_path, upstream, "proxy_buffering off; proxy_http_version 1.1;") as port:
        url = f"http://127.0.0.1:{port}/api/oagw/v1/proxy/openai"
        file = described(tmp_path, openai={"url": url, "authorization": f"Bearer {TOKEN}"})
        with SimulatorThread(config=file) as front:
            from raw_http import CHAT, chat

            reply = talk(front.port, request(f"{CHAT}?sim-itl=5ms", chat("one two")), 10)
    assert reply.body.count(b"data: ") == 7
    assert reply.body.rstrip().endswith(b"0")
