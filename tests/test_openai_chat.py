"""Chat completions as values: the prototype's bytes, the real service's shape, sizes, refusals."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from oagw_tornado.services.openai.chat.reply import chat_reply
from oagw_tornado.services.openai.context import Context
from oagw_tornado.services.openai.errors import InvalidRequest

PROTOTYPE = Context("r1", 1_700_000_000)
REAL = PROTOTYPE._replace(is_exact=True)
TOOLS = [
    {"type": "function", "function": {"name": "first", "parameters": {"type": "object", "properties": {"n": {}}}}},
    {"type": "function", "function": {"name": "second"}},
]


def body_of(text="tell me  a joke", **fields):
    return json.dumps({"messages": [{"role": "user", "content": text}], **fields}).encode()


def ask(text="tell me  a joke", context=PROTOTYPE, **fields):
    return chat_reply(body_of(text, **fields), context)


def content(reply):
    return json.loads(reply.body)["choices"][0]["message"]["content"]


def chunks(reply):
    events = [frame.data for frame in reply.frames]
    assert events.pop() == b"data: [DONE]\n\n"
    for event in events:
        assert event.startswith(b"data: {")
        assert event.endswith(b"}\n\n")
        assert event.count(b"\n") == 2
    return [json.loads(event[6:]) for event in events]


# The prototype, bit for bit


def test_a_buffered_completion_to_the_letter():
    reply = ask()
    assert (reply.status, reply.frames) == (200, None)
    assert reply.body == (
        b'{"id":"chatcmpl-r1","object":"chat.completion","created":1700000000,"model":"gpt-4","choices":[{"index":0,'
        b'"message":{"role":"assistant","content":"I received your message: \'tell me  a joke\'. '
        b'This is a mock response from the Python test server."},"finish_reason":"stop"}],'
        b'"usage":{"prompt_tokens":10,"completion_tokens":20,"total_tokens":30}}'
    )


def test_a_streamed_completion_to_the_letter():
    reply = ask(stream=True, model="m")
    head = b'data: {"id":"chatcmpl-r1","object":"chat.completion.chunk","created":1700000000,"model":"m","choices":['
    words = [b"response", b"to:", b"tell", b"me", b"a", b"joke"]
    first = b'{"index":0,"delta":{"content":"Streaming ","role":"assistant"},"finish_reason":null}]}\n\n'
    assert [tuple(frame[:2]) for frame in reply.frames] == [
        (head + first, True),
        *((head + b'{"index":0,"delta":{"content":"%b "},"finish_reason":null}]}\n\n' % word, True) for word in words),
        (head + b'{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n', False),
        (b"data: [DONE]\n\n", False),
    ]
    assert dict(reply.headers)["Content-Type"] == "text/event-stream; charset=utf-8"
    assert dict(reply.headers)["Cache-Control"] == "no-cache"
    assert dict(reply.headers)["X-Accel-Buffering"] == "no"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Hello", "Hello! How can I assist you today?"),
        ("OTHELLO raises an error", "Hello! How can I assist you today?"),
        ("", "I received your message: ''. This is a mock response from the Python test server."),
        ('ünï 🦀 "quoted"\n\\', "I received your message: 'ünï 🦀 \"quoted\"\n\\'."),
    ],
)
def test_what_is_said(text, said):
    assert content(ask(text)).startswith(said)


def test_a_word_that_asks_for_an_error():
    reply = ask("an Error please")
    assert reply.status == 429
    assert json.loads(reply.body)["error"] == {
        "message": "Rate limit exceeded",
        "type": "rate_limit_error",
        "param": None,
        "code": "rate_limit_exceeded",
    }


def test_the_rules_do_not_apply_to_streams():
    for text in ("hello", "error"):
        said = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks(ask(text, stream=True)))
        assert said == f"Streaming response to: {text} "


def test_the_last_message_counts_whoever_said_it():
    messages = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "x"}]
    assert "'x'" in content(chat_reply(json.dumps({"messages": messages}).encode(), PROTOTYPE))


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ([{"text": "one "}, {"type": "image_url", "image_url": {}}, {"type": "text", "text": "two"}], "one two"),
        ([], ""),
        (None, ""),
    ],
)
def test_content_in_parts_or_none(given, text):
    assert f"'{text}'" in content(ask(given))


def test_a_message_without_role_or_content_is_fine_with_the_prototype():
    assert "''" in content(chat_reply(b'{"messages":[{}],"unknown":{"field":1}}', PROTOTYPE))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b"null",
        b'"text"',
        b"{}",
        b'{"messages":null}',
        b'{"messages":"hello"}',
        b'{"messages":{}}',
        b'{"messages":[]}',
        b'{"messages":["hello"]}',
        b'{"messages":[{"content":"x"},3]}',
        b'{"messages":[{"content":5}]}',
        b'{"messages":[{"content":"\xff"}]}',
        b'{"messages":[{"content":"\\ud800"}]}',
        b'{"messages":' + b"[" * 100_000,
        b'{"messages":[{}],"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"messages":[{}],"max_tokens":' + b"9" * 5000 + b"}",
    ],
)
def test_what_is_no_request_is_a_400_with_an_error(body):
    with pytest.raises(InvalidRequest) as caught:
        chat_reply(body, PROTOTYPE)
    reply = caught.value.reply()
    assert reply.status == 400
    error = json.loads(reply.body)["error"]
    assert list(error) == ["message", "type", "param", "code"]
    assert error["type"] == "invalid_request_error"


# The real service's shape


def test_the_fields_of_the_real_service_in_its_order():
    completion = json.loads(ask(context=REAL, model="m").body)
    assert list(completion) == [
        "id",
        "object",
        "created",
        "model",
        "choices",
        "usage",
        "service_tier",
        "system_fingerprint",
    ]
    assert list(completion["choices"][0]) == ["index", "message", "logprobs", "finish_reason"]
    assert list(completion["choices"][0]["message"]) == ["role", "content", "refusal", "annotations"]


def test_a_real_stream_begins_with_the_role_and_an_empty_content():
    said = chunks(ask(context=REAL, model="m", stream=True, stream_options={"include_usage": True}))
    assert said[0]["choices"][0]["delta"] == {"role": "assistant", "content": "", "refusal": None}
    assert [chunk["choices"][0]["delta"]["content"] for chunk in said[1:-2]] == [
        "Streaming",
        " response",
        " to:",
        " tell",
        " me",
        " a",
        " joke",
    ]
    assert said[-2]["choices"][0] == {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}
    assert said[-1]["choices"] == []
    assert {chunk["usage"] is None for chunk in said[:-1]} == {True}
    usage = said[-1]["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (4, 7, 11)
    assert len({(chunk["id"], chunk["created"], chunk["system_fingerprint"]) for chunk in said}) == 1


def test_the_real_service_wants_a_model_and_a_known_role():
    with pytest.raises(InvalidRequest, match="model"):
        ask(context=REAL)
    with pytest.raises(InvalidRequest, match="Invalid value: 'robot'") as caught:
        chat_reply(b'{"model":"m","messages":[{"role":"robot","content":"x"}]}', REAL)
    assert caught.value.param == "messages[0].role"


# Sizes


@pytest.mark.parametrize("context", [PROTOTYPE, REAL])
@pytest.mark.parametrize(("tokens", "per_event", "events"), [(0, 1, 0), (1, 1, 1), (50, 1, 50), (50, 7, 8)])
def test_output_tokens_sets_the_number_of_content_events(context, tokens, per_event, events):
    sized = context._replace(output_tokens=tokens, tokens_per_event=per_event)
    frames = list(ask(context=sized, model="m", stream=True).frames)
    assert sum(frame.content for frame in frames) == events
    usage = json.loads(ask(context=sized, model="m").body)["usage"]
    assert usage["completion_tokens"] == tokens


def test_so_long_a_completion_is_not_held_in_memory():
    long = PROTOTYPE._replace(output_tokens=1_000_000)
    assert next(iter(ask(context=long, stream=True).frames))
    for fields in ({"n": 8}, {"logprobs": True}, {"n": 128, "text": "x" * 1_000_000}):
        with pytest.raises(InvalidRequest, match="streamed"):
            ask(context=PROTOTYPE if "text" in fields else long, **fields)


def test_choices_of_a_stream_come_in_turn():
    said = chunks(ask(stream=True, n=2, max_tokens=2))
    assert [chunk["choices"][0]["index"] for chunk in said] == [0, 1] * 3
    assert [chunk["choices"][0]["finish_reason"] for chunk in said][-2:] == ["length", "length"]


def test_a_stop_sequence_ends_the_text_in_either_form():
    assert content(ask(stop="message")) == "I received your "
    assert content(ask(stop=["nowhere", "your"])) == "I received "
    said = chunks(ask(stream=True, stop="to:"))
    assert [chunk["choices"][0]["delta"].get("content") for chunk in said] == ["Streaming ", "response ", None]


def test_usage_is_what_the_prototype_said_unless_something_is_asked_for():
    assert json.loads(ask().body)["usage"]["total_tokens"] == 30
    assert json.loads(ask(max_tokens=3).body)["usage"] == {
        "prompt_tokens": 4,
        "completion_tokens": 3,
        "total_tokens": 7,
    }


def test_a_seed_brings_a_fingerprint():
    assert "system_fingerprint" not in json.loads(ask().body)
    assert json.loads(ask(seed=7).body)["system_fingerprint"].startswith("fp_")
    assert all(chunk["system_fingerprint"].startswith("fp_") for chunk in chunks(ask(seed=7, stream=True)))


def test_logprobs_of_a_stream_are_those_of_each_token():
    said = chunks(ask(stream=True, logprobs=True, top_logprobs=3))[:-1]
    for chunk in said:
        (logprob,) = chunk["choices"][0]["logprobs"]["content"]
        assert logprob["token"] == chunk["choices"][0]["delta"]["content"]
        assert logprob["top_logprobs"][0]["token"] == logprob["token"]
        values = [each["logprob"] for each in logprob["top_logprobs"]]
        assert all(more > less for more, less in pairwise(values))


@pytest.mark.parametrize("context", [PROTOTYPE, REAL])
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"n": 3},
        {"logprobs": True},
        {"logprobs": True, "top_logprobs": 2, "n": 2},
        {"stop": "Streaming"},
        {"stop": ["Streaming"], "n": 2},
        {"response_format": {"type": "json_object"}},
        {"tools": TOOLS, "n": 2},
        {"max_tokens": 1},
        {"stream_options": {"include_usage": True}},
    ],
    ids=str,
)
def test_each_choice_says_its_role_once_and_first(context, fields):
    """What openai-node's `.stream()`, LangChain's and openai-go's accumulators ask of a stream."""
    for _ in range(2):  # the second time it may be remembered
        said = [
            choice
            for chunk in chunks(ask(context=context, stream=True, model="m", **fields))
            for choice in chunk["choices"]
        ]
        for index in range(fields.get("n", 1)):
            deltas = [choice["delta"] for choice in said if choice["index"] == index]
            assert [delta.get("role") for delta in deltas] == ["assistant"] + [None] * (len(deltas) - 1)
            if context is PROTOTYPE and "tools" not in fields and "stop" not in fields:
                assert deltas[0]["content"], "the role has no chunk of its own"


@pytest.mark.parametrize("tokens_per_event", [1, 3])
@pytest.mark.parametrize("output_tokens", [0, 1, 500])
def test_the_role_comes_whatever_the_size(output_tokens, tokens_per_event):
    context = PROTOTYPE._replace(output_tokens=output_tokens, tokens_per_event=tokens_per_event)
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks(ask(context=context, stream=True))]
    assert [delta.get("role") for delta in deltas] == ["assistant"] + [None] * (len(deltas) - 1)


def test_an_error_in_the_text_is_one_in_the_prototypes_profile_only():
    assert ask("an error, please").status == 429
    assert content(ask("an error, please", context=REAL, model="m")).startswith("I received your message")


# Refusals

NO_TOOL = {"type": "function", "function": {"name": "x"}}
IMPOSSIBLE_TOOL = {"type": "function", "function": {"name": "x", "parameters": {"$ref": "#/no"}}}


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"n": 0}, "n", "integer_below_min_value"),
        ({"n": 129}, "n", "integer_above_max_value"),
        ({"n": "two"}, "n", "invalid_type"),
        ({"max_tokens": 0}, "max_tokens", "integer_below_min_value"),
        ({"temperature": 2.5}, "temperature", "decimal_above_max_value"),
        ({"top_p": -1}, "top_p", "decimal_below_min_value"),
        ({"stop": list("abcde")}, "stop", "array_above_max_length"),
        ({"stream": "yes"}, "stream", "invalid_type"),
        ({"stream_options": {"include_usage": True}}, "stream_options", None),
        ({"top_logprobs": 2}, "top_logprobs", None),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs", "integer_above_max_value"),
        ({"tools": []}, "tools", "empty_array"),
        ({"tools": [{"type": "function"}]}, "tools[0].function", "missing_required_parameter"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name", "missing_required_parameter"),
        ({"tools": [{"type": "magic"}]}, "tools[0].type", "invalid_value"),
        ({"tool_choice": "required"}, "tool_choice", None),
        ({"tools": TOOLS, "tool_choice": "maybe"}, "tool_choice", "invalid_value"),
        ({"tools": TOOLS, "tool_choice": NO_TOOL}, "tool_choice", "invalid_value"),
        ({"tools": [IMPOSSIBLE_TOOL]}, "tools", "invalid_function_parameters"),
        ({"response_format": {"type": "xml"}}, "response_format.type", "invalid_value"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema", "missing_required_parameter"),
        ({"response_format": "json"}, "response_format", "invalid_type"),
        ({"model": 4}, "model", "invalid_type"),
    ],
)
@pytest.mark.parametrize("context", [PROTOTYPE, REAL])
def test_a_bad_field_is_named(context, fields, param, code):
    with pytest.raises(InvalidRequest) as caught:
        ask(context=context, **{"model": "m", **fields})
    assert (caught.value.status, caught.value.param, caught.value.code) == (400, param, code)
    assert caught.value.message
