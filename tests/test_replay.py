"""Recordings in the place of an upstream: which one answers, when it leaves, how it ends, and what a miss says."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from raw_http import CHAT, RawReply, chat, request, talk
from recorded import JSON, events, write_recording

from oagw_tornado.knobs.vocabulary import Knobs, resolve
from oagw_tornado.playback.amending import amend
from oagw_tornado.playback.plan import plan
from oagw_tornado.recordings.recording import read_recording
from oagw_tornado.replaying.playable_reply import PlayableReply
from oagw_tornado.reply.shaping import single_steps
from oagw_tornado.testing import SimulatorThread

PROXY = "/api/oagw/v1/proxy"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Streams that end in all ways, and whole replies."""
    root = tmp_path_factory.mktemp("recordings")
    folder = root / "openai"
    write_recording(folder / "whole.jsonl", {"say": "whole"}, [(20_000, b'{"ok":true}')], headers=JSON)
    write_recording(folder / "stream.jsonl", chat("stream"), events(8, 2000, 10_000))
    write_recording(folder / "first.jsonl", chat("three"), [(1000, b"data: first\n\n")])
    write_recording(
        folder / "third.jsonl", chat("three"), [(1000, b"data: third\n\n")], at="2026-01-03T00:00:00.000000Z"
    )
    write_recording(folder / "second.jsonl", chat("three"), events(3), at="2026-01-02T00:00:00.000000Z", ended="reset")
    for ended in ("cut", "timeout", "client-left", None):
        write_recording(folder / f"{ended}.jsonl", chat(f"ends {ended}"), events(2), ended=ended)
    done = [*events(2), (3000, b"data: [DONE]\n\n")]
    write_recording(folder / "done.jsonl", chat("left at done"), done, ended="client-left")
    write_recording(
        folder / "reads.jsonl",
        chat("reads"),
        [(1000, b"data: a\n\ndata: b\n\nda"), (2000, b"ta: c\r\n\r\n: comment\n\n"), (3000, b"data: d\n\n")],
    )
    write_recording(
        folder / "length.jsonl", chat("short"), [(1000, b'{"ok"')], ended="cut", headers=JSON, status=201
    )  # fmt: skip
    limited = (*JSON[:1], ("Retry-After", "7"))
    write_recording(folder / "error.jsonl", chat("limited"), [(900, b'{"e":1}')], headers=limited, status=429)
    write_recording(root / "mine" / "get.jsonl", None, [(500, b"plain")], method="GET", target="a/b%20c?x=1&y=2",
                    alias="mine", headers=(("content-type", "text/plain"), ("x-request-id", "theirs")))  # fmt: skip
    write_recording(
        root / "mine" / "key.jsonl", None, [(500, b"known")], method="GET", target="q?key=***&q=1", alias="mine"
    )
    write_recording(root / "mine" / "head.jsonl", None, method="HEAD", target="file", alias="mine",
                    headers=(("Content-Length", "1234"),))  # fmt: skip
    write_recording(
        root / "mine" / "empty.jsonl", None, method="DELETE", target="file", alias="mine", headers=(), status=204
    )
    (folder / "broken.jsonl").write_text('{"recording": 2}\n')
    for ended in ("refused", "connect-timeout", "client-left"):
        write_recording(folder / f"no-{ended}.jsonl", chat(f"no {ended}"), ended=ended, status=None)
    torn = write_recording(folder / "torn.jsonl", chat("torn"), ended=None)
    torn.write_bytes(torn.read_bytes() + b'{"at":1,"text":5}\n')
    return root


@pytest.fixture(scope="module")
def server(library: Path) -> Iterator[SimulatorThread]:
    with SimulatorThread(replay=library) as simulator:
        yield simulator


@pytest.fixture(autouse=True)
def _as_started(request: pytest.FixtureRequest) -> None:
    if "server" in request.fixturenames:
        request.getfixturevalue("server").control.reset()


def ask(server: SimulatorThread, text: str, **knobs: str) -> RawReply:
    headers = {f"X-Sim-{name.replace('_', '-')}": value for name, value in knobs.items()}
    return talk(server.port, request(CHAT, chat(text), headers), 10.0)


def last(server: SimulatorThread) -> Any:
    deadline = time.monotonic() + 10
    while True:
        entry = server.control.requests(limit=1, events=True)[0]
        if entry["outcome"] is not None or time.monotonic() > deadline:
            return entry
        time.sleep(0.005)


def test_a_stream_comes_back_as_it_was(server: SimulatorThread) -> None:
    reply = ask(server, "stream")
    assert reply.status == 200
    assert reply.header("Content-Type") == "text/event-stream"
    assert reply.header("X-OAGW-Error-Source") == "upstream"
    assert reply.chunks == [*[data for _, data in events(8)], b""]
    assert (reply.header("Server-Timing") or "").startswith('ttft;dur=10.000, total;dur=24.000;desc="replay x1"')
    entry = last(server)
    planned = [0.010 + 0.002 * number for number in range(8)]
    assert entry["events"]["planned"] == pytest.approx(planned, abs=1e-9)
    assert all(left >= due for left, due in zip(entry["events"]["actual"], planned, strict=True))
    assert entry["replay"]["recording"] == "openai/stream.jsonl"
    assert entry["replay"]["events"] == 8
    assert entry["replay"]["error_ms"]["earliest"] >= 0


def test_a_whole_reply_comes_at_its_time(server: SimulatorThread) -> None:
    begun = time.monotonic()
    reply = talk(server.port, request(CHAT, {"say": "whole"}))
    assert time.monotonic() - begun >= 0.020
    assert (reply.status, reply.body, reply.header("Content-Length")) == (200, b'{"ok":true}', "11")
    assert talk(server.port, request(CHAT, {"say": "whole"}, {"X-Sim-Latency": "1ms"})).body == b'{"ok":true}'
    entry = last(server)
    assert entry["replay"]["overridden"] == ["latency"]
    assert entry["ended"] >= 0.001


def test_status_and_headers_come_back(server: SimulatorThread) -> None:
    reply = ask(server, "limited")
    assert (reply.status, reply.header("Retry-After"), reply.body) == (429, "7", b'{"e":1}')


def test_an_alias_that_is_only_recorded_and_a_path_and_a_query(server: SimulatorThread) -> None:
    reply = talk(server.port, request(f"{PROXY}/mine/a/b%20c?y=2&x=1"))
    assert (reply.status, reply.body) == (200, b"plain")
    assert reply.header("X-Request-Id") == last(server)["id"]
    assert reply.header("X-Upstream-Request-Id") == "theirs"
    assert b"known" in talk(server.port, request(f"{PROXY}/mine/q?key=AIzaSyA-0123456789&q=1")).body
    assert talk(server.port, request(f"{PROXY}/mine/q?key=AIzaSyA-0123456789&q=2")).status == 504
    head = talk(server.port, request(f"{PROXY}/mine/file", method="HEAD"))
    assert (head.status, head.header("Content-Length"), head.body) == (200, "1234", b"")
    assert talk(server.port, request(f"{PROXY}/mine/file", method="DELETE")).status == 204
    # What nobody recorded stays what it is.
    assert b"weather" not in talk(server.port, request(f"{PROXY}/weather/current")).head
    assert talk(server.port, request(f"{PROXY}/weather/current")).status == 200


def test_recordings_of_one_request_follow_each_other_and_the_last_repeats(server: SimulatorThread) -> None:
    assert ask(server, "three").chunks[0] == b"data: first\n\n"
    second = ask(server, "three")
    assert (len(second.chunks), second.end) == (3, "reset")
    assert last(server)["outcome"] == "reset"
    for _ in range(2):
        assert ask(server, "three").chunks[0] == b"data: third\n\n"
    assert last(server)["replay"]["number"] == 3
    server.control.reset()
    assert ask(server, "three").chunks[0] == b"data: first\n\n"


@pytest.mark.parametrize("ended", ["cut", "timeout", "client-left", None])
def test_what_was_cut_comes_back_cut(server: SimulatorThread, ended: str | None) -> None:
    reply = ask(server, f"ends {ended}")
    assert reply.chunks == [data for _, data in events(2)]  # and no last chunk
    assert last(server)["outcome"] == ("timeout" if ended == "timeout" else "cut")


def test_a_client_that_left_at_the_last_word_saw_all_of_it(server: SimulatorThread) -> None:
    assert ask(server, "left at done").chunks[-2:] == [b"data: [DONE]\n\n", b""]


def test_a_body_that_was_cut_short_of_its_length_is_so_again(server: SimulatorThread) -> None:
    reply = ask(server, "short")
    assert (reply.status, reply.header("Content-Length"), reply.body) == (201, "11", b'{"ok"')
    assert last(server)["outcome"] == "cut"


@pytest.mark.parametrize(
    ("ended", "status", "said"),
    [
        ("refused", 502, "Upstream openai refuses the connection"),
        ("connect-timeout", 504, "Upstream openai did not take the connection in time"),
        ("client-left", 502, "Upstream openai had not answered when its recording ended (client-left)"),
    ],
)
def test_an_upstream_that_did_not_answer_does_not_again(
    server: SimulatorThread, ended: str, status: int, said: str
) -> None:
    reply = ask(server, f"no {ended}")
    assert (reply.status, reply.header("X-OAGW-Error-Source")) == (status, "gateway")
    assert json.loads(reply.body)["error"] == said
    assert last(server)["replay"]["recording"] == f"openai/no-{ended}.jsonl"


def test_reads_leave_as_they_were_read(server: SimulatorThread) -> None:
    reads = [b"data: a\n\ndata: b\n\nda", b"ta: c\r\n\r\n: comment\n\n", b"data: d\n\n"]
    assert ask(server, "reads").chunks == [*reads, b""]
    assert last(server)["events_sent"] == 4
    # A fault has to take hold of single events.
    cut = ask(server, "reads", fault="close;at-event=3")
    assert b"".join(cut.chunks) == b"data: a\n\ndata: b\n\ndata: c\r\n\r\n"
    assert ask(server, "reads", line_ending="lf").chunks[2] == b"data: c\n\n"
    assert ask(server, "reads", line_ending="crlf").chunks[0] == b"data: a\r\n\r\n"


def test_knobs_of_a_request_and_of_a_rule_take_the_place_of_recorded_times(server: SimulatorThread) -> None:
    ask(server, "stream", inter_token_latency="1ms")
    assert last(server)["events"]["planned"] == pytest.approx([0.010 + 0.001 * n for n in range(8)], abs=1e-9)
    assert last(server)["replay"]["overridden"] == ["inter_token_latency"]
    server.control.add_rule(ttft="5ms", header_delay="3ms")
    ask(server, "stream")
    assert last(server)["events"]["planned"] == pytest.approx([0.005 + 0.002 * n for n in range(8)], abs=1e-9)
    # The server's own knobs are for what is not recorded.
    server.control.reset()
    server.control.configure(ttft="7ms", inter_token_latency="9ms", latency="2s")
    ask(server, "stream")
    assert last(server)["events"]["planned"] == pytest.approx([0.010 + 0.002 * n for n in range(8)], abs=1e-9)
    assert talk(server.port, request(CHAT, {"say": "whole"})).status == 200
    assert last(server)["ended"] < 2


@pytest.mark.parametrize(("speed", "scale"), [("2", 0.5), ("0.5", 2), ("0", 0)])
def test_it_may_be_faster_or_slower(server: SimulatorThread, speed: str, scale: float) -> None:
    reply = ask(server, "stream", replay_speed=speed)
    assert len(reply.chunks) == 9
    planned = [scale * (0.010 + 0.002 * number) for number in range(8)]
    assert last(server)["events"]["planned"] == pytest.approx(planned, abs=1e-9)


def test_faults_come_on_top(server: SimulatorThread) -> None:
    reply = ask(server, "stream", fault="reset;at-event=5", replay_speed="10")
    assert (len(reply.chunks), reply.end) == (5, "reset")
    assert last(server)["outcome"] == "fault:reset"
    assert ask(server, "stream", fault="status;code=503").status == 503
    truncated = talk(server.port, request(CHAT, {"say": "whole"}, {"X-Sim-Fault": "truncate;bytes=4"}))
    assert truncated.body == b'{"ok'


@pytest.mark.parametrize(
    ("first", "said"),
    [
        (
            b"event: message_start\ndata: {}\n\n",
            b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error"',
        ),
        (b"event: response.created\ndata: {}\n\n", b'event: error\ndata: {"type":"error","sequence_number":1,"code"'),
        (b'data: {"choices":[]}\n\n', b'data: {"error":{"message"'),
    ],
)
def test_an_error_event_has_the_form_of_the_stream(tmp_path: Path, first: bytes, said: bytes) -> None:
    write_recording(tmp_path / "a.jsonl", chat("x"), [(1, first), (2, b"data: {}\n\n")])
    with (tmp_path / "a.jsonl").open("rb") as file:
        recorded = PlayableReply(read_recording(file))
    knobs = resolve(Knobs(), {"fault": "error-event;at-event=1"})
    reply, knobs = amend(recorded.planned(knobs, ()).reply, knobs)
    data = b"".join(step.data for step in single_steps(plan(reply, knobs, Random(1))))
    assert data.startswith(first + said)


def test_a_rule_with_a_reply_comes_first(server: SimulatorThread) -> None:
    server.control.add_rule(reply={"status": 418})
    assert ask(server, "stream").status == 418


def test_a_miss_names_the_nearest_and_the_first_difference(server: SimulatorThread) -> None:
    reply = ask(server, "streem")
    assert (reply.status, reply.header("X-OAGW-Error-Source")) == (504, "gateway")
    said = json.loads(reply.body)
    assert said["error"] == "No recording answers this request"
    assert said["nearest"] == {
        "recording": "openai/stream.jsonl",
        "difference": {"at": "$.messages[0].content", "recorded": "stream", "requested": "streem"},
        "differences": 1,
    }
    assert '$.messages[0].content: recorded "stream", requested "streem"' in said["message"]
    other = json.loads(talk(server.port, request(f"{PROXY}/mine/elsewhere")).body)
    assert other["nearest"]["difference"]["at"] in ("method", "path")
    view = server.control.call("GET", "/_sim/replays")
    assert view["misses"] == 2
    assert view["latest_misses"][1]["nearest"]["recording"] == "openai/stream.jsonl"


def test_a_miss_may_be_passed_to_the_upstream(server: SimulatorThread) -> None:
    server.control.configure(on_miss="pass", inter_token_latency="0")
    assert b"Streaming" in ask(server, "nobody recorded this").body
    assert last(server)["replay"] is None


def test_what_no_recording_answers_needs_a_rule_where_there_must_be_one(server: SimulatorThread) -> None:
    for on_miss, status in (("fail", 504), ("pass", 503)):
        server.control.configure(strict=True, on_miss=on_miss)
        assert ask(server, "stream").status == 200
        assert ask(server, "nobody recorded this").status == status


def test_fields_may_be_left_out(server: SimulatorThread) -> None:
    body = {**chat("stream"), "user": "somebody"}
    assert talk(server.port, request(CHAT, body)).status == 504
    server.control.configure(replay_ignore=["user", "metadata.id"])
    assert talk(server.port, request(CHAT, body)).status == 200
    assert server.control.call("GET", "/_sim/config")["replay-ignore"] == ["user", "metadata.id"]


def test_each_session_has_its_own_order(server: SimulatorThread) -> None:
    server.control.configure(replay_per="header:X-Session")
    first = [talk(server.port, request(CHAT, chat("three"), {"X-Session": name})) for name in ("a", "b", "a")]
    assert [reply.chunks[0] for reply in first] == [b"data: first\n\n", b"data: first\n\n", b'data: {"n":0}\n\n']


def test_what_cannot_be_read_is_named(server: SimulatorThread, library: Path) -> None:
    problems = server.control.call("GET", "/_sim/replays")["problems"]
    assert problems == [f"{library}/openai/broken.jsonl: line 1: recording: expected version 1, not '2'"]
    torn = ask(server, "torn")
    assert (torn.status, torn.header("X-OAGW-Error-Source")) == (502, "gateway")
    assert "openai/torn.jsonl cannot be replayed: line 2: text: expected a text" in json.loads(torn.body)["error"]


def test_the_proof_counts_what_nothing_disturbed(server: SimulatorThread) -> None:
    ask(server, "stream")
    ask(server, "stream", ttft="1ms")
    ask(server, "stream", fault="reset;at-event=2")
    last(server)
    view = server.control.call("GET", "/_sim/replays", query={"events": 1, "limit": 3})
    assert (view["replays"], view["counted"], view["events"]) == (3, 1, 8)
    assert 0 <= view["error_ms"]["earliest"] <= view["error_ms"]["p50"] <= view["error_ms"]["max"]
    plain = view["latest"][2]
    assert plain["recorded"] == pytest.approx([0.010 + 0.002 * number for number in range(8)], abs=1e-9)
    assert len(plain["errors_ms"]) == 8
