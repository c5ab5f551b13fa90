"""The official Anthropic client for Python, as it is, against the running server."""

from __future__ import annotations

import asyncio

import anthropic
import pytest
from pydantic import BaseModel

from oagw_tornado.testing import SimulatorThread

TOOL = {
    "name": "get_weather",
    "description": "The weather in a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


class City(BaseModel):
    name: str
    inhabitants: int


@pytest.fixture(scope="module")
def simulator():
    with SimulatorThread(inter_token_latency="1ms") as server:
        yield server
        # What an SDK does in all of these tests is good conduct.
        assert server.control.conduct(final=True)["findings"] == []


@pytest.fixture(scope="module")
def client(simulator):
    url = f"{simulator.base_url}/api/oagw/v1/proxy/anthropic"
    with anthropic.Anthropic(base_url=url, auth_token=simulator.token, max_retries=0) as client:
        yield client


def asked(text="hello", **options):
    return {
        "model": "claude-simulated",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": text}],
        **options,
    }


def test_a_message(client):
    message = client.messages.create(**asked(system="be brief"))
    assert message.content[0].text == "Hello! How can I assist you today?"
    assert (message.stop_reason, message.role, message.model) == ("end_turn", "assistant", "claude-simulated")
    assert (message.usage.input_tokens, message.usage.output_tokens) == (3, 7)
    assert message._request_id.startswith("req_")
    assert message.id.startswith("msg_")


def test_the_token_as_api_key(simulator):
    url = f"{simulator.base_url}/api/oagw/v1/proxy/anthropic"
    with anthropic.Anthropic(base_url=url, api_key=simulator.token, max_retries=0) as client:
        assert client.messages.create(**asked()).content[0].text == "Hello! How can I assist you today?"
    with (
        anthropic.Anthropic(base_url=url, api_key="wrong", max_retries=0) as client,
        pytest.raises(anthropic.PermissionDeniedError),
    ):
        client.messages.create(**asked())


def test_blocks_are_read_as_text(client):
    blocks = [{"type": "text", "text": "what about "}, {"type": "text", "text": "this"}]
    assert "'what about this'" in client.messages.create(**asked(blocks)).content[0].text


def test_the_events_of_a_stream_in_their_order(client):
    kinds = [event.type for event in client.messages.create(**asked(stream=True))]
    assert kinds == [
        "message_start",
        "content_block_start",
        *["content_block_delta"] * 7,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


def test_a_ping_comes_before_the_first_delta(client):
    with client.messages.with_streaming_response.create(**asked(stream=True)) as response:
        names = [line.removeprefix("event: ") for line in response.iter_lines() if line.startswith("event: ")]
    assert names[:4] == ["message_start", "content_block_start", "ping", "content_block_delta"]


def test_the_stream_helper_builds_the_message(client):
    with client.messages.stream(**asked()) as stream:
        said = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert said == final.content[0].text == "Hello! How can I assist you today?"
    assert (final.stop_reason, final.usage.output_tokens) == ("end_turn", 7)


def test_a_limit_and_a_stop_sequence(client):
    cut = client.messages.create(**asked(max_tokens=2))
    assert (cut.content[0].text, cut.stop_reason) == ("Hello! How", "max_tokens")
    stopped = client.messages.create(**asked(stop_sequences=["assist"]))
    assert (stopped.content[0].text, stopped.stop_reason) == ("Hello! How can I ", "stop_sequence")
    assert stopped.stop_sequence == "assist"


def test_a_tool_is_called_and_its_result_ends_the_loop(client):
    message = client.messages.create(**asked(tools=[TOOL]))
    call = message.content[0]
    assert (message.stop_reason, call.type, call.name, call.input) == (
        "tool_use",
        "tool_use",
        "get_weather",
        {"city": "city"},
    )
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "sunny"}
    messages = [
        {"role": "user", "content": "weather?"},
        {"role": "assistant", "content": [call.model_dump(exclude_none=True)]},
        {"role": "user", "content": [result]},
    ]
    message = client.messages.create(model="claude-simulated", max_tokens=100, tools=[TOOL], messages=messages)
    assert "sunny" in message.content[0].text


def test_a_streamed_tool_call_is_put_together(client):
    with client.messages.stream(**asked(tools=[TOOL], tool_choice={"type": "any"})) as stream:
        final = stream.get_final_message()
    assert (final.content[0].input, final.stop_reason) == ({"city": "city"}, "tool_use")


def test_structured_output(client):
    message = client.messages.parse(**asked(), output_format=City)
    assert isinstance(message.parsed_output, City)


def test_tokens_are_counted_and_models_listed(client):
    counted = client.messages.count_tokens(model="x", messages=[{"role": "user", "content": "one two three"}])
    assert counted.input_tokens == 3
    models = [model.id for model in client.models.list()]
    assert client.models.retrieve(models[0]).id == models[0]


@pytest.mark.parametrize(
    ("request_body", "error", "message"),
    [
        (asked(max_tokens=0), anthropic.BadRequestError, "max_tokens: Input should be greater than or equal to 1"),
        (asked(temperature=2), anthropic.BadRequestError, "temperature: Input should be less than or equal to 1"),
        ({**asked(), "messages": []}, anthropic.BadRequestError, "messages: at least one message is required"),
        (
            {**asked(), "messages": [{"role": "robot", "content": "x"}]},
            anthropic.BadRequestError,
            "messages.0.role: invalid enum value 'robot'",
        ),
        (
            {"messages": [{"role": "user", "content": "x"}], "max_tokens": 1},
            anthropic.BadRequestError,
            "model: Field required",
        ),
        (asked(tool_choice={"type": "tool", "name": "none"}), anthropic.BadRequestError, "tool_choice: tool 'none'"),
    ],
)
def test_a_bad_request_is_the_clients_exception(client, request_body, error, message):
    with pytest.raises(error) as caught:
        client.post("/v1/messages", body=request_body, cast_to=object)
    body = caught.value.body
    assert (body["type"], body["error"]["type"]) == ("error", "invalid_request_error")
    assert message in body["error"]["message"]
    assert caught.value.request_id == body["request_id"]


def test_what_is_not_there(client):
    with pytest.raises(anthropic.NotFoundError, match="not_found_error"):
        client.models.retrieve("claude-0")
    with pytest.raises(anthropic.NotFoundError, match="not_found_error"):
        client.get("/v1/nothing", cast_to=object)


def test_the_asynchronous_client(simulator):
    async def use():
        url = f"{simulator.base_url}/api/oagw/v1/proxy/anthropic"
        async with (
            anthropic.AsyncAnthropic(base_url=url, auth_token=simulator.token) as client,
            client.messages.stream(**asked()) as stream,
        ):
            return "".join([text async for text in stream.text_stream])

    assert asyncio.run(use()) == "Hello! How can I assist you today?"
