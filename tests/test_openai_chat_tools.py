"""Tools and structured output of chat completions, as values."""

from __future__ import annotations

import json

import jsonschema
import pytest
from test_openai_chat import TOOLS, ask, chunks, content

# Tools and structured output


@pytest.mark.parametrize(
    ("choice", "called"),
    [
        (None, "first"),
        ("auto", "first"),
        ("required", "first"),
        ("none", None),
        ({"type": "function", "function": {"name": "second"}}, "second"),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [TOOLS[1]]}}, "second"),
    ],
)
def test_which_tool_is_called(choice, called):
    message = json.loads(ask(tools=TOOLS, tool_choice=choice).body)["choices"][0]["message"]
    calls = message.get("tool_calls")
    assert (calls[0]["function"]["name"] if calls else None) == called


def test_a_tool_that_takes_text():
    custom = [{"type": "custom", "custom": {"name": "shell"}}]
    call = json.loads(ask(tools=custom).body)["choices"][0]["message"]["tool_calls"][0]
    assert (call["type"], call["custom"]) == ("custom", {"name": "shell", "input": "input"})
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks(ask(tools=custom, stream=True))]
    assert deltas[0]["tool_calls"][0]["custom"] == {"name": "shell", "input": ""}
    assert deltas[1]["tool_calls"][0]["custom"] == {"input": "input"}


def test_a_streamed_call_opens_with_its_name_and_ends_with_its_reason():
    said = chunks(ask(tools=TOOLS, stream=True))
    first = said[0]["choices"][0]["delta"]["tool_calls"][0]
    assert (first["index"], first["type"], first["function"]) == (0, "function", {"name": "first", "arguments": ""})
    rest = [call for chunk in said[1:-1] for call in chunk["choices"][0]["delta"]["tool_calls"]]
    assert {tuple(call) for call in rest} == {("index", "function")}
    assert json.loads("".join(call["function"]["arguments"] for call in rest)) == {"n": "n"}
    assert said[-1]["choices"][0]["finish_reason"] == "tool_calls"


SCHEMA = {
    "type": "object",
    "properties": {"steps": {"type": "array", "items": {"type": "string"}, "minItems": 2}, "ok": {"type": "boolean"}},
    "required": ["steps", "ok"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("stream", [True, False])
def test_output_that_fits_a_schema(stream):
    wanted = {"type": "json_schema", "json_schema": {"name": "plan", "schema": SCHEMA, "strict": True}}
    reply = ask(response_format=wanted, stream=stream)
    if stream:
        text = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks(reply))
    else:
        text = content(reply)
    jsonschema.validate(json.loads(text), SCHEMA)


def test_output_that_is_a_json_object():
    assert type(json.loads(content(ask(response_format={"type": "json_object"})))) is dict
