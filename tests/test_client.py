"""Both clients against scripted bytes: what they send, what they make of a reply, and how they fail."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from scripted_server import Script, scripted_server

from oagw_tornado import client as package
from oagw_tornado.client import (
    AsyncOagwClient,
    ErrorSource,
    Event,
    OagwClient,
    OagwConnectionError,
    OagwError,
    OagwResponseError,
    OagwTimeoutError,
)


class Driven:
    """An asynchronous client or response, each of its calls run to its end on a loop: both clients take one test."""

    def __init__(self, runner: asyncio.Runner, of: Any) -> None:
        self._runner, self._of = runner, of

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._of, name)
        return (lambda *args, **kwargs: self._outcome(value(*args, **kwargs))) if callable(value) else value

    def _outcome(self, value: Any) -> Any:
        if hasattr(value, "__anext__"):
            return self._pieces(value)

        async def awaited() -> Any:
            return await value

        outcome = self._runner.run(awaited())
        return Driven(self._runner, outcome) if isinstance(outcome, package.AsyncResponse) else outcome

    def _pieces(self, source: Any) -> Iterator[Any]:
        async def following() -> Any:
            return await anext(source, None)

        while (piece := self._runner.run(following())) is not None:
            yield piece

    def __enter__(self) -> Driven:
        self._outcome(self._of.__aenter__())
        return self

    def __exit__(self, *error: Any) -> None:
        self._outcome(self._of.__aexit__(*error))


@pytest.fixture(params=[OagwClient, AsyncOagwClient])
def connect(request):
    """Makes a client, of either kind."""
    with asyncio.Runner() as runner:
        made = []

        def connect(*args: Any, **kwargs: Any) -> Any:
            client = request.param(*args, **kwargs)
            made.append(client if request.param is OagwClient else Driven(runner, client))
            return made[-1]

        yield connect
        for client in made:
            client.close()


OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-OAGW-Error-Source: upstream\r\n"
EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"


def whole(body: bytes, head: bytes = OK) -> bytes:
    return head + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def head_of(script: Script) -> tuple[str, dict[str, str], bytes]:
    (request,) = script.requests
    head, _, body = request.partition(b"\r\n\r\n")
    first, *rest = head.decode().split("\r\n")
    return first, {name.lower(): value for name, value in (line.split(": ", 1) for line in rest)}, body


def test_request_is_joined_as_the_rust_client_does(connect):
    with scripted_server(whole(b"{}")) as script:
        client = connect(f"{script.url}/", "secret")
        client.execute("openai", "POST", "/v1/chat/completions?a=1", json={"a": "ö"}, params={"b": "2 3"}).json()
    first, headers, body = head_of(script)
    assert first == "POST /api/oagw/v1/proxy/openai/v1/chat/completions?a=1&b=2+3 HTTP/1.1"
    assert headers["authorization"] == "Bearer secret"
    assert headers["content-type"] == "application/json"
    assert body == '{"a":"ö"}'.encode()


def test_slash_before_the_path_is_put_in_where_it_is_missing(connect):
    with scripted_server(whole(b"{}")) as script:
        connect(script.url, "secret").execute("weather", "GET", "current").json()
    assert head_of(script)[0] == "GET /api/oagw/v1/proxy/weather/current HTTP/1.1"


def test_headers_of_the_call_win_whatever_their_case(connect):
    with scripted_server(whole(b"{}")) as script:
        client = connect(script.url, "secret")
        client.execute("weather", "GET", "/x", headers={"authorization": "Bearer other", "X-Sim-Seed": "7"}).json()
    assert script.requests[0].lower().count(b"authorization:") == 1
    headers = head_of(script)[1]
    assert headers["authorization"] == "Bearer other"
    assert headers["x-sim-seed"] == "7"


def test_no_token_no_authorization(connect):
    with scripted_server(whole(b"{}")) as script:
        connect(script.url).execute("weather", "GET", "/x").json()
    assert "authorization" not in head_of(script)[1]


def test_content_is_sent_as_it_is(connect):
    with scripted_server(whole(b"{}")) as script:
        connect(script.url).execute("calculator", "PUT", "/x", content=b"\x00\xff").json()
    assert head_of(script)[2] == b"\x00\xff"


def test_from_env(connect, monkeypatch):
    monkeypatch.delenv("OAGW_BASE_URL", raising=False)
    monkeypatch.setenv("OAGW_AUTH_TOKEN", "secret")
    for kind in (OagwClient, AsyncOagwClient):
        with pytest.raises(ValueError, match=r"environment: OAGW_BASE_URL$"):
            kind.from_env()
    monkeypatch.setenv("OAGW_BASE_URL", "http://127.0.0.1:1/")
    with OagwClient.from_env() as client:
        assert client.base_url == "http://127.0.0.1:1"


def test_base_url_has_to_be_one(connect):
    with pytest.raises(ValueError, match="'localhost:8765'"):
        connect("localhost:8765", "secret")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (b"X-OAGW-Error-Source: gateway", ErrorSource.GATEWAY),
        (b"x-oagw-error-source: UpStream", ErrorSource.UPSTREAM),
        (b"X-OAGW-Error-Source: elsewhere", ErrorSource.UNKNOWN),
        (b"X-Other: gateway", ErrorSource.UNKNOWN),
    ],
)
def test_error_source(connect, header, expected):
    reply = whole(b'{"error": "x"}', b"HTTP/1.1 502 Bad Gateway\r\n" + header + b"\r\n")
    with scripted_server(reply) as script, connect(script.url).execute("weather", "GET", "/x") as response:
        assert (response.status, response.error_source) == (502, expected)
        assert response.json() == {"error": "x"}


def test_body_may_be_read_in_each_form_again_and_again(connect):
    reply = whole("é".encode("latin-1"), b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=latin-1\r\n")
    with scripted_server(reply) as script:
        response = connect(script.url).execute("weather", "GET", "/x")
        assert response.bytes() == b"\xe9"
        assert response.text() == "é"
        assert response.bytes() == b"\xe9"
        assert response.headers["CONTENT-type"] == "text/plain; charset=latin-1"


def test_bytes_and_events_are_there_before_the_next_ones_are_sent(connect):
    second, end = threading.Event(), threading.Event()
    steps = [EVENTS, chunk(b"data: 1\n\nda"), second, chunk(b"ta: 2\n\n"), end, b"0\r\n\r\n"]
    with scripted_server(*steps) as script:
        events = connect(script.url).execute("stream-test", "GET", "/events").iter_events()
        assert next(events) == Event("1")
        second.set()
        assert next(events) == Event("2")
        end.set()
        assert list(events) == []
    second.clear()
    end.clear()
    with scripted_server(*steps) as script:
        pieces = connect(script.url).execute("stream-test", "GET", "/events").iter_bytes()
        assert next(pieces) == b"data: 1\n\nda"
        second.set()
        end.set()
        assert b"".join(pieces) == b"ta: 2\n\n"


def test_events_with_all_their_fields(connect):
    stream = b"\xef\xbb\xbf: hello\r\nid: 7\r\nevent: update\r\nretry: 10\r\ndata: a\r\ndata: b\r\n\r\ndata: c\r\n\r\n"
    with scripted_server(EVENTS + chunk(stream) + b"0\r\n\r\n") as script:
        events = list(connect(script.url).execute("stream-test", "GET", "/events").iter_events())
    assert events == [Event("a\nb", "update", "7", 10), Event("c", id="7")]


def test_what_is_no_event_stream_has_no_events(connect):
    with scripted_server(whole(b"{}", b"HTTP/1.1 429 Too Many\r\nContent-Type: application/json\r\n")) as script:
        response = connect(script.url).execute("openai", "POST", "/x")
        with pytest.raises(OagwResponseError, match="429, application/json"):
            next(response.iter_events())
        response.close()


def test_event_over_the_limit_comes_after_those_before_it(connect):
    with scripted_server(EVENTS + chunk(b"data: 1\n\ndata: " + b"2" * 100)) as script:
        events = connect(script.url).execute("stream-test", "GET", "/events").iter_events(max_event_size=50)
        assert next(events) == Event("1")
        with pytest.raises(OagwResponseError, match="larger than 50 bytes"):
            next(events)


def test_refused_connection(connect):
    with scripted_server() as script:
        pass  # its port is free again
    with pytest.raises(OagwConnectionError) as caught:
        connect(script.url).execute("weather", "GET", "/x")
    assert isinstance(caught.value, ConnectionError)
    assert isinstance(caught.value, OagwError)


def test_reset_in_mid_body(connect):
    gate = threading.Event()
    with scripted_server(EVENTS + chunk(b"data: 1\n\n"), gate, Script.RESET) as script:
        events = connect(script.url).execute("stream-test", "GET", "/events").iter_events()
        assert next(events) == Event("1")
        gate.set()
        with pytest.raises(OagwConnectionError):
            next(events)


@pytest.mark.parametrize(
    "reply",
    [b"", b"nonsense\r\n\r\n", whole(b"{}")[:-1], EVENTS + chunk(b"data: 1\n\n"), EVENTS + b"zz\r\n"],
    ids=["empty", "no HTTP", "short body", "chunks without end", "bad chunk"],
)
def test_reply_that_is_incomplete_or_not_valid(connect, reply):
    with scripted_server(reply) as script, pytest.raises(OagwResponseError):
        connect(script.url).execute("weather", "GET", "/x").bytes()


@pytest.mark.parametrize("body", [b"", b"{", b"NaN", b"\xff"])
def test_body_that_is_no_json(connect, body):
    with scripted_server(whole(body)) as script, pytest.raises(OagwResponseError, match="not JSON"):
        connect(script.url).execute("weather", "GET", "/x").json()


def test_timeout_before_the_headers(connect):
    with scripted_server(threading.Event()) as script:
        started = time.monotonic()
        with pytest.raises(OagwTimeoutError) as caught:
            connect(script.url, timeout=0.2).execute("weather", "GET", "/x")
        assert 0.2 <= time.monotonic() - started < 5
        script.steps[0].set()
    assert isinstance(caught.value, TimeoutError)


def trickle(pause: threading.Event) -> Iterator[Any]:
    """A body that never stays silent for long and never ends."""
    yield EVENTS
    while True:
        yield chunk(b"data: x\n\n")
        pause.wait(0.02)


def test_timeout_is_of_the_whole_request_not_of_a_read(connect):
    with scripted_server(*[]) as script:
        script.steps = trickle(threading.Event())
        started = time.monotonic()
        events = connect(script.url).execute("stream-test", "GET", "/events", timeout=0.3).iter_events()
        seen = []
        with pytest.raises(OagwTimeoutError):
            seen.extend(events)
        assert 0.3 <= time.monotonic() - started < 5


def test_timeout_of_a_stream_that_stalls_is_counted_from_the_call(connect):
    stall = threading.Event()
    with scripted_server(EVENTS + chunk(b"data: 1\n\n"), stall) as script:
        started = time.monotonic()
        events = connect(script.url).execute("stream-test", "GET", "/events", timeout=1.0).iter_events()
        assert next(events) == Event("1")
        time.sleep(0.8)  # the caller's own time counts
        with pytest.raises(OagwTimeoutError):
            next(events)
        elapsed = time.monotonic() - started
        stall.set()
    assert 1.0 <= elapsed < 1.7


def test_timeout_of_the_client_can_be_lifted(connect):
    gate = threading.Event()
    threading.Timer(0.3, gate.set).start()
    with scripted_server(gate, whole(b"{}")) as script:
        assert connect(script.url, timeout=0.05).execute("weather", "GET", "/x", timeout=None).json() == {}


def test_leaving_a_stream_is_seen_by_the_server(connect):
    with scripted_server(EVENTS + chunk(b"data: 1\n\n")) as script:
        script.steps = trickle(threading.Event())
        client = connect(script.url)
        with client.execute("stream-test", "GET", "/events") as response:
            assert next(response.iter_events()) == Event("x")
        assert script.client_left.wait(10)


def test_a_response_that_is_dropped_is_closed():
    with scripted_server() as script, OagwClient(script.url) as client:
        script.steps = trickle(threading.Event())
        assert client.execute("stream-test", "GET", "/events").status == 200
        gc.collect()
        assert script.client_left.wait(10)


def test_the_missing_extra_is_named():
    code = "import sys; sys.modules['httpx'] = None\nimport oagw_tornado.client"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert run.stderr.splitlines()[-1] == (
        "ImportError: oagw_tornado.client needs httpx (pip install httpx), from the extra 'client'"
    )
