"""Each fault as clients meet it: the exceptions that httpx and openai-python raise, and what they read before that."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from raw_http import CHAT, TOKEN, chat
from test_faults_wire import WORDS, words

from oagw_tornado.testing import SimulatorThread


@pytest.fixture(scope="module")
def oagw(wire: str) -> Iterator[SimulatorThread]:
    engine, loop = wire.split("-")
    with SimulatorThread(http_server=engine, loop=loop, inter_token_latency="1ms") as server:
        yield server


# As httpx sees it.


@pytest.mark.parametrize(
    ("fault", "error", "received"),
    [
        ("reset;at-event=1", httpx.ReadError, 1),
        ("reset;after=0", httpx.ReadError, 0),
        ("close;at-event=1", httpx.RemoteProtocolError, 1),
        ("empty", httpx.RemoteProtocolError, 0),
        ("stall;at-event=1", httpx.ReadTimeout, 1),
        ("malformed-chunk;at-event=1", httpx.RemoteProtocolError, 1),
        ("garbage;at-event=1", httpx.RemoteProtocolError, 1),
    ],
)
def test_httpx_raises(oagw: SimulatorThread, fault: str, error: type[Exception], received: int) -> None:
    data = b""
    with httpx.Client(timeout=httpx.Timeout(5.0, read=0.3)) as client, pytest.raises(error):  # noqa: PT012
        headers = {"Authorization": f"Bearer {TOKEN}", "X-Sim-Fault": fault}
        with client.stream("POST", oagw.base_url + CHAT, json=chat(), headers=headers) as reply:
            for piece in reply.iter_raw():
                data += piece
    assert len(words(data.split(b"\n\n"))) == received


@pytest.mark.parametrize("fault", ["truncate;at-event=1", "malformed-event", "error-event", "duplicate-event", "split"])
def test_httpx_sees_a_body_that_ends_in_order(oagw: SimulatorThread, fault: str) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "X-Sim-Fault": fault}
    reply = httpx.post(oagw.base_url + CHAT, json=chat(), headers=headers)
    assert reply.status_code == 200
    assert reply.text.endswith("data: [DONE]\n\n") == (fault not in ("truncate;at-event=1", "error-event"))


def test_httpx_waits_for_a_slow_body(oagw: SimulatorThread) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "X-Sim-Fault": "slow-body;bytes-per-second=20000"}
    reply = httpx.post(oagw.base_url + CHAT, json=chat(), headers=headers)
    assert reply.elapsed.total_seconds() >= len(reply.content) / 20_000


# As users of openai-python see it.


def complete(oagw: SimulatorThread, fault: str, **options: Any) -> list[str | None]:
    client = openai.OpenAI(
        base_url=oagw.openai_base_url,
        api_key=oagw.token,
        max_retries=0,
        timeout=httpx.Timeout(5.0, read=0.3),  # type: ignore[arg-type]  # of httpx2's like
        default_headers={"X-Sim-Fault": fault},
        **options,
    )
    with client:
        stream = client.chat.completions.create(**chat())
        return [chunk.choices[0].delta.content or chunk.choices[0].finish_reason for chunk in stream]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("status;code=400", openai.BadRequestError),
        ("status;code=401", openai.AuthenticationError),
        ("status;code=429;retry-after=1s", openai.RateLimitError),
        ("status;code=503", openai.InternalServerError),
        ("reset;at-event=1", openai.APIConnectionError),
        ("reset;after=0", openai.APIConnectionError),
        ("close;at-event=1", openai.APIConnectionError),
        ("empty", openai.APIConnectionError),
        ("stall;at-event=1", openai.APITimeoutError),
        ("malformed-chunk;at-event=1", openai.APIConnectionError),
        ("garbage;at-event=1", openai.APIConnectionError),
        ("error-event;at-event=1", openai.APIError),
        ("malformed-event;at-event=1", json.JSONDecodeError),
    ],
)
def test_openai_raises(oagw: SimulatorThread, fault: str, error: type[Exception]) -> None:
    # Which releases wrap what httpx raises in mid-stream differs; both are what a user meets.
    wrapped = {openai.APIConnectionError: httpx.TransportError, openai.APITimeoutError: httpx.TimeoutException}
    with pytest.raises((error, wrapped.get(error, error))):
        complete(oagw, fault)


@pytest.mark.parametrize(
    ("fault", "received"),
    [
        ("none", [*WORDS, "stop"]),
        ("truncate;at-event=2", WORDS[:2]),
        ("duplicate-event", [WORDS[0], *WORDS, "stop"]),
        ("split;bytes=2", [*WORDS, "stop"]),
        ("slow-body;bytes-per-second=20000", [*WORDS, "stop"]),
        ("stall;at-event=3;for=100ms", [*WORDS, "stop"]),
    ],
)
def test_openai_reads(oagw: SimulatorThread, fault: str, received: list[str]) -> None:
    assert complete(oagw, fault) == received


def test_openai_retries_until_a_rule_lets_it_pass(oagw: SimulatorThread) -> None:
    oagw.control.add_rule(when={"first": 2}, fault="status;code=429;retry-after=10ms")
    with openai.OpenAI(base_url=oagw.openai_base_url, api_key=oagw.token, max_retries=2) as client:
        completion = client.chat.completions.create(model="gpt-4", messages=[{"role": "user", "content": "hello"}])
    assert completion.choices[0].message.content == "Hello! How can I assist you today?"
    assert [exchange["status"] for exchange in oagw.control.requests(limit=3)] == [200, 429, 429]
    oagw.control.reset()
