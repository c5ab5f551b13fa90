"""The official OpenAI client for Python, as it is, against the running server in both profiles."""

from __future__ import annotations

import asyncio
import json
import math
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from oagw_tornado.testing import SimulatorThread

WEATHER_TOOL: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "unit": {"type": "string", "enum": ["c", "f"]}},
            "required": ["city", "unit"],
            "additionalProperties": False,
        },
    },
}
JOKE: Any = [{"role": "user", "content": "tell me a joke"}]


class Step(BaseModel):
    explanation: str
    output: float


class Solution(BaseModel):
    steps: list[Step]
    answer: str
    certain: bool | None


@pytest.fixture(scope="module", params=["prototype", "openai"])
def simulator(request):
    with SimulatorThread(openai_profile=request.param, inter_token_latency="1ms", event_interval="1ms") as server:
        yield server
        # What an SDK does in all of these tests is good conduct.
        assert server.control.conduct(final=True)["findings"] == []


@pytest.fixture(scope="module")
def client(simulator):
    with openai.OpenAI(base_url=simulator.openai_base_url, api_key=simulator.token, max_retries=0) as client:
        yield client


@pytest.fixture
def is_exact(simulator):
    return simulator._options["openai_profile"] == "openai"


def test_a_completion_has_the_prototypes_words(client):
    completion = client.chat.completions.create(model="gpt-4", messages=[{"role": "user", "content": "Hello there"}])
    assert completion.choices[0].message.content == "Hello! How can I assist you today?"
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens
    assert completion._request_id
    assert completion.id == f"chatcmpl-{completion._request_id}"


def test_a_stream_is_read_chunk_by_chunk(client):
    chunks = list(client.chat.completions.create(model="gpt-4", messages=JOKE, stream=True))
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert said.strip() == "Streaming response to: tell me a joke"
    assert {chunk.id for chunk in chunks} == {chunks[0].id}
    assert {chunk.created for chunk in chunks} == {chunks[0].created}
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_usage_comes_last_and_without_a_choice(client):
    chunks = list(
        client.chat.completions.create(
            model="gpt-4", messages=JOKE, stream=True, stream_options={"include_usage": True}
        )
    )
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens == 7
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_the_stream_helper_builds_the_message(client, is_exact):
    with client.chat.completions.stream(model="gpt-4", messages=JOKE) as stream:
        kinds = [event.type for event in stream]
        completion = stream.get_final_completion()
    assert kinds.count("content.delta") == 7 + is_exact  # the real service begins with an empty one
    assert "content.done" in kinds
    assert completion.choices[0].message.content.strip() == "Streaming response to: tell me a joke"


def test_parse_gives_a_pydantic_model(client):
    completion = client.chat.completions.parse(model="gpt-4", messages=JOKE, response_format=Solution)
    assert isinstance(completion.choices[0].message.parsed, Solution)


def test_the_stream_helper_parses_too(client):
    with client.chat.completions.stream(model="gpt-4", messages=JOKE, response_format=Solution) as stream:
        completion = stream.get_final_completion()
    assert isinstance(completion.choices[0].message.parsed, Solution)


def test_a_tool_is_called_and_its_result_ends_the_loop(client):
    completion = client.chat.completions.create(model="gpt-4", messages=JOKE, tools=[WEATHER_TOOL])
    message = completion.choices[0].message
    assert completion.choices[0].finish_reason == "tool_calls"
    assert message.content is None
    call = message.tool_calls[0]
    assert json.loads(call.function.arguments) == {"city": "city", "unit": "c"}
    answered = [*JOKE, message, {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    completion = client.chat.completions.create(model="gpt-4", messages=answered, tools=[WEATHER_TOOL])
    assert "sunny" in completion.choices[0].message.content


def test_a_streamed_tool_call_is_put_together(client):
    with client.chat.completions.stream(model="gpt-4", messages=JOKE, tools=[WEATHER_TOOL]) as stream:
        kinds = [event.type for event in stream]
        completion = stream.get_final_completion()
    assert "tool_calls.function.arguments.delta" in kinds
    assert "tool_calls.function.arguments.done" in kinds
    call = completion.choices[0].message.tool_calls[0]
    assert (call.function.name, json.loads(call.function.arguments)["unit"]) == ("get_weather", "c")


def test_several_choices_and_a_limit(client):
    completion = client.chat.completions.create(model="gpt-4", messages=JOKE, n=3, max_completion_tokens=2)
    assert [choice.index for choice in completion.choices] == [0, 1, 2]
    assert {choice.message.content for choice in completion.choices} == {"I received"}
    assert {choice.finish_reason for choice in completion.choices} == {"length"}
    assert completion.usage.completion_tokens == 6


def test_logprobs_name_every_token(client):
    completion = client.chat.completions.create(model="gpt-4", messages=JOKE, logprobs=True, top_logprobs=2)
    logprobs = completion.choices[0].logprobs.content
    assert "".join(each.token for each in logprobs) == completion.choices[0].message.content
    assert all(len(each.top_logprobs) == 2 and bytes(each.bytes).decode() == each.token for each in logprobs)


def test_legacy_completions(client):
    completion = client.completions.create(model="gpt-3.5-turbo-instruct", prompt=["hello", "x"], max_tokens=3)
    assert [choice.text for choice in completion.choices] == ["Hello! How can", "I received your"]
    chunks = list(client.completions.create(model="gpt-3.5-turbo-instruct", prompt="hello", stream=True))
    assert "".join(chunk.choices[0].text for chunk in chunks) == "Hello! How can I assist you today?"
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_a_response(client):
    response = client.responses.create(model="gpt-4", input="hello", instructions="be brief")
    assert response.output_text == "Hello! How can I assist you today?"
    assert (response.status, response.usage.input_tokens, response.usage.output_tokens) == ("completed", 3, 7)


def test_a_streamed_response_in_its_order(client):
    with client.responses.stream(model="gpt-4", input="hello") as stream:
        events = list(stream)
        final = stream.get_final_response()
    kinds = [event.type for event in events]
    assert kinds[:4] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    ]
    assert kinds[4:-4] == ["response.output_text.delta"] * 7
    assert kinds[-4:] == [
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert final.output_text == "Hello! How can I assist you today?"


def test_a_response_that_parses_and_one_that_is_cut_off(client):
    assert isinstance(client.responses.parse(model="gpt-4", input="x", text_format=Solution).output_parsed, Solution)
    with client.responses.stream(model="gpt-4", input="hello", max_output_tokens=2) as stream:
        *_, last = stream
    assert last.type == "response.incomplete"
    assert last.response.incomplete_details.reason == "max_output_tokens"


def test_a_response_that_calls_a_tool(client):
    tool = {"type": "function", "strict": True, **WEATHER_TOOL["function"]}
    response = client.responses.create(model="gpt-4", input="weather?", tools=[tool])
    call = response.output[0]
    assert (call.type, json.loads(call.arguments)) == ("function_call", {"city": "city", "unit": "c"})
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
    given = [{"role": "user", "content": "weather?"}, call.model_dump(exclude_none=True), result]
    assert "sunny" in client.responses.create(model="gpt-4", input=given, tools=[tool]).output_text
    with client.responses.stream(model="gpt-4", input="weather?", tools=[tool]) as stream:
        assert "response.function_call_arguments.done" in [event.type for event in stream]


def test_embeddings_are_unit_vectors_in_both_encodings(client):
    def embed(**options):
        return client.embeddings.create(model="text-embedding-3-small", **options)

    vector = embed(input="one").data[0].embedding  # base64 on the wire: the client's default
    assert len(vector) == 1536
    assert math.hypot(*vector) == pytest.approx(1, abs=1e-5)
    assert embed(input="one", encoding_format="float").data[0].embedding == pytest.approx(vector, abs=1e-6)
    two = embed(input=["one", "two"], dimensions=64).data
    assert [each.index for each in two] == [0, 1]
    assert abs(sum(a * b for a, b in zip(two[0].embedding, two[1].embedding, strict=True))) < 0.6
    assert two[0].embedding[0] / two[0].embedding[1] == pytest.approx(vector[0] / vector[1], rel=1e-3)


def test_models_and_moderations(client):
    assert {model.id for model in client.models.list()} == {"gpt-4", "gpt-3.5-turbo"}
    assert client.models.retrieve("gpt-4").owned_by == "openai"
    with pytest.raises(openai.NotFoundError, match="does not exist"):
        client.models.retrieve("gpt-9/x")
    results = client.moderations.create(input=["kittens", "graphic violence"]).results
    assert [result.flagged for result in results] == [False, True]
    assert results[1].categories.violence


@pytest.mark.parametrize(
    ("request_of", "param", "code"),
    [
        (lambda c: c.chat.completions.create(model="gpt-4", messages=[]), "messages", "empty_array"),
        (lambda c: c.chat.completions.create(model="gpt-4", messages="x"), "messages", "invalid_type"),
        (
            lambda c: c.chat.completions.create(model="gpt-4", messages=JOKE, temperature=3),
            "temperature",
            "decimal_above_max_value",
        ),
        (
            lambda c: c.chat.completions.create(model="gpt-4", messages=JOKE, max_tokens=0),
            "max_tokens",
            "integer_below_min_value",
        ),
        (lambda c: c.responses.create(model="gpt-4", input=[]), "input", "missing_required_parameter"),
        (
            lambda c: c.chat.completions.create(
                model="gpt-4",
                messages=JOKE,
                response_format={
                    "type": "json_schema",
                    "json_schema": {"name": "x", "schema": {"$ref": "#/nowhere"}},
                },
            ),
            "response_format",
            None,
        ),
    ],
)
def test_a_bad_request_is_the_clients_exception_with_its_parameter(client, request_of, param, code):
    with pytest.raises(openai.BadRequestError) as caught:
        request_of(client)
    assert caught.value.type == "invalid_request_error"
    assert (caught.value.param, caught.value.code) == (param, code)
    assert caught.value.request_id


def test_other_refusals_are_the_clients_exceptions(client, simulator, is_exact):
    if not is_exact:  # the word makes an error in the prototype's profile only
        with pytest.raises(openai.RateLimitError, match="Rate limit exceeded"):
            client.chat.completions.create(model="gpt-4", messages=[{"role": "user", "content": "an error"}])
    with pytest.raises(openai.NotFoundError, match=r"Invalid URL \(GET /v1/nothing\)"):
        client.get("/nothing", cast_to=object)
    with (
        openai.OpenAI(base_url=simulator.openai_base_url, api_key="wrong", max_retries=0) as stranger,
        pytest.raises(openai.PermissionDeniedError),
    ):
        stranger.models.list()


def test_the_real_shape_asks_for_a_model(client, is_exact):
    def create():
        return client.chat.completions.create(model="", messages=JOKE)

    if is_exact:
        with pytest.raises(openai.BadRequestError, match="model parameter"):
            create()
    else:
        assert create().model == "gpt-4"


def test_the_asynchronous_client(simulator):
    async def use():
        async with openai.AsyncOpenAI(base_url=simulator.openai_base_url, api_key=simulator.token) as client:
            stream = await client.chat.completions.create(model="gpt-4", messages=JOKE, stream=True)
            said = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
            async with client.responses.stream(model="gpt-4", input="hello") as response:
                kinds = [event.type async for event in response]
            completion, models = await asyncio.gather(
                client.chat.completions.create(model="gpt-4", messages=JOKE), client.models.list()
            )
            parsed = await client.chat.completions.parse(model="gpt-4", messages=JOKE, response_format=Step)
            return said, kinds[-1], completion.object, len(models.data), parsed.choices[0].message.parsed

    said, last, kind, models, parsed = asyncio.run(use())
    assert said.strip() == "Streaming response to: tell me a joke"
    assert (last, kind, models) == ("response.completed", "chat.completion", 2)
    assert isinstance(parsed, Step)
