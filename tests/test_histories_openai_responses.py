"""Histories and tools of responses are held to what the real service asks, in its words.

Above each group stands where these words are known from.
"""

from __future__ import annotations

import pytest
from test_histories_openai import CLOSED, EMPTY, LENIENT, USER, calls, chat, no_match, refusal, result, tool

from oagw_tornado.services.openai.chat.reply import chat_reply
from oagw_tornado.services.openai.responses.dialect import response_reply


def item(id="a", **more):
    return {"type": "function_call", "call_id": id, "name": "look", "arguments": "{}", **more}


def output(id="a", **more):
    return {"type": "function_call_output", "call_id": id, "output": "found", **more}


def response(*items, **more):
    return {"model": "gpt-4", "input": [*items], **more}


REFUSED_RESPONSES = {
    # https://github.com/continuedev/continue/issues/10092, https://github.com/microsoft/vscode/issues/320060
    "output without a call": (
        response(USER, output("call_9")),
        ("No tool call found for function call output with call_id call_9.", "input", None),
    ),
    "output before its call": (
        response(USER, output(), item()),
        ("No tool call found for function call output with call_id a.", "input", None),
    ),
    # https://github.com/openai/openai-agents-python/issues/673
    "call without an output": (response(USER, item()), ("No tool output found for function call a.", "input", None)),
    "one of two outputs": (
        response(USER, item("a"), item("b"), output("a")),
        ("No tool output found for function call b.", "input", None),
    ),
    "custom call without an output": (
        response(USER, {"type": "custom_tool_call", "call_id": "c", "name": "look", "input": "x"}, USER),
        ("No tool output found for custom tool call c.", "input", None),
    ),
    "output of another kind": (
        response(USER, item(), {"type": "custom_tool_call_output", "call_id": "a", "output": "x"}),
        ("No tool call found for custom tool call output with call_id a.", "input", None),
    ),
    # https://github.com/openai/codex/issues/42088
    "output without an id": (
        response(USER, item(), {"type": "function_call_output", "output": "x"}),
        ("Missing required parameter: 'input[2].call_id'.", "input[2].call_id", "missing_required_parameter"),
    ),
    # https://github.com/linanwx/nagobot/issues/27
    "part of another API": (
        response({"role": "user", "content": [{"type": "text", "text": "x"}]}),
        (
            "Invalid value: 'text'. Supported values are: 'input_text', 'input_image', 'input_audio', 'output_text', "
            "'refusal', 'input_file', 'computer_screenshot', 'summary_text', and 'encrypted_content'.",
            "input[0].content[0].type",
            "invalid_value",
        ),
    ),
    "part of the other side": (
        response(USER, {"role": "assistant", "content": [{"type": "input_text", "text": "x"}]}),
        (
            "Invalid value: 'input_text'. Supported values are: 'output_text' and 'refusal'.",
            "input[1].content[0]",
            "invalid_value",
        ),
    ),
    "role that nobody has": (
        response({"role": "tool", "content": "x"}),
        (
            "Invalid value: 'tool'. Supported values are: 'assistant', 'system', 'developer', and 'user'.",
            "input[0]",
            "invalid_value",
        ),
    ),
    "message without content": (
        response({"role": "user"}),
        ("Missing required parameter: 'input[0].content'.", "input[0].content", "missing_required_parameter"),
    ),
    "tool in the form of a chat": (
        response(USER, tools=[tool()]),
        ("Missing required parameter: 'tools[0].name'.", "tools[0].name", "missing_required_parameter"),
    ),
    "name of a tool": (response(USER, tools=[{"type": "function", "name": "a.b"}]), no_match("tools[0].name")),
    "129 tools": (
        response(USER, tools=[{"type": "function", "name": f"n{i}"} for i in range(129)]),
        (
            "Invalid 'tools': array too long. Expected an array with maximum length 128, but got an array with length "
            "129 instead.",
            "tools",
            "array_above_max_length",
        ),
    ),
    # https://github.com/lastmile-ai/openai-agents-mcp/issues/2
    "open strict schema": (
        response(USER, tools=[{"type": "function", "name": "look", "strict": True, "parameters": EMPTY}]),
        (
            "Invalid schema for function 'look': In context=(), 'additionalProperties' is required to be supplied and "
            "to be false.",
            "tools[0].parameters",
            "invalid_function_parameters",
        ),
    ),
    "open strict format": (
        response(USER, text={"format": {"type": "json_schema", "name": "r", "strict": True, "schema": EMPTY}}),
        (
            "Invalid schema for response_format 'r': In context=(), 'additionalProperties' is required to be supplied "
            "and to be false.",
            "text.format.schema",
            "invalid_json_schema",
        ),
    ),
}

ACCEPTED_RESPONSES = {
    "call and output": response(USER, item(), output()),
    "output far behind its call": response(USER, item("a"), item("b"), output("b"), USER, output("a")),
    "what was said comes back": response(
        USER,
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "x", "annotations": []}]},
        USER,
    ),
    "tools of the service": response(USER, tools=[{"type": "web_search"}, {"type": "function", "name": "look"}]),
    "a text": {"model": "gpt-4", "input": ""},
    "schema that is not said to be strict": response(
        USER, tools=[{"type": "function", "name": "look", "parameters": EMPTY}]
    ),
}


@pytest.mark.parametrize("name", REFUSED_RESPONSES)
def test_what_the_service_refuses_of_a_response(name):
    body, expected = REFUSED_RESPONSES[name]
    assert refusal(response_reply, body) == expected


@pytest.mark.parametrize("name", REFUSED_RESPONSES)
def test_the_prototype_takes_it_as_a_response(name):
    body, _ = REFUSED_RESPONSES[name]
    assert refusal(response_reply, body, LENIENT) is None


@pytest.mark.parametrize("name", ACCEPTED_RESPONSES)
def test_what_the_service_takes_of_a_response(name):
    assert refusal(response_reply, ACCEPTED_RESPONSES[name]) is None


def test_items_of_a_type_that_nobody_knows():
    message, param, code = refusal(response_reply, response({"type": "smell"}))
    assert message.startswith("Invalid value: 'smell'. Supported values are: 'additional_tools', ")
    assert message.endswith(", and 'web_search_call'.")
    assert (param, code) == ("input[0]", "invalid_value")


def test_an_error_is_short_whatever_it_quotes():
    long = "n" * 100_000
    bodies = [
        (chat_reply, chat(USER, calls("a"), result(long))),
        (chat_reply, chat({"role": "user", "content": [{"type": long}]})),
        (chat_reply, chat(USER, tools=[tool(strict=True, parameters={**CLOSED, "required": [long]})])),
        (response_reply, response(USER, output(long))),
        (response_reply, response({"type": long})),
    ]
    for make, body in bodies:
        message, _, _ = refusal(make, body)
        assert len(message) < 2000
