"""Scripted replies as values: each part in each dialect, streamed and whole, held to the official clients' types."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
from anthropic.types import Message, RawMessageStreamEvent
from openai.types import Completion
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from oagw_tornado.reply.answer import Answer
from oagw_tornado.reply.parts import Script
from oagw_tornado.reply.script import LONGEST_TEXT, MOST_PARTS, MOST_PIECES, parse_reply
from oagw_tornado.reply.script_fields import ScriptError
from oagw_tornado.reply.sse import decode
from oagw_tornado.services.anthropic.dialect import message_reply
from oagw_tornado.services.context import Context
from oagw_tornado.services.openai.chat.reply import chat_reply
from oagw_tornado.services.openai.completions.dialect import completion_reply
from oagw_tornado.services.openai.responses.dialect import response_reply

REAL = Context("r1", 1_700_000_000, is_exact=True)
MESSAGES = [{"role": "user", "content": "hi"}]
DIALECTS: dict[str, tuple[Any, dict[str, Any], Any, Any]] = {
    "chat": (chat_reply, {"messages": MESSAGES}, ChatCompletion, ChatCompletionChunk),
    "responses": (response_reply, {"input": "hi"}, Response, ResponseStreamEvent),
    "anthropic": (message_reply, {"messages": MESSAGES, "max_tokens": 9}, Message, RawMessageStreamEvent),
    "completions": (completion_reply, {"prompt": "hi"}, Completion, Completion),
}
TOOL = {"tool": {"name": "get_weather", "arguments": {"city": "Oslo"}, "id": "call_1"}}
SCRIPTS: dict[str, Any] = {
    "text": "It is 7 degrees.",
    "pieces": [{"text": ["One", "", ", two"]}],
    "empty text": [{"text": ""}],
    "texts in a row": ["One", {"text": " two", "after": "1ms"}],
    "reasoning": [{"reasoning": "I need the city."}, "Oslo"],
    "signed": [{"reasoning": "So.", "signature": "sig-1"}, "Oslo"],
    "redacted": [{"reasoning": {"redacted": "b3BhcXVl"}}, "Oslo"],
    "tool": [TOOL],
    "parallel tools": [{"reasoning": "Both."}, "I will look.", TOOL, {"tool": "get_time"}],
    "no arguments": [{"tool": {"name": "f", "arguments": ""}}],
    "refusal": [{"refusal": "I cannot help with that."}],
    "usage": ["Hi", {"usage": {"input": 2455, "cached": 2400, "output": 12, "reasoning": 5}}],
    "length": ["Hi", {"finish": "length"}],
    "filter": ["Hi", {"finish": "content_filter"}],
    "stop sequence": ["Hi", {"finish": {"stop-sequence": "END"}}],
    "waits": [{"text": ["a", "b"], "after": "300ms", "gap": "uniform(1ms,2ms)"}],
}


def say(dialect: str, script: Any, context: Context = REAL, **fields: Any) -> Any:
    reply, asked, _, _ = DIALECTS[dialect]
    parsed = parse_reply(script)
    assert isinstance(parsed, Script)
    return reply(json.dumps({"model": "m", **asked, **fields}).encode(), context, parsed)


@cache
def adapter(declared: Any) -> TypeAdapter[Any]:
    """Made once: that of a union of sixty events takes a tenth of a second."""
    return TypeAdapter(declared)


def events(reply: Any) -> list[Any]:
    said = [event.data for event in decode(b"".join(frame.data for frame in reply.frames))]
    # A ping is no event that the client hands on.
    return [json.loads(data) for data in said if data not in ("[DONE]", '{"type":"ping"}')]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", SCRIPTS)
def test_each_part_in_each_dialect_is_what_the_client_declares(name: str, dialect: str, stream: bool) -> None:
    _, _, whole, event = DIALECTS[dialect]
    reply = say(dialect, SCRIPTS[name], stream=stream)
    assert reply.status == 200
    if not stream:
        adapter(whole).validate_json(reply.body)
        return
    for each in events(reply):
        if dialect == "completions" and each["choices"][0]["finish_reason"] is None:
            each["choices"][0]["finish_reason"] = "stop"  # the client declares a completion and its chunks as one
        adapter(event).validate_python(each)
    if dialect == "responses":
        numbers = [each["sequence_number"] for each in events(say(dialect, SCRIPTS[name], stream=True))]
        assert numbers == list(range(len(numbers)))


@pytest.mark.parametrize("is_exact", [False, True], ids=["prototype", "openai"])
@pytest.mark.parametrize("name", SCRIPTS)
def test_a_streamed_chat_adds_up_to_the_one_sent_whole(name: str, is_exact: bool) -> None:
    context = REAL._replace(is_exact=is_exact, is_scripted=True)
    (whole,) = json.loads(say("chat", SCRIPTS[name], context).body)["choices"]
    said: dict[str, Any] = {}
    calls: dict[int, str] = {}
    for chunk in events(say("chat", SCRIPTS[name], context, stream=True)):
        for choice in chunk["choices"]:
            for field, value in choice["delta"].items():
                if field == "tool_calls":
                    for call in value:
                        calls[call["index"]] = calls.get(call["index"], "") + call["function"]["arguments"]
                elif isinstance(value, str) and field != "role":
                    said[field] = said.get(field, "") + value
            finish = choice["finish_reason"]
    message = whole["message"]
    assert finish == whole["finish_reason"]
    assert said.get("content", "") == (message["content"] or "")
    assert said.get("reasoning_content", "") == message.get("reasoning_content", "")
    assert said.get("refusal", "") == (message.get("refusal") or "")
    assert list(calls.values()) == [call["function"]["arguments"] for call in message.get("tool_calls", [])]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_an_error_that_comes_first_is_the_reply(dialect: str, stream: bool) -> None:
    reply = say(dialect, [{"error": {"status": 429, "message": "Slow down", "type": "t"}}], stream=stream)
    assert (reply.status, reply.frames) == (429, None)
    assert json.loads(reply.body)["error"]["message"] == "Slow down"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_error_that_comes_later_ends_the_stream(dialect: str) -> None:
    script = ["Well", {"error": {"code": "server_error", "message": "Oh"}}]
    *_, last = events(say(dialect, script, stream=True))
    assert (last if dialect == "responses" else last["error"])["message"] == "Oh"
    assert say(dialect, script).status == 500


@pytest.mark.parametrize("dialect", DIALECTS)
def test_raw_bytes_stand_in_the_stream_as_they_are(dialect: str) -> None:
    script = ["Well", {"raw": ": hm\n\n"}, {"raw": {"event": "x", "data": {"a": 1}}}, "then"]
    data = b"".join(frame.data for frame in say(dialect, script, stream=True).frames)
    assert b': hm\n\nevent: x\ndata: {"a":1}\n\n' in data
    assert say(dialect, script).status == 200


def test_broken_arguments_go_out_as_they_are() -> None:
    script = [{"tool": {"name": "f", "arguments": "{broken"}}]
    (call,) = json.loads(say("chat", script).body)["choices"][0]["message"]["tool_calls"]
    assert call["function"]["arguments"] == "{broken"
    assert json.loads(say("anthropic", script).body)["content"][0]["input"] == "{broken"
    assert "{broken" in "".join(str(event) for event in events(say("anthropic", script, stream=True)))


def test_usage_is_told_in_each_dialects_way() -> None:
    script = SCRIPTS["usage"]
    chat = json.loads(say("chat", script).body)["usage"]
    assert (chat["prompt_tokens"], chat["completion_tokens"], chat["total_tokens"]) == (2455, 12, 2467)
    assert chat["prompt_tokens_details"]["cached_tokens"] == 2400
    assert chat["completion_tokens_details"]["reasoning_tokens"] == 5
    response = json.loads(say("responses", script).body)["usage"]
    assert response["input_tokens_details"]["cached_tokens"] == 2400
    assert response["output_tokens_details"]["reasoning_tokens"] == 5
    message = json.loads(say("anthropic", script).body)["usage"]
    assert (message["input_tokens"], message["cache_read_input_tokens"], message["output_tokens"]) == (55, 2400, 12)


@pytest.mark.parametrize(
    ("field", "names"), [("reasoning", {"reasoning"}), ("both", {"reasoning", "reasoning_content"})]
)
def test_the_field_of_what_was_thought_is_an_option(field: str, names: set[str]) -> None:
    context = REAL._replace(reasoning_field=field)
    message = json.loads(say("chat", SCRIPTS["reasoning"], context).body)["choices"][0]["message"]
    assert {name for name in message if name.startswith("reasoning")} == names
    chunks = events(say("chat", SCRIPTS["reasoning"], context, stream=True))
    deltas = [delta for chunk in chunks if (delta := chunk["choices"][0]["delta"]).keys() & names]
    assert all("".join(delta[name] for delta in deltas) == "I need the city." for name in names)


def test_encrypted_reasoning_is_there_when_asked_for() -> None:
    item = json.loads(say("responses", SCRIPTS["signed"], include=["reasoning.encrypted_content"]).body)["output"][0]
    assert item["encrypted_content"] == "sig-1"
    assert "encrypted_content" not in json.loads(say("responses", SCRIPTS["signed"]).body)["output"][0]


def test_a_signature_that_was_given_must_come_back() -> None:
    from oagw_tornado.services.anthropic.errors import InvalidRequest

    block = json.loads(say("anthropic", SCRIPTS["reasoning"]).body)["content"][0]
    for thinking, problem in (
        (block, ""),
        (
            {"type": "thinking", "thinking": block["thinking"]},
            "messages.1.content.0.thinking.signature: Field required",
        ),
        ({**block, "thinking": "other"}, "messages.1.content.0: Invalid `signature` in `thinking` block"),
        ({**block, "signature": ""}, "Invalid `signature`"),
    ):
        history = [*MESSAGES, {"role": "assistant", "content": [thinking]}, {"role": "user", "content": "go on"}]
        body = json.dumps({"model": "m", "max_tokens": 9, "messages": history}).encode()
        if not problem:
            assert message_reply(body, REAL).status == 200
            continue
        with pytest.raises(InvalidRequest) as caught:
            message_reply(body, REAL)
        assert problem in caught.value.message


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ([], "reply: expected at least one part"),
        (7, "reply: expected a text or a part such as {text: …}, not '7'"),
        ([{"txet": "x"}], "reply[0]: expected one of text, reasoning, tool, refusal, error, usage, finish, raw"),
        ([{"text": "x", "tool": "f"}], "reply[0]: expected one of text,"),
        (["x", {"text": 7}], "reply[1].text: expected a text, not '7'"),
        ({"text": ["a", 7]}, "reply.text[1]: expected a text"),
        ({"text": "x", "aftre": "1s"}, "(did you mean after?)"),
        ({"text": "x", "after": "soon"}, "reply.after: 'soon' is not a duration"),
        ({"text": "x", "gap": True}, "reply.gap: expected a duration"),
        ({"tool": {"arguments": {}}}, "reply.tool.name: expected the name"),
        ({"tool": {"name": "f", "arguments": 7}}, "reply.tool.arguments: expected an object"),
        ({"error": {"status": 200}}, "reply.error.status: expected a whole number from 400 to 599"),
        ({"usage": {"input": -1}}, "reply.usage.input: expected a whole number from 0"),
        ({"finish": {}}, "reply.finish: expected the reason"),
        ({"raw": {"event": "a\nb"}}, "reply.raw: an event name must not contain a line break"),
        ({"raw": {"base64": "?"}}, "reply.raw.base64: expected base64"),
        ({"reasoning": {"redacted": 7}}, "reply.reasoning.redacted: expected true, false or the data"),
        ({"text": "x" * (LONGEST_TEXT + 1)}, f"reply.text: expected at most {LONGEST_TEXT} characters"),
        (["x"] * (MOST_PARTS + 1), f"reply: expected at most {MOST_PARTS} parts"),
        ({"text": ["x"] * (MOST_PIECES + 1)}, f"reply.text: expected at most {MOST_PIECES} pieces"),
        ({"text": "\ud800"}, "reply.text: expected a text that UTF-8 can encode"),
        ({"status": 99}, "reply.status: expected a whole number from 200 to 599"),
        ({"status": 200, "headers": {"Content-Length": "3"}}, "is set by the connection itself"),
        ({"status": 200, "headers": {"X-A": "a\r\nb"}}, "reply.headers.X-A: expected a text of one line"),
        ({"status": 200, "headers": {"X A": "a"}}, "reply.headers: expected names of headers"),
        ({"json": 1, "base64": "aa=="}, "expected one of json, text, base64, file, events, not json and base64"),
        ({"file": "/etc/passwd"}, "reply.file: files are read for rules of the configuration file only"),
        ({"events": [{"dat": 1}]}, "reply.events[0].dat: no such key"),
        ({"events": {}}, "reply.events: expected a list"),
    ],
)
def test_what_is_wrong_with_a_script_is_named(document: Any, problem: str) -> None:
    with pytest.raises(ScriptError) as caught:
        parse_reply(document)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_http_reply_is_ready_when_it_is_read() -> None:
    answer = parse_reply({"status": 201, "headers": {"X-A": ["1", 2]}, "json": {"id": 1}})
    assert isinstance(answer, Answer)
    assert answer.reply().body == b'{"id":1}'
    assert answer.headers == (("X-A", "1"), ("X-A", "2"), ("Content-Type", "application/json"))
    events = parse_reply(
        {"events": ["a", {"id": 2, "event": "x", "data": [1], "retry": 5, "comment": "c", "after": "1s"}]}
    )
    assert isinstance(events, Answer)
    assert [frame.data for frame in events.frames or ()] == [
        b"data: a\n\n",
        b": c\nid: 2\nevent: x\nretry: 5\ndata: [1]\n\n",
    ]
