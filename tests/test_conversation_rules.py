"""Rules that see the conversation, in every dialect: who said what, which tools there are, and what they returned."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
import scripted_simulator
from test_scripted_wire import chat, said

simulator = scripted_simulator.simulator
control = scripted_simulator.control
http = scripted_simulator.http


TOOLS = [{"type": "function", "function": {"name": name, "parameters": {"type": "object"}}} for name in ("a", "b")]

PREDICATES: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({"last-message": "*WEATHER*"}, chat("the weather?"), chat("weather", "yes", "thanks")),
    ({"any-message": "*weather*"}, chat("weather", "yes", "thanks"), chat("hi")),
    (
        {"system": "*pirate*"},
        {"model": "m", "messages": [{"role": "system", "content": "A PIRATE."}, {"role": "user", "content": "hi"}]},
        chat("pirate"),
    ),
    ({"turn": 2}, chat("a", "b", "c"), chat("a")),
    ({"turn": "2-3"}, chat("a", "b", "c", "d", "e"), chat("a")),
    ({"turn": "3-"}, chat("a", "b", "c", "d", "e"), chat("a", "b", "c")),
    ({"turn": [1, 3]}, chat("a"), chat("a", "b", "c")),
    ({"tool": "b"}, chat("a", tools=TOOLS), chat("a", tools=TOOLS[:1])),
    ({"response-format": "json_object"}, chat("a", response_format={"type": "json_object"}), chat("a")),
    ({"json": {"metadata.kind": "x"}}, chat("a", metadata={"kind": "x"}), chat("a", metadata={"kind": "y"})),
    ({"json": {"length(messages)": 3}}, chat("a", "b", "c"), chat("a")),
    ({"json": {"messages[?role=='user'] | [0].content": "a"}}, chat("a"), chat("b")),
    ({"stream": False}, chat("a"), {}),
]


@pytest.mark.parametrize("field", ["output_format", "output_config"])
def test_a_rule_sees_the_format_that_anthropic_is_asked_for(control: Any, http: httpx.Client, field: str) -> None:
    control.reply('{"a": 1}', match={"response-format": "json_schema"})
    wanted: Any = {"type": "json_schema", "schema": {"type": "object", "additionalProperties": False}}
    body = chat("hi", max_tokens=9, **{field: wanted if field == "output_format" else {"format": wanted}})
    assert http.post("/anthropic/v1/messages", json=body).json()["content"][0]["text"] == '{"a": 1}'
    assert http.post("/anthropic/v1/messages", json=chat("hi", max_tokens=9)).json()["content"][0]["text"] != '{"a": 1}'


@pytest.mark.parametrize(("match", "fits", "misses"), PREDICATES)
def test_a_rule_sees_the_conversation(
    control: Any, http: httpx.Client, match: dict[str, Any], fits: dict[str, Any], misses: dict[str, Any]
) -> None:
    control.reply("scripted", match=match)
    body = json.dumps
    assert "scripted" in body(http.post("/openai/v1/chat/completions", json=fits).json())
    if misses:
        assert "scripted" not in body(http.post("/openai/v1/chat/completions", json=misses).json())
        (predicate,) = match
        nearest = control.requests(limit=1)[0]["nearest"]
        assert nearest[0]["predicate"].startswith(predicate)


def test_a_result_of_a_tool_is_seen_in_every_dialect(control: Any, http: httpx.Client) -> None:
    control.reply("Seven", match={"tool-result": {"get_weather": "*7 c*"}})
    call = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
    asked = [{"role": "user", "content": "hi"}]
    history = [
        *asked,
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "It is 7 C."},
    ]
    assert said(http, {"model": "m", "messages": history}) == "Seven"
    assert said(http, {"model": "m", "messages": [*history, {"role": "assistant", "content": "x"}, *asked]}) != "Seven"
    items = [
        {"type": "function_call", "call_id": "c1", "name": "get_weather", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "7 C"},
    ]
    response = http.post("/openai/v1/responses", json={"model": "m", "input": items}).json()
    assert response["output"][0]["content"][0]["text"] == "Seven"
    blocks = [
        *asked,
        {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "get_weather", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "7 C"}]},
    ]
    body = {"model": "m", "max_tokens": 9, "messages": blocks}
    message = http.post("/anthropic/v1/messages", json=body).json()
    assert message["content"][0]["text"] == "Seven"
