"""Each fault as a client meets it: the bytes on a raw socket, and any mixture of faults."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from raw_http import CHAT, TOKEN, RawReply, chat, request, talk

from oagw_tornado.faults import FAULTS
from oagw_tornado.testing import SimulatorThread

WORDS = ["Streaming ", "response ", "to: ", "one ", "two ", "three "]


@pytest.fixture(scope="module")
def oagw(wire: str) -> Iterator[SimulatorThread]:
    engine, loop = wire.split("-")
    with SimulatorThread(http_server=engine, loop=loop, inter_token_latency="1ms") as server:
        yield server


def raw(oagw: SimulatorThread, fault: str, patience: float = 5.0, target: str = CHAT, body: Any = None) -> RawReply:
    body = chat("one two three") if body is None and target == CHAT else body
    return talk(oagw.port, request(target, body, {"X-Sim-Fault": fault}), patience)


def outcome(oagw: SimulatorThread) -> tuple[str, int]:
    latest = oagw.control.requests(limit=1)[0]
    return latest["outcome"], latest["events_sent"]


def words(events: list[bytes]) -> list[str]:
    documents = [json.loads(event[6:]) for event in events if event.startswith(b"data: {")]
    return [document["choices"][0]["delta"].get("content", "") for document in documents]


# On a raw socket.


def test_none(oagw: SimulatorThread) -> None:
    reply = raw(oagw, "none")
    assert words(reply.chunks) == [*WORDS, ""]
    assert reply.body.endswith(b"\r\n0\r\n\r\n")
    assert outcome(oagw) == ("complete", 8)


def test_status(oagw: SimulatorThread) -> None:
    reply = raw(oagw, "status;code=503;retry-after=2500ms")
    assert (reply.status, reply.end) == (503, "closed")
    assert (reply.header("Retry-After"), reply.header("Retry-After-Ms")) == ("3", "2500")
    assert reply.header("X-OAGW-Error-Source") == "upstream"
    assert json.loads(reply.body)["error"]["type"] == "server_error"
    assert outcome(oagw) == ("fault:status", 0)


def test_reset(oagw: SimulatorThread) -> None:
    reply = raw(oagw, "reset;at-event=2")
    assert reply.end == "reset"
    assert words(reply.chunks) == WORDS[:2]
    assert outcome(oagw) == ("fault:reset", 2)


def test_reset_before_the_head(oagw: SimulatorThread) -> None:
    assert raw(oagw, "reset;after=0") == RawReply(b"", b"", "reset")


def test_close(oagw: SimulatorThread) -> None:
    reply = raw(oagw, "close;at-event=2")
    assert reply.end == "closed"
    assert words(reply.chunks) == WORDS[:2]
    assert not reply.body.endswith(b"0\r\n\r\n")
    assert outcome(oagw) == ("fault:close", 2)


def test_empty(oagw: SimulatorThread) -> None:
    assert raw(oagw, "empty") == RawReply(b"", b"", "closed")
    assert outcome(oagw) == ("fault:empty", 0)


def test_stall(oagw: SimulatorThread) -> None:
    reply = raw(oagw, "stall;at-event=2", patience=0.15)
    assert reply.end == "silent"
    assert words(reply.chunks) == WORDS[:2]


def test_stall_for_a_time(oagw: SimulatorThread) -> None:
    began = time.monotonic()
    reply = raw(oagw, "stall;at-event=2;for=150ms")
    assert time.monotonic() - began >= 0.15
    assert words(reply.chunks) == [*WORDS, ""]
    assert outcome(oagw) == ("complete", 8)


def test_truncate(oagw: SimulatorThread) -> None:
    reply = raw(oagw, "truncate;at-event=2")
    assert words(reply.chunks) == WORDS[:2]
    assert reply.body.endswith(b"\r\n0\r\n\r\n")
    assert outcome(oagw) == ("fault:truncate", 2)


def test_malformed_chunk(oagw: SimulatorThread) -> None:
    reply = raw(oagw, "malformed-chunk;at-event=1")
    assert words(reply.chunks) == WORDS[:1]
    assert reply.body.endswith(b"\r\nmalformed chunk\r\n\r\n")
    assert outcome(oagw) == ("fault:malformed-chunk", 1)


def test_garbage(oagw: SimulatorThread) -> None:
    reply = raw(oagw, "garbage;at-event=1;bytes=100")
    garbage = reply.body[-100:]
    assert words(reply.chunks) == WORDS[:1]
    assert garbage[0] >= 0x80
    assert len(set(garbage)) > 20
    assert outcome(oagw) == ("fault:garbage", 1)


def test_malformed_event(oagw: SimulatorThread) -> None:
    chunks = raw(oagw, "malformed-event;at-event=1").chunks
    assert len(chunks) == 9
    with pytest.raises(json.JSONDecodeError):
        json.loads(chunks[1].removeprefix(b"data: "))
    assert words(chunks[:1] + chunks[2:]) == [WORDS[0], *WORDS[2:], ""]


def test_error_event(oagw: SimulatorThread) -> None:
    reply = raw(oagw, "error-event;at-event=1")
    first, error, end = reply.chunks
    assert words([first]) == WORDS[:1]
    assert set(json.loads(error.removeprefix(b"data: "))["error"]) == {"message", "type", "param", "code"}
    assert end == b""
    assert outcome(oagw) == ("fault:error-event", 2)


@pytest.mark.parametrize(("size", "struck"), [(0, []), (200_000, ["error-event"])])
def test_error_event_in_a_download_ends_what_there_is_of_it(
    oagw: SimulatorThread, size: int, struck: list[str]
) -> None:
    reply = raw(oagw, "error-event", target=f"/api/oagw/v1/proxy/stream-test/bytes?size={size}&rate=1MB")
    (one,) = oagw.control.requests(limit=1)
    assert one["faults"] == struck
    assert one["outcome"] == ("fault:error-event" if struck else "complete")
    assert reply.status == 200


def test_split(oagw: SimulatorThread) -> None:
    reply = talk(oagw.port, request(CHAT, chat("é"), {"X-Sim-Fault": "split;bytes=1"}))
    assert {len(chunk) for chunk in reply.chunks[:-1]} == {1}
    assert words([event for event in b"".join(reply.chunks).split(b"\n\n") if event])[3] == "é "
    assert "é".encode()[:1] in reply.chunks
    assert outcome(oagw) == ("complete", 6)


def test_duplicate_event(oagw: SimulatorThread) -> None:
    assert words(raw(oagw, "duplicate-event;at-event=1").chunks) == [WORDS[0], WORDS[1], *WORDS[1:], ""]


def test_slow_body(oagw: SimulatorThread) -> None:
    began = time.monotonic()
    reply = raw(oagw, "slow-body;bytes-per-second=10000")
    assert time.monotonic() - began >= len(b"".join(reply.chunks)) / 10_000
    assert words(b"".join(reply.chunks).split(b"\n\n")) == [*WORDS, ""]


WEATHER = "/api/oagw/v1/proxy/weather/current"


@pytest.mark.parametrize(
    ("fault", "end", "left"),
    [
        ("reset", "reset", 0),
        ("close", "closed", 0),
        ("split;bytes=10", "closed", None),
        ("stall;for=50ms", "closed", None),
        ("slow-body;bytes-per-second=2000", "closed", None),
        ("truncate;bytes=10", "closed", 10),
        ("garbage;bytes=30", "closed", 30),
    ],
)
def test_a_whole_reply(oagw: SimulatorThread, fault: str, end: str, left: int | None) -> None:
    whole = talk(oagw.port, request(WEATHER)).body
    reply = raw(oagw, fault, target=WEATHER)
    assert (reply.status, reply.end) == (200, end)
    assert len(reply.body) == (len(whole) if left is None else left)
    announced = 10 if fault == "truncate;bytes=10" else len(whole)
    assert reply.header("Content-Length") == str(announced)


@pytest.mark.parametrize(
    "fault", ["malformed-chunk", "error-event", "duplicate-event", "malformed-event", "close;at-event=1"]
)
def test_what_has_no_meaning_for_a_whole_reply_is_refused(oagw: SimulatorThread, fault: str) -> None:
    reply = raw(oagw, fault, target=WEATHER)
    assert (reply.status, reply.header("X-OAGW-Error-Source")) == (400, "gateway")
    assert reply.header("X-Should-Retry") == "false"
    assert fault.partition(";")[0] in json.loads(reply.body)["error"]


def test_a_connection_that_a_fault_spares_serves_on(oagw: SimulatorThread) -> None:
    with httpx.Client(base_url=oagw.base_url, headers={"Authorization": f"Bearer {TOKEN}"}) as client:
        for fault in ("split", "truncate;at-event=1", "error-event", "status"):
            client.post(CHAT, json=chat(), headers={"X-Sim-Fault": fault})
        assert client.get(WEATHER).json()["temperature"] == 72


# Any mixture of them.


def mixture(dice: random.Random) -> bytes:
    """A request with some faults and knobs at once."""

    def fault() -> str:
        kind = dice.choice([kind for kind in FAULTS.values() if kind.type != "slow-body"])
        text = kind.type
        if kind.type in ("stall", "hold-open"):
            text += ";for=3ms"
        if "at-event" in kind.parameters and dice.random() < 0.5:
            text += f";at-event={dice.randint(0, 8)}"
        elif "after" in kind.parameters and dice.random() < 0.5:
            text += f";after={dice.randint(1, 9)}ms"
        return text

    headers = {"X-Sim-Fault": ",".join(fault() for _ in range(dice.randint(1, 3)))}
    for name, value in (
        ("Events-Per-Write", "3"),
        ("Keep-Alive", "1ms"),
        ("Line-Ending", "cr"),
        ("Itl", "uniform(0,2ms)"),
        ("Header-Delay", "2ms"),
        ("Latency", "2ms"),
        ("Gate", "shut"),
    ):
        if dice.random() < 0.25:
            headers[f"X-Sim-{name}"] = value
    target, body = dice.choice([(CHAT, chat()), (CHAT, {**chat(), "stream": False}), (WEATHER, None)])
    data = request(target, body, headers, dice.choice([None, None, "HEAD"]))
    return data.replace(b"HTTP/1.1\r\n", b"HTTP/1.0\r\n", 1) if dice.random() < 0.1 else data


def test_any_mixture_ends_and_leaves_nothing_behind(oagw: SimulatorThread) -> None:
    oagw.control.configure(gate_timeout="5ms")
    dice = random.Random(20)
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda data: talk(oagw.port, data), [mixture(dice) for _ in range(300)]))
    assert {reply.end for reply in replies} == {"closed", "reset"}
    outcomes = {exchange["outcome"] for exchange in oagw.control.requests()}
    assert None not in outcomes
    assert {"complete", "gate-timeout", "fault:reset", "fault:empty", "fault:status"} <= outcomes
    metrics = talk(oagw.port, request("/metrics")).body
    assert b"\noagw_streams_open 0.0\n" in metrics
    assert b"\noagw_requests_in_flight 0.0\n" in metrics
    assert oagw.take_errors() == ""
    oagw.control.reset()
