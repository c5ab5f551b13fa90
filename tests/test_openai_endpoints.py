"""The other endpoints as values, and any body for all of them: an answer or a refusal, never an exception."""

from __future__ import annotations

import base64
import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oagw_tornado.reply.reply import Reply
from oagw_tornado.reply.sse import decode
from oagw_tornado.services.anthropic import errors as anthropic_errors
from oagw_tornado.services.anthropic.dialect import count_reply, message_reply
from oagw_tornado.services.openai.chat.reply import chat_reply
from oagw_tornado.services.openai.completions.dialect import completion_reply
from oagw_tornado.services.openai.context import Context
from oagw_tornado.services.openai.embeddings import embedding_reply
from oagw_tornado.services.openai.errors import InvalidRequest
from oagw_tornado.services.openai.models import model_reply
from oagw_tornado.services.openai.moderations import moderation_reply
from oagw_tornado.services.openai.responses.dialect import response_reply

CONTEXT = Context("r1", 1_700_000_000)
ENDPOINTS = {
    "chat": lambda body: chat_reply(body, CONTEXT),
    "chat, real": lambda body: chat_reply(body, CONTEXT._replace(is_exact=True)),
    "completions": lambda body: completion_reply(body, CONTEXT),
    "responses": lambda body: response_reply(body, CONTEXT),
    "embeddings": embedding_reply,
    "moderations": lambda body: moderation_reply(body, CONTEXT),
    "messages": lambda body: message_reply(body, Context("r1", 0)),
    "count": count_reply,
}


def reply_to(endpoint: str, body: bytes) -> Reply:
    try:
        return ENDPOINTS[endpoint](body)
    except InvalidRequest as error:
        return error.reply()
    except anthropic_errors.InvalidRequest as error:
        return error.reply("req_1")


def ask(endpoint: str, **fields):
    return reply_to(endpoint, json.dumps(fields).encode())


# Any body

NAMES = ["type", "name", "function", "content", "role", "text", "schema", "format", "json_schema", "parameters", "mode"]
WORDS = st.sampled_from(["auto", "function", "json_schema", "json_object", "hello", "tool", "required"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=6,
)
MESSAGES = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant", "tool"]), "content": st.text(max_size=9)}),
    min_size=1,
    max_size=2,
)
TOOL = st.fixed_dictionaries(
    {"type": st.just("function")},
    optional={"name": st.text(max_size=3), "parameters": VALUES, "input_schema": VALUES}
    | {"function": st.fixed_dictionaries({"name": st.text(max_size=3)}, optional={"parameters": VALUES})},
)
REQUESTS = st.fixed_dictionaries(
    {},
    optional={
        "model": st.text(max_size=3) | VALUES,
        "messages": MESSAGES | VALUES,
        "input": st.text(max_size=9) | st.lists(st.text(max_size=4), max_size=3) | VALUES,
        "prompt": st.text(max_size=9) | VALUES,
        "stream": st.booleans() | VALUES,
        "stream_options": st.just({"include_usage": True}) | VALUES,
        "n": st.integers(1, 3) | VALUES,
        "max_tokens": st.integers(1, 9) | VALUES,
        "max_output_tokens": st.integers(1, 9) | VALUES,
        "stop": st.text(max_size=2) | VALUES,
        "stop_sequences": st.lists(st.text(max_size=2), max_size=2) | VALUES,
        "tools": st.lists(TOOL, max_size=2) | VALUES,
        "tool_choice": st.sampled_from(["auto", "none", "required"]) | VALUES,
        "response_format": VALUES,
        "text": VALUES,
        "output_config": VALUES,
        "logprobs": st.booleans() | st.integers(0, 3) | VALUES,
        "top_logprobs": st.integers(0, 3) | VALUES,
        "echo": st.booleans(),
        "system": st.text(max_size=4) | VALUES,
        "instructions": st.text(max_size=4) | VALUES,
        "dimensions": st.integers(1, 9) | VALUES,
        "encoding_format": st.sampled_from(["float", "base64"]) | VALUES,
    },
)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@given(request=REQUESTS)
def test_any_request_is_answered_or_refused_with_valid_json(endpoint, request):
    reply = reply_to(endpoint, json.dumps(request).encode())
    if reply.frames is None:
        document = json.loads(reply.body)
        assert (reply.status >= 400) == bool(document.get("error"))
        return
    for event in decode(b"".join(frame.data for frame in reply.frames)):
        assert event.data == "[DONE]" or type(json.loads(event.data)) is dict


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("body", [b"", b"x", b"[]", b"3", b"{}", b'{"a":"\xff"}', b"[" * 100_000])
def test_what_is_no_request_is_refused(endpoint, body):
    reply = reply_to(endpoint, body)
    assert reply.status == 400
    error = json.loads(reply.body)["error"]
    assert error["type"] == "invalid_request_error"
    assert error["message"]


# Completions


def test_a_completion_of_each_prompt():
    completion = json.loads(ask("completions", prompt=["hello", "x"], n=2, max_tokens=2, echo=True).body)
    assert completion["object"] == "text_completion"
    assert [choice["text"] for choice in completion["choices"]] == ["hello Hello! How"] * 2 + ["x I received"] * 2
    assert completion["usage"]["completion_tokens"] == 8


def test_prompts_of_tokens():
    completion = json.loads(ask("completions", prompt=[[1, 2], [3]]).body)
    assert "'1 2'" in completion["choices"][0]["text"]
    assert completion["usage"]["prompt_tokens"] == 3


def test_a_streamed_completion_ends_with_its_usage():
    reply = ask("completions", prompt="hello", stream=True, stream_options={"include_usage": True})
    *said, finish, usage, done = decode(b"".join(frame.data for frame in reply.frames))
    assert "".join(json.loads(event.data)["choices"][0]["text"] for event in said).startswith("Hello! How")
    assert json.loads(finish.data)["choices"][0]["finish_reason"] == "stop"
    assert json.loads(usage.data)["usage"]["completion_tokens"] == 7
    assert done.data == "[DONE]"


# Responses


def test_the_events_of_a_response_tell_the_same_as_the_whole():
    whole = json.loads(ask("responses", input="hello").body)
    reply = ask("responses", input="hello", stream=True)
    events = decode(b"".join(frame.data for frame in reply.frames))
    documents = [json.loads(event.data) for event in events]
    assert [event.event for event in events] == [document["type"] for document in documents]
    assert [document["sequence_number"] for document in documents] == list(range(len(documents)))
    assert documents[-1]["response"] == whole
    assert documents[0]["response"]["status"] == "in_progress"
    assert documents[0]["response"]["output"] == []
    deltas = [each["delta"] for each in documents if each["type"] == "response.output_text.delta"]
    assert "".join(deltas) == whole["output"][0]["content"][0]["text"]
    assert reply.error_event(None, 7).startswith(b'event: error\ndata: {"type":"error","sequence_number":7,')


@pytest.mark.parametrize(
    "given_input",
    [
        "hello",
        [{"role": "user", "content": "hello"}],
        [{"role": "user", "content": [{"type": "input_text", "text": "hello"}]}],
        [{"type": "reasoning", "summary": []}, {"type": "message", "role": "user", "content": "hello"}],
    ],
)
def test_input_in_each_of_its_forms(given_input):
    assert json.loads(ask("responses", input=given_input).body)["output"][0]["content"][0]["text"].startswith("Hello!")


def test_tools_of_the_service_itself_are_not_called():
    response = json.loads(ask("responses", input="x", tools=[{"type": "web_search"}]).body)
    assert response["output"][0]["type"] == "message"
    assert response["tools"] == [{"type": "web_search"}]


# Embeddings


def test_an_embedding_depends_on_the_text_alone():
    def embed(text, **options):
        return json.loads(ask("embeddings", input=text, **options).body)["data"][0]["embedding"]

    assert embed("one", dimensions=16) == embed("one", dimensions=16, model="x") != embed("two", dimensions=16)
    packed = base64.b64decode(embed("one", dimensions=16, encoding_format="base64"))
    assert struct.unpack("<16f", packed) == pytest.approx(embed("one", dimensions=16))
    assert len(embed("one", model="text-embedding-3-large")) == 3072
    assert embed([[5, 6]], dimensions=4) == embed([5, 6], dimensions=4)


@pytest.mark.parametrize("given_input", ["", [], [""], [[]], ["a", 5], [None], ["x"] * 2049, [1, "a"]])
def test_inputs_that_cannot_be_embedded(given_input):
    reply = ask("embeddings", input=given_input)
    assert (reply.status, json.loads(reply.body)["error"]["param"]) == (400, "input")


def test_more_numbers_than_one_reply_holds():
    reply = ask("embeddings", input=["x"] * 2048, model="text-embedding-3-large")
    assert (reply.status, json.loads(reply.body)["error"]["param"]) == (400, "input")


def test_more_dimensions_than_there_are():
    assert json.loads(ask("embeddings", input="x", dimensions=2000).body)["error"]["param"] == "dimensions"


# Models and moderations


def test_a_model_that_is_not_there():
    with pytest.raises(InvalidRequest) as caught:
        model_reply("gpt-0")
    assert (caught.value.status, caught.value.code) == (404, "model_not_found")


def test_a_text_is_flagged_for_the_category_that_it_names():
    (result,) = json.loads(ask("moderations", input=[{"type": "text", "text": "Self-harm"}]).body)["results"]
    assert result["flagged"]
    assert [name for name, flagged in result["categories"].items() if flagged] == ["self-harm"]
    assert result["category_scores"]["self-harm"] > 0.5 > result["category_scores"]["hate"]


@pytest.mark.parametrize("stream", [True, False])
def test_integers_beyond_64_bits_are_said_again(stream):
    """orjson reads and writes none; msgspec, which reads the request, does."""
    reply = ask("responses", input="x", stream=stream, metadata={"a": 10**30})
    said = b"".join(frame.data for frame in reply.frames) if stream else reply.body
    assert b"1000000000000000000000000000000" in said
