"""Other clients that people point at the simulator: LangChain, httpx-sse, and the retries of openai-python."""

from __future__ import annotations

import time

import httpx
import httpx_sse
import openai
import pytest
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel

from oagw_tornado.testing import SimulatorThread

JOKE = "tell me a joke"


class Verdict(BaseModel):
    funny: bool
    reason: str


@pytest.fixture(scope="module", params=["prototype", "openai"])
def simulator(request):
    with SimulatorThread(openai_profile=request.param, inter_token_latency="1ms", event_interval="1ms") as server:
        yield server


# LangChain


def chat_model(simulator, **options):
    return ChatOpenAI(
        model="gpt-4o", base_url=simulator.openai_base_url, api_key=simulator.token, max_retries=0, **options
    )


def test_langchain_invokes(simulator):
    message = chat_model(simulator).invoke("hello")
    assert message.content == "Hello! How can I assist you today?"
    assert message.usage_metadata["total_tokens"] > 0
    assert message.response_metadata["finish_reason"] == "stop"


@pytest.mark.parametrize("stream_usage", [True, False])
def test_langchain_streams(simulator, stream_usage):
    chunks = list(chat_model(simulator, stream_usage=stream_usage).stream(JOKE))
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    assert whole.content.strip() == f"Streaming response to: {JOKE}"
    assert len([chunk for chunk in chunks if chunk.content]) == 7
    if stream_usage:
        assert whole.usage_metadata["output_tokens"] == 7
    else:
        assert whole.usage_metadata is None


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_langchain_gets_structured_output(simulator, method):
    verdict = chat_model(simulator).with_structured_output(Verdict, method=method).invoke(JOKE)
    assert isinstance(verdict, Verdict)


def test_langchain_calls_tools(simulator):
    def get_weather(city: str) -> str:
        """The weather in a city."""
        return city

    bound = chat_model(simulator).bind_tools([get_weather])
    assert bound.invoke(JOKE).tool_calls[0]["args"] == {"city": "city"}
    chunks = list(bound.stream(JOKE))
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    assert whole.tool_calls[0]["args"] == {"city": "city"}


def test_langchain_uses_the_responses_api(simulator):
    model = chat_model(simulator, use_responses_api=True)
    assert model.invoke("hello").text == "Hello! How can I assist you today?"
    assert "".join(chunk.text for chunk in model.stream("hello")) == "Hello! How can I assist you today?"


def test_langchain_embeds(simulator):
    embeddings = OpenAIEmbeddings(
        model="text-embedding-3-small",
        base_url=simulator.openai_base_url,
        api_key=simulator.token,
        check_embedding_ctx_length=False,  # else it loads a vocabulary from the network
        dimensions=8,
    )
    assert [len(vector) for vector in embeddings.embed_documents(["one", "two"])] == [8, 8]


# httpx-sse


def test_httpx_sse_reads_the_events(simulator):
    url = f"{simulator.base_url}/api/oagw/v1/proxy/stream-test/events"
    with (
        httpx.Client(headers={"Authorization": f"Bearer {simulator.token}"}) as client,
        httpx_sse.connect_sse(client, "GET", url) as source,
    ):
        events = [(event.id, event.event, event.data) for event in source.iter_sse()]
    assert events == [
        ("1", "message", "First event"),
        ("2", "update", "Second event"),
        ("3", "message", "Third event with\nmultiple lines"),
        ("4", "complete", "Final event"),
    ]


@pytest.mark.parametrize("query", ["sim-line-ending=crlf", "sim-line-ending=cr", "bom=1&retry=1s&comment=x"])
def test_httpx_sse_reads_every_legal_form(simulator, query):
    url = f"{simulator.base_url}/api/oagw/v1/proxy/stream-test/events?count=3&{query}"
    with (
        httpx.Client(headers={"Authorization": f"Bearer {simulator.token}"}) as client,
        httpx_sse.connect_sse(client, "GET", url) as source,
    ):
        events = [event.data for event in source.iter_sse()]
    # A CR counts as a line end for httpx-sse only together with what follows it; and of a BOM it knows nothing.
    assert events[-2:] == ["Event 2", "Event 3"]


# Retries


@pytest.mark.parametrize("status", [429, 503])
def test_openai_python_honours_retry_after(simulator, status):
    simulator.control.reset()
    simulator.control.add_rule(
        match={"alias": "openai"}, when={"first": 1}, fault=f"status;code={status};retry-after=600ms"
    )
    with openai.OpenAI(base_url=simulator.openai_base_url, api_key=simulator.token, max_retries=2) as client:
        started = time.monotonic()
        completion = client.chat.completions.create(model="gpt-4", messages=[{"role": "user", "content": "hello"}])
        took = time.monotonic() - started
    assert completion.choices[0].message.content == "Hello! How can I assist you today?"
    assert took >= 0.6  # of its own accord it would wait half a second at most
    statuses = [request["status"] for request in simulator.control.requests(alias="openai")]
    assert statuses == [200, status]
    simulator.control.reset()


def test_openai_python_gives_up_with_the_right_exception(simulator):
    with openai.OpenAI(base_url=simulator.openai_base_url, api_key=simulator.token, max_retries=0) as client:
        with pytest.raises(openai.RateLimitError):
            client.models.list(extra_headers={"X-Sim-Fault": "status;code=429"})
        with pytest.raises(openai.InternalServerError):
            client.models.list(extra_headers={"X-Sim-Fault": "status;code=503"})
