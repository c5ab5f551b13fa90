"""Histories and tools of chats and responses are held to what the real service asks, in its words.

Above each group stands where these words are known from.
"""

from __future__ import annotations

import json

import pytest

from oagw_tornado.services.context import Context
from oagw_tornado.services.openai.chat.reply import chat_reply
from oagw_tornado.services.openai.errors import InvalidRequest

STRICT = Context("r1", 1_700_000_000, is_strict=True)
LENIENT = STRICT._replace(is_strict=False)

USER = {"role": "user", "content": "hello"}


def call(id="call_1", name="look", **more):
    return {"id": id, "type": "function", "function": {"name": name, "arguments": "{}"}, **more}


def calls(*ids):
    return {"role": "assistant", "content": None, "tool_calls": [call(id) for id in ids]}


def result(id="call_1", **more):
    return {"role": "tool", "content": "found", "tool_call_id": id, **more}


def tool(name="look", parameters=None, **more):
    return {"type": "function", "function": {"name": name, "parameters": parameters or EMPTY, **more}}


EMPTY = {"type": "object", "properties": {}}
CLOSED = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}


def chat(*messages, **more):
    return {"model": "gpt-4", "messages": [*messages], **more}


def refusal(make, body, context=STRICT):
    """Message, param and code of the refusal of `body`; None: there is none."""
    try:
        make(json.dumps(body).encode(), context)
    except InvalidRequest as error:
        return error.message, error.param, error.code
    return None


def no_match(field):
    return (
        f"Invalid '{field}': string does not match pattern. Expected a string that matches the pattern "
        "'^[a-zA-Z0-9_-]+$'.",
        field,
        "invalid_value",
    )


def too_long(field, most, length):
    return (
        f"Invalid '{field}': string too long. Expected a string with maximum length {most}, but got a string with "
        f"length {length} instead.",
        field,
        "string_above_max_length",
    )


NO_CALLS = "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
NOT_ANSWERED = (
    "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
    "The following tool_call_ids did not have response messages: "
)
CONTENT = "Supported values are: 'text', 'image_url', 'input_audio', 'refusal', 'audio', and 'file'."

REFUSED_CHATS = {
    # https://github.com/miurla/morphic/issues/136, https://github.com/sdcb/chats/pull/132
    "result without a call": (chat(USER, result()), (NO_CALLS, "messages.[1].role", None)),
    "result first of all": (chat(result(), USER), (NO_CALLS, "messages.[0].role", None)),
    "result behind an answer": (
        chat(USER, calls("a"), result("a"), {"role": "assistant", "content": "so"}, result("a")),
        (NO_CALLS, "messages.[4].role", None),
    ),
    # https://github.com/langchain-ai/langchain/issues/22600, https://github.com/vercel/ai/issues/2178
    "result without an id": (
        chat(USER, calls("a"), {"role": "tool", "content": "x"}),
        (
            "Missing parameter 'tool_call_id': messages with role 'tool' must have a 'tool_call_id'.",
            "messages.[2].tool_call_id",
            None,
        ),
    ),
    # https://github.com/dapr/dapr-agents/issues/145
    "result of another call": (
        chat(USER, calls("a"), result("b")),
        (
            "Invalid parameter: 'tool_call_id' of 'b' not found in 'tool_calls' of previous message.",
            "messages.[2].tool_call_id",
            None,
        ),
    ),
    # https://github.com/agno-agi/agno/issues/5116, https://github.com/fatwang2/search2ai/issues/30
    "two results of one call": (
        chat(USER, calls("a"), result("a"), result("a")),
        (
            "Invalid parameter: Duplicate value for 'tool_call_id' of 'a', in messages[2] and messages[3].",
            "messages.[3].tool_call_id",
            None,
        ),
    ),
    # https://github.com/openclaw/openclaw/pull/41189: refused, in words that are not told
    "two calls of one id": (
        chat(USER, calls("a", "a"), result("a")),
        (
            "Invalid parameter: Duplicate value for 'tool_call_id' of 'a', in messages[1].",
            "messages.[1].tool_calls",
            None,
        ),
    ),
    # https://github.com/sdcb/chats/pull/132, https://github.com/router-for-me/CLIProxyAPI/issues/2798
    "calls without results": (chat(USER, calls("a", "b"), USER), (NOT_ANSWERED + "a, b", "messages.[2].role", None)),
    "one of two results": (
        chat(USER, calls("a", "b"), result("b"), USER),
        (NOT_ANSWERED + "a", "messages.[3].role", None),
    ),
    "results come too late": (
        chat(USER, calls("a"), USER, result("a")),
        (NOT_ANSWERED + "a", "messages.[2].role", None),
    ),
    "calls at the end": (chat(USER, calls("a")), (NOT_ANSWERED + "a", "messages", None)),
    # https://github.com/mcp-use/mcp-use/issues/90
    "name of a call": (
        chat(USER, {"role": "assistant", "tool_calls": [call(name="a b")]}, result()),
        no_match("messages[1].tool_calls[0].function.name"),
    ),
    "id of a call": (
        chat(USER, calls("i" * 41), result("i" * 41)),
        too_long("messages[1].tool_calls[0].id", 40, 41),
    ),
    "call without an id": (
        chat(USER, {"role": "assistant", "tool_calls": [{"function": {"name": "a", "arguments": ""}}]}),
        (
            "Missing required parameter: 'messages[1].tool_calls[0].id'.",
            "messages[1].tool_calls[0].id",
            "missing_required_parameter",
        ),
    ),
    "no calls at all": (
        chat(USER, {"role": "assistant", "content": "x", "tool_calls": []}, USER),
        (
            "Invalid 'messages[1].tool_calls': empty array. Expected an array with minimum length 1, but got an empty "
            "array instead.",
            "messages[1].tool_calls",
            "empty_array",
        ),
    ),
    # https://github.com/langchain-ai/langchainjs/issues/4153
    "no content": (
        chat({"role": "user", "content": None}),
        ("Invalid value for 'content': expected a string, got null.", "messages.[0].content", None),
    ),
    "no content of the assistant's": (
        chat(USER, {"role": "assistant", "content": None}, USER),
        ("Invalid value for 'content': expected a string, got null.", "messages.[1].content", None),
    ),
    # https://github.com/run-llama/llama_index/issues/20120
    "part of another API": (
        chat({"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "input_file", "file_id": "f"}]}),
        (f"Invalid value: 'input_file'. {CONTENT}", "messages[0].content[1].type", "invalid_value"),
    ),
    "part of a type that nobody knows": (
        chat({"role": "user", "content": [{"type": "smell"}]}),
        (f"Invalid value: 'smell'. {CONTENT}", "messages[0].content[0].type", "invalid_value"),
    ),
    "part without its field": (
        chat({"role": "user", "content": [{"type": "image_url"}]}),
        (
            "Missing required parameter: 'messages[0].content[0].image_url'.",
            "messages[0].content[0].image_url",
            "missing_required_parameter",
        ),
    ),
    # https://github.com/strands-agents/sdk-python/issues/320
    "image in a result": (
        chat(USER, calls("a"), result("a", content=[{"type": "image_url", "image_url": {"url": "data:,"}}])),
        (
            "Invalid 'messages[2]'. Image URLs are only allowed for messages with role 'user', but this message with "
            "role 'tool' contains an image URL.",
            "messages[2]",
            "invalid_value",
        ),
    ),
    # https://github.com/brekkylab/ailoy/pull/109, https://github.com/run-llama/llama_index/issues/16093
    "name of a tool": (chat(USER, tools=[tool(), tool("get/who")]), no_match("tools[1].function.name")),
    # https://github.com/ravitemer/mcphub.nvim/pull/243
    "long name of a tool": (chat(USER, tools=[tool("n" * 81)]), too_long("tools[0].function.name", 64, 81)),
    # https://github.com/vishalmysore/Tools4AI/issues/16
    "129 tools": (
        chat(USER, tools=[tool(f"n{i}") for i in range(129)]),
        (
            "Invalid 'tools': array too long. Expected an array with maximum length 128, but got an array with length "
            "129 instead.",
            "tools",
            "array_above_max_length",
        ),
    ),
    # https://github.com/xemantic/xemantic-ai-tool-schema/issues/37
    "open strict schema": (
        chat(USER, tools=[tool(strict=True)]),
        (
            "Invalid schema for function 'look': In context=(), 'additionalProperties' is required to be supplied and "
            "to be false.",
            "tools[0].function.parameters",
            "invalid_function_parameters",
        ),
    ),
    # https://github.com/lastmile-ai/openai-agents-mcp/issues/2
    "open object in a strict schema": (
        chat(
            USER,
            tools=[tool(strict=True, parameters={**CLOSED, "properties": {"a": EMPTY}, "required": ["a"]})],
        ),
        (
            "Invalid schema for function 'look': In context=('properties', 'a'), 'additionalProperties' is required to "
            "be supplied and to be false.",
            "tools[0].function.parameters",
            "invalid_function_parameters",
        ),
    ),
    # https://github.com/kevinwatt/mysql-mcp/issues/5
    "optional field in a strict schema": (
        chat(USER, tools=[tool(strict=True, parameters={**CLOSED, "properties": {"a": {"type": "string"}}})]),
        (
            "Invalid schema for function 'look': In context=(), 'required' is required to be supplied and to be an "
            "array including every key in properties. Missing 'a'.",
            "tools[0].function.parameters",
            "invalid_function_parameters",
        ),
    ),
    # https://github.com/dotnet/extensions/issues/6302
    "required field that is none": (
        chat(USER, tools=[tool(strict=True, parameters={**CLOSED, "required": ["b"]})]),
        (
            "Invalid schema for function 'look': In context=(), 'required' is required to be supplied and to be an "
            "array including every key in properties. Extra required key 'b' supplied.",
            "tools[0].function.parameters",
            "invalid_function_parameters",
        ),
    ),
    # https://github.com/ogx-ai/ogx/issues/3004
    "array without items": (
        chat(USER, tools=[tool(parameters={"type": "object", "properties": {"flights": {"type": "array"}}})]),
        (
            "Invalid schema for function 'look': In context=('properties', 'flights'), array schema missing items.",
            "tools[0].function.parameters",
            "invalid_function_parameters",
        ),
    ),
    "schema of no object": (
        chat(USER, tools=[tool(parameters={"anyOf": [EMPTY]})]),
        (
            "Invalid schema for function 'look': schema must be a JSON Schema of 'type: \"object\"', got 'type: "
            '"None"\'.',
            "tools[0].function.parameters",
            "invalid_function_parameters",
        ),
    ),
    "open strict format": (
        chat(
            USER,
            response_format={"type": "json_schema", "json_schema": {"name": "r", "strict": True, "schema": EMPTY}},
        ),
        (
            "Invalid schema for response_format 'r': In context=(), 'additionalProperties' is required to be supplied "
            "and to be false.",
            "response_format",
            None,
        ),
    ),
    "name of a format": (
        chat(USER, response_format={"type": "json_schema", "json_schema": {"name": "r s", "schema": CLOSED}}),
        no_match("response_format.json_schema.name"),
    ),
    # https://platform.openai.com/docs/guides/structured-outputs#json-mode
    "JSON that nobody speaks of": (
        chat(USER, response_format={"type": "json_object"}),
        (
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
            "messages",
            None,
        ),
    ),
    "parallel calls of no tools": (
        chat(USER, parallel_tool_calls=True),
        (
            "Invalid value for 'parallel_tool_calls': 'parallel_tool_calls' is only allowed when 'tools' are "
            "specified.",
            "parallel_tool_calls",
            None,
        ),
    ),
}


@pytest.mark.parametrize("name", REFUSED_CHATS)
def test_what_the_service_refuses_of_a_chat(name):
    body, expected = REFUSED_CHATS[name]
    assert refusal(chat_reply, body) == expected


@pytest.mark.parametrize("name", REFUSED_CHATS)
def test_the_prototype_takes_it(name):
    body, _ = REFUSED_CHATS[name]
    assert refusal(chat_reply, body, LENIENT) is None
