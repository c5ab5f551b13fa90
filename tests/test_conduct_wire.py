"""Conduct of real clients: for each rule one that offends, and one that does not."""

from __future__ import annotations

import socket
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anthropic
import httpx
import openai
import pytest
from nginx import needs_nginx, nginx

from oagw_tornado.testing import ControlError, Oagw, SimulatorThread

CHAT = "/v1/chat/completions"
QUESTION: dict[str, Any] = {"model": "gpt-4", "messages": [{"role": "user", "content": "one two three four five six"}]}
BUSY = "status;code=429;retry-after=150ms"


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorThread]:
    with SimulatorThread(inter_token_latency="1ms") as server:
        yield server


@pytest.fixture
def oagw(simulator: SimulatorThread) -> Oagw:
    fixture = Oagw(simulator)
    fixture.reset()
    return fixture


@pytest.fixture(scope="module")
def sdk(simulator: SimulatorThread) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=simulator.openai_base_url, api_key=simulator.token, max_retries=2) as client:
        yield client


@pytest.fixture(scope="module")
def naive(simulator: SimulatorThread) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {simulator.token}"}
    with httpx.Client(base_url=simulator.openai_base_url.removesuffix("/v1"), headers=headers, timeout=30) as client:
        yield client


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.01)


def ask(sdk: openai.OpenAI, **more: Any) -> None:
    sdk.chat.completions.create(**QUESTION, **more)


def rules(oagw: Oagw) -> list[str]:
    return [finding["rule"] for finding in oagw.conduct(final=True)["findings"]]


def test_who_comes_back_too_early(oagw: Oagw, sdk: openai.OpenAI, naive: httpx.Client) -> None:
    oagw.add_rule(match={"path": CHAT}, when={"first": 1}, fault=BUSY)
    ask(sdk)
    oagw.assert_requested(path=CHAT, count=2)
    oagw.assert_conduct()

    oagw.reset()
    oagw.add_rule(match={"path": CHAT}, when={"first": 1}, fault=BUSY)
    ids = [naive.post(CHAT, json=QUESTION).headers["X-Request-Id"] for _ in range(2)]
    with pytest.raises(AssertionError, match="came back after 0") as failure:
        oagw.assert_conduct()
    story = str(failure.value)
    assert "asked for 0.15 s" in story
    assert story.index(ids[0]) < story.index(ids[1])
    oagw.assert_conduct(ignore=["early-retry"])
    (finding,) = oagw.conduct()["findings"]
    assert finding["requests"] == ids


def test_who_tries_again_what_cannot_work(oagw: Oagw, sdk: openai.OpenAI, naive: httpx.Client) -> None:
    oagw.add_rule(match={"path": CHAT}, fault="status;code=400")
    for _ in range(2):  # two calls, as the SDK says itself, not a retry
        with pytest.raises(openai.BadRequestError):
            ask(sdk)
    oagw.assert_conduct()
    for _ in range(2):
        assert naive.post(CHAT, json=QUESTION).status_code == 400
    assert rules(oagw) == ["futile-retry"]


def test_who_does_not_wait_longer_each_time(oagw: Oagw, sdk: openai.OpenAI, naive: httpx.Client) -> None:
    oagw.add_rule(match={"path": CHAT}, fault="status;code=500")
    with pytest.raises(openai.InternalServerError):
        ask(sdk)
    oagw.assert_requested(path=CHAT, count=3)
    oagw.assert_conduct()
    for _ in range(4):
        naive.post(CHAT, json=QUESTION)
    assert rules(oagw) == ["no-backoff"]


def test_who_gives_up_what_should_be_tried_again(oagw: Oagw, naive: httpx.Client) -> None:
    oagw.add_rule(match={"path": CHAT}, fault="status;code=503;retry-after=1s")
    naive.post(CHAT, json=QUESTION)
    assert oagw.conduct()["conduct"] == "sound"  # it may still come
    with pytest.raises(AssertionError, match="never-retried"):
        oagw.assert_conduct()


def test_who_reads_on_when_all_is_said(
    oagw: Oagw, simulator: SimulatorThread, sdk: openai.OpenAI, naive: httpx.Client
) -> None:
    oagw.add_rule(match={"alias": ["openai", "anthropic"]}, fault="hold-open;for=1200ms")
    list(sdk.chat.completions.create(**QUESTION, stream=True))
    url = simulator.openai_base_url.removesuffix("/openai/v1") + "/anthropic"
    with (
        anthropic.Anthropic(base_url=url, api_key=simulator.token, max_retries=0) as claude,
        claude.messages.stream(model="c", max_tokens=99, messages=QUESTION["messages"]) as stream,
    ):
        stream.get_final_message()
    first = {request.alias: request for request in oagw.requests()}
    findings = oagw.conduct()["findings"]
    told = {request for finding in findings for request in finding["requests"]}
    # The SDK that closes at [DONE] is never told of; what the other does is what its journal says.
    assert first["openai"].id not in told
    assert (first["anthropic"].id in told) == (first["anthropic"].outcome != "client-left")
    naive.post(CHAT, json={**QUESTION, "stream": True})
    assert rules(oagw)[-1:] == ["reads-past-done"]


def test_who_takes_a_part_for_the_whole(oagw: Oagw, naive: httpx.Client) -> None:
    oagw.add_rule(match={"path": CHAT}, when={"first": 1}, fault="truncate;at-event=2")
    naive.post(CHAT, json={**QUESTION, "stream": True})
    assert rules(oagw) == ["cut-taken-for-whole"]
    naive.post(CHAT, json={**QUESTION, "stream": True})
    oagw.assert_conduct()  # it noticed


def test_who_opens_a_connection_each_time(oagw: Oagw, simulator: SimulatorThread, naive: httpx.Client) -> None:
    for city in range(12):
        naive.get(f"../../weather/current?city={city}".replace("../..", simulator.base_url + "/api/oagw/v1/proxy"))
    oagw.assert_conduct()
    for city in range(12):
        url = f"{simulator.base_url}/api/oagw/v1/proxy/weather/current?city={city}"
        headers = {"Authorization": f"Bearer {simulator.token}"}
        urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=30).read()
    assert rules(oagw) == ["many-connections"]


def test_who_answers_a_call_that_nobody_made(oagw: Oagw, naive: httpx.Client) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
    said = {"role": "assistant", "tool_calls": [call]}
    result = {"role": "tool", "tool_call_id": "call_1", "content": "4"}
    messages = [*QUESTION["messages"], said, result]
    naive.post(CHAT, json={**QUESTION, "messages": messages})
    oagw.assert_conduct()
    naive.post(CHAT, json={**QUESTION, "messages": [messages[0], result]})
    assert rules(oagw) == ["orphan-tool-result"]


def test_who_does_not_read(oagw: Oagw, simulator: SimulatorThread, sdk: openai.OpenAI) -> None:
    """A client on this machine that leaves all of a stream in its kernel's buffer, and one that reads it."""
    oagw.configure(inter_token_latency="50ms", output_tokens=20)
    list(sdk.chat.completions.create(**QUESTION, stream=True))
    oagw.assert_conduct()
    body = b'{"stream": true, "messages": [{"role": "user", "content": "hi"}]}'
    head = (
        f"POST /api/oagw/v1/proxy/openai{CHAT} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {simulator.token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", simulator.port)) as client:
        client.sendall(head.encode() + body)
        until(lambda: [request.outcome for request in oagw.requests()].count("complete") == 2)
    if not simulator.base_url.startswith("https"):
        assert rules(oagw) == ["buffered"]


@needs_nginx
@pytest.mark.parametrize("buffers", [False, True])
def test_a_gateway_that_buffers(
    oagw: Oagw, simulator: SimulatorThread, naive: httpx.Client, tmp_path: Path, buffers: bool
) -> None:
    oagw.configure(inter_token_latency="50ms", output_tokens=15)
    keep = 'proxy_http_version 1.1; proxy_set_header Connection "";'
    # What is compressed waits in the compressor until there is enough of it.
    gzip = "gzip on; gzip_types *; gzip_proxied any; gzip_min_length 0; proxy_ignore_headers X-Accel-Buffering;"
    settings = gzip if buffers else "proxy_buffering off;"
    with nginx(tmp_path, simulator.base_url, keep + settings) as port:
        url = f"http://127.0.0.1:{port}/api/oagw/v1/proxy/openai{CHAT}"
        with naive.stream("POST", url, json={**QUESTION, "stream": True}) as reply:
            received = [time.time() for line in reply.iter_lines() if line.startswith("data:")]
            id = reply.headers["X-Request-Id"]
    oagw.mark(id, received=received)
    assert rules(oagw) == (["buffered"] if buffers else [])


@needs_nginx
@pytest.mark.parametrize("cancels", [True, False])
def test_a_gateway_that_goes_on_without_its_client(
    oagw: Oagw, simulator: SimulatorThread, naive: httpx.Client, tmp_path: Path, cancels: bool
) -> None:
    oagw.configure(inter_token_latency="20ms", output_tokens=60)
    settings = (
        "proxy_buffering off;"
        if cancels
        else ("proxy_buffering on; proxy_ignore_headers X-Accel-Buffering; proxy_ignore_client_abort on;")
    )
    with nginx(tmp_path, simulator.base_url, settings) as port:
        url = f"http://127.0.0.1:{port}/api/oagw/v1/proxy/openai{CHAT}"
        with naive.stream("POST", url, json={**QUESTION, "stream": True}) as reply:
            next(reply.iter_lines())
        mark = oagw.mark("client-left")
        until(lambda: oagw.requests()[0].outcome is not None)
    assert oagw.control.call("GET", "/_sim/marks") == {"marks": [mark]}
    if cancels:
        oagw.assert_conduct(cancel_within="10s")
    else:
        with pytest.raises(AssertionError, match="after its own client had left"):
            oagw.assert_conduct(cancel_within="100ms")


@pytest.mark.parametrize(
    ("method", "path", "body", "says"),
    [
        ("GET", "/_sim/conduct?ignore=early-retyr", None, "did you mean early-retry"),
        ("GET", "/_sim/conduct?final=maybe", None, "final"),
        ("GET", "/_sim/conduct?cancel-within=5", None, "5ms or 5s"),
        ("POST", "/_sim/marks/a", {"when": 1}, "when: no such key"),
        ("POST", "/_sim/marks/a", {"time": "now"}, "time: expected a Unix time"),
        ("POST", "/_sim/marks/a", {"received": [True]}, "received: expected a list"),
        ("POST", "/_sim/marks/a", {"received": [1.0] * 10_001}, "received: expected at most 10000"),
        ("POST", "/_sim/marks/a", [1], "expected an object"),
        ("POST", f"/_sim/marks/{'a' * 300}", {}, "200 characters"),
    ],
)
def test_what_is_refused(oagw: Oagw, method: str, path: str, body: Any, says: str) -> None:
    with pytest.raises(ControlError, match=says):
        oagw.control.call(method, path, body=body)


def test_the_latest_requests_are_judged(oagw: Oagw, naive: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        naive.post(CHAT, json=QUESTION)
    assert oagw.conduct()["requests"] == 3
    monkeypatch.setattr("oagw_tornado.control.conduct_handlers.MOST_JUDGED", 2)
    assert oagw.conduct()["requests"] == 2


def test_a_reset_forgets_the_marks(oagw: Oagw) -> None:
    oagw.mark("gone", time=1.0)
    oagw.reset()
    assert oagw.control.call("GET", "/_sim/marks") == {"marks": []}


def test_probes_and_icons_are_no_evidence(oagw: Oagw, simulator: SimulatorThread, naive: httpx.Client) -> None:
    for path in (
        "/health",
        "/healthz",
        "/readyz",
        "/favicon.ico",
        "/apple-touch-icon.png",
        "/_sim/conduct",
        "/metrics",
    ):
        naive.get(simulator.base_url + path)
    assert oagw.requests() == []
