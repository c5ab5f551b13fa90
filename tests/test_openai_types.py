"""Every object in the real service's shape, held against the types that the official clients declare for it.

The clients themselves read leniently; here pydantic validates, so that a field they require is there.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from anthropic.types import Message, RawMessageStreamEvent
from openai.types import Completion, CreateEmbeddingResponse, Model, ModerationCreateResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from oagw_tornado.reply.sse import decode
from oagw_tornado.services.anthropic.dialect import message_reply
from oagw_tornado.services.openai.chat.reply import chat_reply
from oagw_tornado.services.openai.completions.dialect import completion_reply
from oagw_tornado.services.openai.context import Context
from oagw_tornado.services.openai.embeddings import embedding_reply
from oagw_tornado.services.openai.models import model_reply
from oagw_tornado.services.openai.moderations import moderation_reply
from oagw_tornado.services.openai.responses.dialect import response_reply

REAL = Context("r1", 1_700_000_000, is_exact=True)
MESSAGES = [{"role": "user", "content": "tell me a joke"}]
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
FUNCTION = {"type": "function", "function": {"name": "f", "parameters": PARAMETERS}}
CUSTOM = {"type": "custom", "custom": {"name": "c"}}


def validate(kind: Any, reply) -> list[Any]:
    """The objects of a reply, each valid for `kind`."""
    adapter = TypeAdapter(kind)
    if reply.frames is None:
        assert reply.status == 200, reply.body
        return [adapter.validate_json(reply.body)]
    events = decode(b"".join(frame.data for frame in reply.frames))
    return [adapter.validate_json(event.data) for event in events if event.data != "[DONE]"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"n": 2, "max_tokens": 2},
        {"logprobs": True, "top_logprobs": 2},
        {"tools": [FUNCTION]},
        {"response_format": {"type": "json_object"}},
    ],
)
def test_chat_completions(fields, stream):
    body = json.dumps({"model": "m", "messages": MESSAGES, "stream": stream, **fields}).encode()
    validate(ChatCompletionChunk if stream else ChatCompletion, chat_reply(body, REAL))


def test_the_call_of_a_custom_tool():
    # For that in a stream the client declares no type.
    validate(
        ChatCompletion, chat_reply(json.dumps({"model": "m", "messages": MESSAGES, "tools": [CUSTOM]}).encode(), REAL)
    )


@pytest.mark.parametrize("stream", [False, True])
def test_usage_in_a_stream(stream):
    body = json.dumps(
        {"model": "m", "messages": MESSAGES, "stream": True, "stream_options": {"include_usage": stream}}
    ).encode()
    assert (validate(ChatCompletionChunk, chat_reply(body, REAL))[-1].usage is not None) is stream


@pytest.mark.parametrize("fields", [{}, {"logprobs": 1, "max_tokens": 2}])
def test_completions(fields):
    body = json.dumps({"model": "m", "prompt": "x", **fields}).encode()
    validate(Completion, completion_reply(body, REAL))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"max_output_tokens": 2},
        {"tools": [{"type": "function", "name": "f", "parameters": PARAMETERS, "strict": True}]},
        {"tools": [{"type": "custom", "name": "c"}]},
        {"text": {"format": {"type": "json_schema", "name": "n", "schema": PARAMETERS}}},
        {"instructions": "be brief", "metadata": {"a": "b"}, "temperature": 0.5},
    ],
)
def test_responses(fields):
    body = json.dumps({"model": "m", "input": "x", **fields}).encode()
    validate(Response, response_reply(body, REAL))
    body = json.dumps({"model": "m", "input": "x", "stream": True, **fields}).encode()
    events = validate(ResponseStreamEvent, response_reply(body, REAL))
    assert {event.type for event in events} >= {"response.created", "response.output_item.done"}


def test_the_others():
    validate(CreateEmbeddingResponse, embedding_reply(b'{"model":"m","input":["a","b"],"dimensions":3}'))
    validate(ModerationCreateResponse, moderation_reply(b'{"input":"x"}', REAL))
    validate(Model, model_reply("gpt-4"))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "fields",
    [{}, {"max_tokens": 2}, {"stop_sequences": ["your"]}, {"tools": [{"name": "f", "input_schema": PARAMETERS}]}],
)
def test_anthropic_messages(fields, stream):
    body = json.dumps({"model": "m", "max_tokens": 99, "messages": MESSAGES, "stream": stream, **fields}).encode()
    reply = message_reply(body, REAL)
    if stream:
        # A ping is no event of the declared type: the client drops it.
        assert reply.frames is not None
        reply.frames = [frame for frame in reply.frames if b"event: ping" not in frame.data]
    validate(RawMessageStreamEvent if stream else Message, reply)
