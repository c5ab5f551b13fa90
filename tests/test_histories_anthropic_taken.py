"""Histories and settings of Anthropic's messages that the real service takes, and the fields and blocks it knows."""

from __future__ import annotations

import json
import typing

import anthropic.types.beta as sdk
import pytest
from anthropic.types.beta import message_count_tokens_params, message_create_params
from hypothesis import given, settings
from hypothesis import strategies as st
from test_histories_anthropic import MARK, USER, assistant, refusal, request, result, text, tool, use, user

from oagw_tornado.services.anthropic import fields
from oagw_tornado.services.anthropic.dialect import count_reply
from oagw_tornado.services.anthropic.errors import InvalidRequest

CLOSED = {"type": "object", "properties": {}, "additionalProperties": False}

ACCEPTED = {
    "results in any order, and a text": request(
        USER, assistant(text(), use("a"), use("b")), user(result("b"), result("a"), text())
    ),
    "results in several messages": request(USER, assistant(use("a"), use("b")), user(result("a")), user(result("b"))),
    "uses in several messages": request(USER, assistant(use("a")), assistant(use("b")), user(result("a"), result("b"))),
    "empty results": request(
        USER, assistant(use("a"), use("b")), user(result("a", content=""), result("b", content=[]))
    ),
    "result without a content": request(USER, assistant(use()), user({"type": "tool_result", "tool_use_id": "a"})),
    "a beginning of the reply": request(USER, {"role": "assistant", "content": "I say"}),
    "an empty beginning of the reply": request(USER, {"role": "assistant", "content": ""}),
    "tools of the service": request(
        USER,
        assistant(
            {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}},
            {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
            text(),
        ),
        USER,
        tools=[
            {"type": "web_search_20250305", "name": "web_search", "max_uses": 2},
            {"type": "mcp_toolset", "mcp_server_name": "x"},
            tool(type="custom", description="d", cache_control=MARK),
        ],
    ),
    "thought": request(USER, thinking={"type": "enabled", "budget_tokens": 1024}, temperature=1),
    "thought as needed": request(USER, thinking={"type": "adaptive", "display": "omitted"}),
    "four marks": request(user(*(text(cache_control={"type": "ephemeral", "ttl": "1h"}) for _ in range(4)))),
    "strict schema": request(USER, tools=[tool(strict=True, input_schema=CLOSED)]),
    "closed format": request(
        USER, output_config={"format": {"type": "json_schema", "schema": CLOSED}, "effort": "low"}
    ),
    "settings": request(
        USER, top_k=5, top_p=0.5, metadata={"user_id": "u"}, service_tier="auto", stop_sequences=["x"], stream=False
    ),
    "a load generator's": request(USER, ignore_eos=True, min_tokens=3),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_the_service_takes(name):
    assert refusal(ACCEPTED[name]) is None


def fields_of(type):
    return set(typing.get_type_hints(type)) if type is not None else set()


def test_the_fields_are_those_of_the_official_client():
    ours = fields.REQUEST - {"ignore_eos", "min_tokens", "output_format"}
    known = fields_of(message_create_params.MessageCreateParamsNonStreaming)
    assert known <= fields.REQUEST
    assert ours - known <= {"temperature", "top_k", "top_p"}
    assert fields_of(message_count_tokens_params.MessageCountTokensParams) == fields.COUNT - {"output_format"}
    assert fields_of(sdk.BetaToolParam) == fields.TOOL
    assert fields_of(sdk.BetaCacheControlEphemeralParam) == fields.CACHE_CONTROL
    assert {name for kind in typing.get_args(sdk.BetaMessageParam) for name in fields_of(kind)} == fields.MESSAGE


def test_the_blocks_are_those_of_the_official_client():
    known = {}
    for message in typing.get_args(sdk.BetaMessageParam):
        for block in _types_in(typing.get_type_hints(message)["content"]):
            hints = typing.get_type_hints(block)
            known.update({tag: frozenset(hints) for tag in typing.get_args(hints["type"])})
    assert known == fields.BLOCKS


def _types_in(annotation):
    if hasattr(annotation, "__total__"):  # a TypedDict, of typing or of typing_extensions
        yield annotation
    for inner in typing.get_args(annotation):
        yield from _types_in(inner)


values = st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", " ", "a", "b", "text", "object"])
ids = st.sampled_from(["a", "b", ""])
blocks = st.fixed_dictionaries(
    {"type": st.sampled_from([*fields.BLOCKS, "smell"])},
    optional={
        "id": ids,
        "tool_use_id": ids,
        "name": ids,
        "text": values,
        "thinking": values,
        "signature": values,
        "input": values | st.just({}),
        "source": values | st.dictionaries(ids, values),
        "content": values | st.lists(st.dictionaries(st.sampled_from(["type", "text", "content"]), values), max_size=2),
        "cache_control": values | st.dictionaries(st.sampled_from(["type", "ttl"]), values),
        "data": values,
    },
)
contents = st.sampled_from(["", "hello", "x "]) | st.lists(blocks, max_size=4)
documents = st.recursive(
    values,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "properties", "items", "anyOf", "$defs", "additionalProperties", "name"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
requests = st.fixed_dictionaries(
    {
        "model": st.just("claude"),
        "max_tokens": st.sampled_from([1, 1024, 5000]),
        "messages": st.lists(
            st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant", "system"]), "content": contents}),
            max_size=5,
        ),
    },
    optional={
        "system": contents,
        "tools": st.lists(
            st.fixed_dictionaries(
                {},
                optional={
                    "name": ids,
                    "type": values | st.sampled_from(["custom", "bash_20250124", "function"]),
                    "input_schema": documents,
                    "strict": values,
                    "cache_control": values,
                },
            ),
            max_size=3,
        ),
        "tool_choice": st.fixed_dictionaries(
            {"type": st.sampled_from(["auto", "any", "tool", "none", "x"])}, optional={"name": ids}
        ),
        "thinking": st.fixed_dictionaries(
            {"type": st.sampled_from(["enabled", "adaptive", "x"])}, optional={"budget_tokens": values | st.just(2000)}
        ),
        "output_config": documents,
        "output_format": documents,
        "stop_sequences": st.lists(ids, max_size=2),
        "temperature": values,
        "a": values,
    },
)


@given(requests)
@settings(max_examples=400, deadline=None)
def test_a_request_is_answered_or_refused_whatever_its_history(body):
    refusal(body)
    try:
        count_reply(json.dumps(body).encode())
    except InvalidRequest as error:
        assert error.status == 400
