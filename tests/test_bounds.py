"""Whatever the knobs: what one request makes the process hold, and for how long it holds the loop, is bounded."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import costly_bodies
import httpx
import pytest
from costly_bodies import Asked
from fuzz_budget import EXAMPLES
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from raw_http import TOKEN

MOST_MEMORY = 64 * 2**20
#: Seconds of processor time, in one turn of the loop: at most, and of a server that has nothing to do.
IDLE = 0.001
LONGEST_TURN = 0.02
#: A machine that is busy elsewhere takes the caches away; what costs too much does so each time.
TRIES = 8
#: ... and makes everything slower: the promise, half of this, is for a machine that does nothing else.
BUSY_TURN = 2 * LONGEST_TURN

PROXY = "/api/oagw/v1/proxy"


class Cost(NamedTuple):
    """What a request cost: seconds of processor time in one turn of the loop, and bytes."""

    turn: float
    memory: int


class WatchedServer:
    """A server in a process of its own that tells what a request cost."""

    def __init__(self, wire: str) -> None:
        here = Path(__file__).parent
        self._process = subprocess.Popen(
            [sys.executable, str(here / "watched_server.py"), *wire.split("-")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(here.parent)},
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        self.report()

    def report(self) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        found: dict[str, Any] = json.loads(self._process.stdout.readline())
        return found

    def cost(self, target: str, body: bytes | None, reads: int, headers: tuple[str, ...] = ()) -> Cost:
        """What one request costs whose client reads so many bytes of the reply, and then none, and then leaves."""
        return self.cost_of(Asked("GET" if body is None else "POST", f"{PROXY}/{target}", body, headers), reads)

    def cost_of(self, asked: Asked, reads: int) -> Cost:
        """The least that one request costs."""
        costs = []
        for _ in range(TRIES):
            costs.append(self._cost(asked, reads))
            # What the one before has left behind may be counted the first time, too.
            if costs[-1].turn < LONGEST_TURN and costs[-1].memory <= MOST_MEMORY:
                break
        return Cost(min(cost.turn for cost in costs), min(cost.memory for cost in costs))

    def _cost(self, asked: Asked, reads: int) -> Cost:
        method, target, body, headers = asked
        before = self.report()["now"]
        lines = [
            f"{method} {target} HTTP/1.1",
            "Host: localhost",
            "Connection: close",
            f"Authorization: Bearer {TOKEN}",
            "Content-Type: application/json",
            f"Content-Length: {len(body or b'')}",
            *headers,
        ]
        with socket.create_connection(("127.0.0.1", self.port), timeout=0.15) as client:
            client.sendall("\r\n".join([*lines, "", ""]).encode() + (body or b""))
            deadline = time.monotonic() + 0.15
            try:
                while reads > 0 and time.monotonic() < deadline:
                    piece = client.recv(65536)
                    if not piece:
                        break
                    reads -= len(piece)
            except OSError:
                pass
            after = self.report()
        return Cost(after["turn"], after["peak"] - before)

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture(scope="module")
def server(wire: str) -> Iterator[WatchedServer]:
    server = WatchedServer(wire)
    yield server
    server.close()


# A generator of requests.

SIZES = st.sampled_from(["0", "1", "100", "64KiB", "1MiB"])
COUNTS = st.sampled_from([0, 1, 3, 100, 10_000, 1_000_000])
POINTS = st.sampled_from(["", ";at-event=0", ";at-event=3", ";after=5ms", ";after=0"])
FAULTS = st.one_of(
    st.builds("{}{}".format, st.sampled_from(["malformed-event", "duplicate-event", "split", "error-event"]), POINTS),
    st.builds("{}{};for={}ms".format, st.just("stall"), POINTS, st.integers(1, 50)),
    st.builds("split{};bytes={}".format, POINTS, st.sampled_from([1, 100, 1_000_000])),
    st.builds("slow-body{};bytes-per-second={}".format, POINTS, st.sampled_from([1, 10_000, 1_000_000_000])),
    st.builds("garbage{};bytes={}".format, POINTS, st.sampled_from([1, 1_000_000])),
    st.builds("hold-open;for={}ms".format, st.integers(1, 50)),
    st.builds("truncate{};bytes={}".format, POINTS, st.sampled_from([0, 100, 1_000_000_000])),
    st.sampled_from(["reset;at-event=5", "close;after=1ms", "empty", "malformed-chunk", "status", "status;code=201"]),
)
KNOBS = st.fixed_dictionaries(
    {},
    optional={
        "itl": st.sampled_from(["0", "1ms", "lognormal(1ms,2)", "trace(0,1ms,2ms)"]),
        "ttft": st.sampled_from(["0", "24h"]),
        "output-tokens": COUNTS,
        "tokens-per-event": st.sampled_from([1, 7, 10_000]),
        "events-per-write": st.sampled_from([1, 7, 10_000]),
        "line-ending": st.sampled_from(["lf", "cr", "crlf"]),
        "keep-alive": st.sampled_from(["1ms", "1ms;form=event"]),
        "fault": st.lists(FAULTS, min_size=1, max_size=8).map(",".join),
        "gate": st.just("door"),
    },
)
TEXTS = st.sampled_from(
    ["", "hello", "a b c", "a " * 400_000, "ab " * 300_000, "x" * 1_000_000, "\u00e9\n" * 200_000, "x" * 250_000 + " y"]
)


def chat(text: str, more: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return "openai/v1/chat/completions", {"model": "m", "messages": [{"role": "user", "content": text}], **more}


STREAM = {"stream": st.booleans()}
REQUESTS = st.one_of(
    st.builds(
        chat,
        TEXTS,
        st.fixed_dictionaries(
            STREAM,
            optional={
                "n": st.sampled_from([1, 3, 128]),
                "logprobs": st.just(True),
                "stream_options": st.just({"include_usage": True}),
                "max_tokens": st.sampled_from([1, 1000, 1_000_000]),
            },
        ),
    ),
    st.builds(
        lambda text, more: (
            "anthropic/v1/messages",
            {"model": "m", "max_tokens": 10**6, "messages": [{"role": "user", "content": text}], **more},
        ),
        TEXTS,
        st.fixed_dictionaries(STREAM),
    ),
    st.builds(
        lambda text, more: ("openai/v1/responses", {"model": "m", "input": text, **more}),
        TEXTS,
        st.fixed_dictionaries(STREAM),
    ),
    st.builds(
        lambda prompt, more: ("openai/v1/completions", {"model": "m", "prompt": prompt, **more}),
        TEXTS | st.lists(st.sampled_from(["", "a", "a b"]), min_size=1, max_size=2) | st.just(["a b"] * 500),
        st.fixed_dictionaries(STREAM, optional={"n": st.sampled_from([1, 4]), "logprobs": st.just(5)}),
    ),
    st.builds(
        lambda each, count, form: ("openai/v1/embeddings", {"input": [each] * count, "encoding_format": form}),
        st.sampled_from(["a", "ab " * 100]),
        st.sampled_from([1, 10, 2048]),
        st.sampled_from(["float", "base64"]),
    ),
    st.builds(lambda count: ("openai/v1/moderations", {"input": ["a"] * count}), st.sampled_from([1, 40_000])),
    st.builds(
        lambda count, size, interval: (f"stream-test/events?count={count}&size={size}&interval={interval}", None),
        st.sampled_from(["inf", 3, 10**15 - 1]),
        SIZES,
        st.sampled_from(["0", "1ms", "uniform(0,2ms)"]),
    ),
    st.builds(lambda size: (f"stream-test/bytes?size={size}", None), st.sampled_from(["1MiB", "10GiB"])),
    st.builds(
        lambda a, b: ("calculator/x", {"operation": "multiply", "a": a, "b": b}),
        st.sampled_from([1, 10**300]),
        st.sampled_from([0, 1e308]),
    ),
)


@pytest.mark.alone
@pytest.mark.filterwarnings("ignore:Generating overly large repr")  # what is asked is shown with what it cost
@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
@given(request_=REQUESTS, knobs=KNOBS, reads=st.sampled_from([0, 1, 1_000_000]), ndjson=st.booleans())
def test_no_request_costs_more_than_the_bounds_say(
    server: WatchedServer, request_: tuple[str, Any], knobs: dict[str, Any], reads: int, ndjson: bool
) -> None:
    target, document = request_
    query = "&".join(f"sim-{name}={quote(str(value))}" for name, value in knobs.items())
    target += ("&" if "?" in target else "?") + query
    body = None if document is None else json.dumps(document, ensure_ascii=False).encode()
    headers = ("Accept: application/x-ndjson",) if ndjson else ()
    cost = server.cost(target, body, reads, headers)
    shown = target[:200], (body or b"")[:200]
    assert cost.memory <= MOST_MEMORY, shown
    assert cost.turn < BUSY_TURN, shown


@pytest.mark.alone
@pytest.mark.filterwarnings("ignore:Generating overly large repr")  # what is asked is shown with what it cost
@settings(
    max_examples=EXAMPLES // 2,
    deadline=None,
    derandomize=EXAMPLES <= 150,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
@given(asked=costly_bodies.REQUESTS)
def test_no_body_and_no_head_costs_more(server: WatchedServer, asked: Asked) -> None:
    cost = server.cost_of(asked, 100_000)
    shown = asked._replace(target=asked.target[:200], body=(asked.body or b"")[:200])
    assert cost.memory <= MOST_MEMORY, shown
    assert cost.turn < BUSY_TURN, shown


def test_a_large_body_is_held_once(server: WatchedServer) -> None:
    """Not once more in the connection, for a client that does not read it."""
    size = 4 * 2**20
    words = size // 2
    target, document = chat("a", {})
    cost = server.cost(f"{target}?sim-output-tokens={min(words, 1_000_000)}", json.dumps(document).encode(), 0)
    assert cost.memory < 4 * size


def test_many_clients_that_do_not_read_hold_little(server: WatchedServer) -> None:
    before = peak = server.report()["now"]
    clients = []
    for _ in range(40):
        client = socket.create_connection(("127.0.0.1", server.port))
        lines = (f"GET {PROXY}/stream-test/events?count=inf&size=1MiB&interval=0 HTTP/1.1", "Host: x")
        client.sendall("\r\n".join([*lines, f"Authorization: Bearer {TOKEN}", "", ""]).encode())
        clients.append(client)
    # A client that has its first bytes has a server that waits for it.
    for client in clients:
        client.settimeout(10)
        assert client.recv(1)
    deadline = time.monotonic() + 10
    while (told := server.report())["turn"] > IDLE and time.monotonic() < deadline:
        peak = max(peak, told["peak"])
        time.sleep(0.02)  # the least time that is looked at
    grown = max(peak, told["peak"]) - before
    for client in clients:
        client.close()
    assert grown < 40 * 4 * 2**20


def _many(path: str, count: int) -> tuple[str, dict[str, Any]]:
    message = {"role": "user", "content": "x"}
    parts = [{"type": "input_text" if "responses" in path else "text", "text": "x"}] * count
    field = "input" if "responses" in path else "messages"
    return field, {"many": [message] * count, "parts": [{**message, "content": parts}]}


@pytest.mark.parametrize("kind", ["many", "parts"])
@pytest.mark.parametrize(
    ("path", "most"),
    [("openai/v1/chat/completions", 2048), ("openai/v1/responses", 2048), ("anthropic/v1/messages", 2048)],
)
def test_a_history_has_only_so_many_messages(server: WatchedServer, path: str, most: int, kind: str) -> None:
    """The bound of the real API for chat (array_above_max_length); what is read of a request is read in one go."""
    for count, status in ((most, 200), (most + 1, 400), (10 * most, 400)):
        field, lists = _many(path, count)
        body = json.dumps({"model": "m", "max_tokens": 4, field: lists[kind]}).encode()
        reply = httpx.post(
            f"http://127.0.0.1:{server.port}{PROXY}/{path}", content=body, headers={"Authorization": f"Bearer {TOKEN}"}
        )
        assert reply.status_code == status, reply.text[:300]
        if status == 400:
            assert str(most) in reply.json()["error"]["message"]


@pytest.mark.parametrize("path", ["openai/v1/chat/completions", "openai/v1/responses", "anthropic/v1/messages"])
def test_a_request_has_only_so_many_tools(server: WatchedServer, path: str) -> None:
    for count, status in ((1000, 200), (1001, 400)):
        body: dict[str, Any] = {
            "model": "m",
            "max_tokens": 4,
            "input": "x",
            "messages": [{"role": "user", "content": "x"}],
        }
        names = [f"t{number}" for number in range(count)]
        if "chat" in path:
            body["tools"] = [{"type": "function", "function": {"name": name}} for name in names]
        elif "responses" in path:
            body["tools"] = [{"type": "function", "name": name, "parameters": {}} for name in names]
        else:
            body["tools"] = [{"name": name, "input_schema": {"type": "object"}} for name in names]
            del body["input"]
        reply = httpx.post(
            f"http://127.0.0.1:{server.port}{PROXY}/{path}", json=body, headers={"Authorization": f"Bearer {TOKEN}"}
        )
        assert reply.status_code == status, reply.text[:300]
