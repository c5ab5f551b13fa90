"""The 13 integration scenarios as a user writes them: with `OagwClient` and the fixtures of the pytest plugin."""

from __future__ import annotations

import json
from typing import Any

import pytest

from oagw_tornado.client import ErrorSource, Event, OagwClient
from oagw_tornado.testing.fixture import Oagw


def chat(text: str, **more: Any) -> dict[str, Any]:
    return {"model": "gpt-4", "messages": [{"role": "user", "content": text}], **more}


def test_python_openai_chat_completion(oagw: Oagw, oagw_client: OagwClient) -> None:
    """A buffered completion has the shape of the real service, and the upstream is its source."""
    response = oagw_client.execute("openai", "POST", "/v1/chat/completions", json=chat("Hello, world!"))
    assert response.status == 200
    assert response.error_source is ErrorSource.UPSTREAM
    completion = response.json()
    assert completion["object"] == "chat.completion"
    assert completion["id"].startswith("chatcmpl-")
    assert completion["model"] == "gpt-4"
    (choice,) = completion["choices"]
    assert choice["message"] == {"role": "assistant", "content": "Hello! How can I assist you today?"}
    assert choice["finish_reason"] == "stop"
    assert completion["usage"] == {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30}
    oagw.assert_requested(alias="openai", path="/v1/chat/completions", method="POST", status=200, count=1)


def test_python_openai_streaming(oagw: Oagw, oagw_client: OagwClient) -> None:
    """A streamed completion comes word by word, under one id, and ends with [DONE]."""
    body = chat("Count to three", stream=True)
    with oagw_client.execute("openai", "POST", "/v1/chat/completions", json=body) as response:
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        events = list(response.iter_events())
    assert events[-1] == Event("[DONE]")
    chunks = [json.loads(event.data) for event in events[:-1]]
    deltas = [chunk["choices"][0]["delta"].get("content", "") for chunk in chunks]
    assert deltas == ["Streaming ", "response ", "to: ", "Count ", "to ", "three ", ""]
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None] * 6 + ["stop"]
    assert len({(chunk["id"], chunk["created"]) for chunk in chunks}) == 1
    (request,) = oagw.assert_requested(alias="openai", outcome="complete", count=1)
    assert request["events_sent"] == len(events)


def test_python_github_api(oagw_client: OagwClient) -> None:
    """A known user is found."""
    response = oagw_client.execute("github", "GET", "/users/octocat")
    assert response.status == 200
    user = response.json()
    assert (user["login"], user["id"], user["type"]) == ("octocat", 1, "User")
    assert (user["name"], user["company"], user["blog"]) == ("The Octocat", "GitHub", "https://github.blog")


def test_python_github_not_found(oagw_client: OagwClient) -> None:
    """An unknown user is the upstream's 404, not the gateway's."""
    response = oagw_client.execute("github", "GET", "/users/nobody")
    assert (response.status, response.error_source) == (404, ErrorSource.UPSTREAM)
    assert response.json()["message"] == "Not Found"


def test_python_weather_api(oagw_client: OagwClient) -> None:
    """The query reaches the upstream."""
    response = oagw_client.execute("weather", "GET", "/current", params={"city": "San Francisco"})
    assert response.status == 200
    weather = response.json()
    assert weather["location"] == "San Francisco"
    assert (weather["temperature"], weather["unit"], weather["condition"]) == (72, "fahrenheit", "sunny")


@pytest.mark.parametrize(
    ("operation", "a", "b", "result"),
    [("add", 15, 27, 42), ("subtract", 15, 27, -12), ("multiply", 6, 7, 42), ("divide", 100, 4, 25.0)],
)
def test_python_calculator_api(oagw_client: OagwClient, operation: str, a: int, b: int, result: float) -> None:
    """Whole numbers stay whole, and a quotient is a float."""
    sum_ = {"operation": operation, "a": a, "b": b}
    answer = oagw_client.execute("calculator", "POST", "/calculate", json=sum_).json()
    assert answer == {**sum_, "result": result}
    assert type(answer["result"]) is type(result)


def test_python_calculator_error(oagw_client: OagwClient) -> None:
    """A division by zero is the upstream's 400."""
    body = {"operation": "divide", "a": 10, "b": 0}
    response = oagw_client.execute("calculator", "POST", "/calculate", json=body)
    assert (response.status, response.error_source) == (400, ErrorSource.UPSTREAM)
    assert response.json() == {"error": "Division by zero"}


def test_python_sse_events(oagw_client: OagwClient) -> None:
    """Ids, names and several lines of data arrive as they were sent."""
    with oagw_client.execute("stream-test", "GET", "/events") as response:
        assert response.status == 200
        assert list(response.iter_events()) == [
            Event("First event", "message", "1"),
            Event("Second event", "update", "2"),
            Event("Third event with\nmultiple lines", "message", "3"),
            Event("Final event", "complete", "4"),
        ]


def test_python_gateway_error(oagw: Oagw) -> None:
    """What the gateway refuses has the gateway for its source: no upstream was asked."""
    with OagwClient(oagw.base_url, "wrong") as client:
        response = client.execute("weather", "GET", "/current")
        assert (response.status, response.error_source) == (403, ErrorSource.GATEWAY)
        assert response.json()["error"] == "Unauthorized"
    with OagwClient(oagw.base_url, oagw.token) as client:
        response = client.execute("nowhere", "GET", "/current")
        assert (response.status, response.error_source) == (404, ErrorSource.GATEWAY)
        assert response.json()["error"] == "Unknown alias: nowhere"


def test_python_upstream_error(oagw_client: OagwClient) -> None:
    """A rate limit of the upstream comes through with the upstream for its source."""
    response = oagw_client.execute("openai", "POST", "/v1/chat/completions", json=chat("Please error"))
    assert (response.status, response.error_source) == (429, ErrorSource.UPSTREAM)
    error = response.json()["error"]
    assert (error["message"], error["type"]) == ("Rate limit exceeded", "rate_limit_error")


def test_python_gateway_status(oagw_client: OagwClient) -> None:
    """The gateway says what it serves, without an upstream."""
    response = oagw_client.gateway_status()
    assert (response.status, response.error_source) == (200, ErrorSource.GATEWAY)
    status = response.json()
    assert status["status"] == "operational"
    assert status["uptime"] >= 0
    assert status["registered_aliases"][:5] == ["openai", "github", "weather", "calculator", "stream-test"]


def test_python_multiple_requests(oagw: Oagw, oagw_client: OagwClient) -> None:
    """One client asks several upstreams, one after another."""
    for alias, path in [("github", "/users/octocat"), ("weather", "/current"), ("openai", "/v1/models")] * 3:
        response = oagw_client.execute(alias, "GET", path)
        assert response.status == 200
        assert response.error_source is ErrorSource.UPSTREAM
        assert response.bytes()
    oagw.assert_requested(status=200, count=9)


def test_python_binary_response(oagw_client: OagwClient) -> None:
    """A body may be taken as bytes, as text and as JSON."""
    response = oagw_client.execute("github", "GET", "/repos/rust-lang/rust")
    body = response.bytes()
    assert body.startswith(b"{")
    assert response.text() == body.decode()
    assert response.json()["full_name"] == "rust-lang/rust"
