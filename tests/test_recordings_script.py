"""A recording turned into a script says the same again: in every dialect, streamed and whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from raw_http import RawReply, request, talk
from recorded import events, write_recording

from oagw_tornado.recordings.recording import Recording, bounded_lines, read_recording
from oagw_tornado.recordings.script import rule_of, script_of
from oagw_tornado.testing import SimulatorThread

CHATS = [{"role": "user", "content": "What is the weather?"}]
TOOL = {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}
DIALECTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "chat": (
        "openai",
        "v1/chat/completions",
        {
            "messages": CHATS,
            "tools": [{"type": "function", "function": TOOL}],
            "stream_options": {"include_usage": True},
        },
    ),
    "completions": ("openai", "v1/completions", {"prompt": "Once", "stream_options": {"include_usage": True}}),
    "responses": ("openai", "v1/responses", {"input": "What is the weather?", "tools": [{"type": "function", **TOOL}]}),
    "messages": (
        "anthropic",
        "v1/messages",
        {
            "messages": CHATS,
            "max_tokens": 900,
            "tools": [{"name": "get_weather", "input_schema": TOOL["parameters"]}],
        },
    ),
}
USAGE = {"usage": {"input": 100, "output": 50, "cached": 40}}
SAID: dict[str, list[Any]] = {
    "text": [{"text": ["It ", "is ", "7 degrees — in Oslo."], "after": "3ms", "gap": "1ms"}, USAGE, {"finish": "stop"}],
    "tools": [
        {"text": ["Let me ", "look."]},
        {"tool": {"name": "get_weather", "arguments": {"city": "Oslo"}, "id": "call_1"}, "after": "2ms"},
        {"tool": {"name": "get_weather", "arguments": {"city": "Bergen"}, "id": "call_2"}},
        {"finish": "tool_calls"},
    ],
    "thought": [{"reasoning": {"text": ["I need ", "a city."], "signature": "c2ln"}}, {"text": "Where?"}],
    "cut": [{"text": "a b c"}, {"finish": "length"}],
    "broken": [{"text": ["so ", "far"]}, {"error": {"type": "overloaded_error", "message": "Overloaded", "code": "x"}}],
    "refused": [{"error": {"status": 429, "type": "rate_limit_error", "message": "Slow down"}}],
}
#: What a dialect has no word for.
NOT_IN = {("completions", "tools"), ("completions", "thought")}


@pytest.fixture(scope="module")
def server() -> Iterator[SimulatorThread]:
    with SimulatorThread(openai_profile="openai", inter_token_latency="0") as simulator:
        yield simulator


def ask(server: SimulatorThread, dialect: str, stream: bool) -> RawReply:
    alias, path, body = DIALECTS[dialect]
    body = {"model": "gpt-4o", **body, "stream": stream}
    if not stream:
        body.pop("stream_options", None)
    return talk(server.port, request(f"/api/oagw/v1/proxy/{alias}/{path}", body), 10.0)


def recorded(reply: RawReply, dialect: str, path: Path) -> Recording:
    """What the recorder would have kept of a reply, its chunks a millisecond apart."""
    alias, target, body = DIALECTS[dialect]
    kind = reply.header("Content-Type") or ""
    reads = [chunk for chunk in reply.chunks if chunk] if "event-stream" in kind else [reply.body]
    headers = (("Content-Type", kind),)
    write_recording(
        path,
        body,
        [(1000 * (number + 1), data) for number, data in enumerate(reads)],
        headers=headers,
        status=reply.status,
        target=target,
        alias=alias,
    )
    with path.open("rb") as file:
        return read_recording(bounded_lines(file))


def without_times(parts: Any) -> Any:
    return [{key: value for key, value in part.items() if key not in ("after", "gap")} for part in parts]


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("what", SAID)
def test_it_says_the_same_again(server: SimulatorThread, tmp_path: Path, what: str, dialect: str, stream: bool) -> None:
    if (dialect, what) in NOT_IN:
        pytest.skip("the dialect has no word for it")
    server.control.reset()
    server.control.reply(SAID[what], match={"path": "*"})
    first = ask(server, dialect, stream)
    rule, _ = rule_of(recorded(first, dialect, tmp_path / "a.jsonl"))
    server.control.reset()
    server.control.add_rule(json.loads(json.dumps(rule)))
    second = ask(server, dialect, stream)
    assert second.status == first.status
    again = script_of(recorded(second, dialect, tmp_path / "b.jsonl"))
    assert without_times(again.reply) == without_times(rule["reply"])
    assert len(second.chunks) == len(first.chunks)
    kinds = {key for part in rule["reply"] for key in part}
    wanted = {key for part in SAID[what] for key in part}
    assert wanted & {"text", "tool", "error"} <= kinds or not stream or what == "refused"


def test_pauses_are_kept(server: SimulatorThread, tmp_path: Path) -> None:
    server.control.reset()
    server.control.reply(SAID["tools"], match={"path": "*"})
    recording = recorded(ask(server, "chat", True), "chat", tmp_path / "a.jsonl")
    parts = script_of(recording).reply
    assert parts[0]["text"] == ["Let me ", "look."]
    assert (parts[0]["after"], parts[0]["gap"]) == ("2ms", "trace(0,1ms)")
    assert parts[1]["tool"]["name"] == "get_weather"


def test_other_streams_become_their_events_and_other_replies_an_http_reply(tmp_path: Path) -> None:
    path = write_recording(tmp_path / "a.jsonl", None, events(2, 2000), target="events", method="GET")
    with path.open("rb") as file:
        rule, _ = rule_of(read_recording(bounded_lines(file)))
    assert rule["match"] == {"alias": "openai", "path": "/events", "method": "GET"}
    assert rule["reply"]["events"][1]["after"] == "2ms"
    path = write_recording(
        tmp_path / "b.jsonl",
        None,
        [(9, b'{"a":1}')],
        target="x",
        status=404,
        headers=(("Content-Type", "application/json"), ("Retry-After", "3")),
    )
    with path.open("rb") as file:
        assert script_of(read_recording(bounded_lines(file))).reply == {
            "status": 404,
            "headers": {"Retry-After": "3"},
            "json": {"a": 1},
        }
