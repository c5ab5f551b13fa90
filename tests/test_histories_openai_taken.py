"""Histories of chats that the real service takes; and any history of a chat or a response is answered or refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_histories_openai import CLOSED, USER, calls, chat, refusal, result, tool

from oagw_tornado.services.openai.chat.reply import chat_reply
from oagw_tornado.services.openai.responses.dialect import response_reply

values = st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "a", "b", "a b", "é", "text"])
ids = st.sampled_from(["a", "b", "", "x" * 50]) | st.none()
parts = st.lists(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["text", "image_url", "refusal", "smell", "input_text", "output_text"])},
        optional={"text": values, "image_url": values, "refusal": values},
    ),
    max_size=3,
)
documents = st.recursive(
    values,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "properties", "required", "items", "anyOf", "$defs", "additionalProperties", "a"]),
            inner | st.sampled_from(["object", "array"]),
            max_size=4,
        )
    ),
    max_leaves=10,
)
tools = st.fixed_dictionaries(
    {"type": st.sampled_from(["function", "custom", "smell"])},
    optional={
        "name": values,
        "parameters": documents,
        "strict": values,
        "function": documents | st.fixed_dictionaries({"name": ids, "parameters": documents, "strict": st.booleans()}),
        "custom": documents,
    },
)
chats = st.fixed_dictionaries(
    {
        "messages": st.lists(
            st.fixed_dictionaries(
                {"role": st.sampled_from(["user", "assistant", "tool", "system", "function", "nobody"])},
                optional={
                    "content": values | parts,
                    "tool_call_id": ids,
                    "name": values,
                    "tool_calls": st.lists(
                        st.fixed_dictionaries(
                            {}, optional={"id": ids, "type": values, "function": documents, "custom": documents}
                        ),
                        max_size=3,
                    ),
                },
            ),
            max_size=5,
        )
    },
    optional={"tools": st.lists(tools, max_size=3), "response_format": documents, "parallel_tool_calls": values},
)
responses = st.fixed_dictionaries(
    {
        "input": values
        | st.lists(
            st.fixed_dictionaries(
                {},
                optional={
                    "type": st.sampled_from(
                        ["message", "function_call", "function_call_output", "custom_tool_call", "reasoning", "smell"]
                    ),
                    "role": st.sampled_from(["user", "assistant", "tool"]),
                    "content": values | parts,
                    "output": values | parts,
                    "call_id": ids,
                    "name": values,
                    "arguments": values,
                    "input": values,
                },
            ),
            max_size=5,
        )
    },
    optional={"tools": st.lists(tools, max_size=3), "text": documents, "previous_response_id": ids},
)


@given(chats)
@settings(max_examples=300, deadline=None)
def test_a_chat_is_answered_or_refused_whatever_its_history(body):
    refusal(chat_reply, body)


@given(responses)
@settings(max_examples=300, deadline=None)
def test_a_response_is_answered_or_refused_whatever_its_history(body):
    refusal(response_reply, body)


ACCEPTED_CHATS = {
    "results in any order": chat(USER, calls("a", "b"), result("b"), result("a"), USER),
    "an id used again later": chat(USER, calls("a"), result("a"), USER, calls("a"), result("a")),
    "empty texts": chat({"role": "user", "content": ""}, {"role": "assistant", "content": ""}, USER),
    "refusal in place of a content": chat(USER, {"role": "assistant", "refusal": "no"}, USER),
    "empty result": chat(USER, calls("a"), result("a", content="")),
    "128 tools": chat(USER, tools=[tool(f"n{i}") for i in range(128)]),
    "tool without parameters": chat(USER, tools=[{"type": "function", "function": {"name": "look"}}]),
    "custom tool": chat(USER, tools=[{"type": "custom", "custom": {"name": "look"}}]),
    "call of a custom tool": chat(
        USER,
        {"role": "assistant", "tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "look", "input": "x"}}]},
        result("c"),
    ),
    "closed strict schema": chat(USER, tools=[tool(strict=True, parameters=CLOSED)]),
    "strict schema of references": chat(
        USER,
        tools=[
            tool(
                strict=True,
                parameters={
                    **CLOSED,
                    "properties": {"a": {"anyOf": [{"$ref": "#/$defs/b"}, {"type": "null"}]}},
                    "required": ["a"],
                    "$defs": {"b": CLOSED},
                },
            )
        ],
    ),
    "open schema that is not strict": chat(USER, tools=[tool()]),
    "JSON that is spoken of": chat({"role": "user", "content": "as JSON"}, response_format={"type": "json_object"}),
    "fields that are not known": chat(USER, whatever=1, ignore_eos=False),
    "an image": chat({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}),
}


@pytest.mark.parametrize("name", ACCEPTED_CHATS)
def test_what_the_service_takes_of_a_chat(name):
    assert refusal(chat_reply, ACCEPTED_CHATS[name]) is None
