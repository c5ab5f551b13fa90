"""The prototype's 13 integration scenarios, under their names, against the server as a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from importlib.util import find_spec
from socket import create_server
from typing import Any, NamedTuple

import pytest

from oagw_tornado.testing.server import SimulatorServer

TOKEN = "test-integration-token"


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def source(self) -> str:
        return self.headers["x-oagw-error-source"].lower()

    @property
    def events(self) -> list[dict[str, str]]:
        """Each event of the stream: its fields, the lines of its data joined."""
        found = []
        for block in self.body.decode().split("\n\n"):
            fields: dict[str, str] = {}
            for line in block.splitlines():
                name, _, value = line.partition(": ")
                fields[name] = f"{fields[name]}\n{value}" if name in fields else value
            if fields:
                found.append(fields)
        return found


class Server:
    """The server's process, and a client of it."""

    def __init__(self) -> None:
        with create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        # As the prototype was started: with its port as the only argument. The engine is that of the test run.
        options = [f"--{name.replace('_', '-')}={value}" for name, value in SimulatorServer.default_options.items()]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "oagw_tornado", str(self.port), *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def wait_until_healthy(self, patience: float = 10.0) -> None:
        deadline = time.monotonic() + patience
        while True:
            try:
                assert self.ask("GET", "/health").json["status"] == "healthy"
                return
            except (OSError, HTTPException) as error:
                assert self.process.poll() is None, f"the server ended with exit code {self.process.returncode}"
                assert time.monotonic() < deadline, f"the server was not healthy in time: {error}"
                time.sleep(0.01)

    def stop(self) -> None:
        self.process.terminate()
        try:
            assert self.process.wait(10) == 0
        finally:
            self.process.kill()
            self.process.wait()

    def ask(self, method: str, path: str, body: Any = None, token: str | None = TOKEN) -> Answer:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            reply = connection.getresponse()
            return Answer(reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read())
        finally:
            connection.close()

    def proxy(self, method: str, path: str, body: Any = None, **more: Any) -> Answer:
        return self.ask(method, f"/api/oagw/v1/proxy{path}", body, **more)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    missing = [name for name in ("tornado", "orjson") if find_spec(name) is None]
    if missing:
        pytest.skip(f"the server cannot be started: {', '.join(missing)} not installed")
    server = Server()
    try:
        server.wait_until_healthy()
        yield server
    finally:
        server.stop()


def chat(text: str, **more: Any) -> dict[str, Any]:
    return {"model": "gpt-4", "messages": [{"role": "user", "content": text}], **more}


def test_python_openai_chat_completion(server: Server) -> None:
    """Validates that a buffered completion passes the gateway with the shape of the real service."""
    answer = server.proxy("POST", "/openai/v1/chat/completions", chat("Hello, how are you?"))
    assert (answer.status, answer.source) == (200, "upstream")
    completion = answer.json
    assert completion["id"].startswith("chatcmpl-")
    assert (completion["object"], completion["model"]) == ("chat.completion", "gpt-4")
    (choice,) = completion["choices"]
    assert choice["message"] == {"role": "assistant", "content": "Hello! How can I assist you today?"}
    assert (choice["index"], choice["finish_reason"]) == (0, "stop")
    assert completion["usage"] == {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30}


def test_python_openai_streaming(server: Server) -> None:
    """Validates that a streamed completion arrives word by word, 50 ms apart, under one id, and ends with [DONE]."""
    begun = time.monotonic()
    answer = server.proxy("POST", "/openai/v1/chat/completions", chat("Tell me a story", stream=True))
    # Six words after the first and the finish, never early: 350 ms.
    assert 0.35 <= time.monotonic() - begun < 5
    assert (answer.status, answer.source) == (200, "upstream")
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    *events, done = answer.events
    assert done == {"data": "[DONE]"}
    chunks = [json.loads(event["data"]) for event in events]
    assert len({(chunk["id"], chunk["created"]) for chunk in chunks}) == 1
    words = [chunk["choices"][0]["delta"].get("content") for chunk in chunks[:-1]]
    assert words == [f"{word} " for word in ["Streaming", "response", "to:", "Tell", "me", "a", "story"]]
    assert chunks[-1]["choices"][0]["delta"] == {}
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


def test_python_github_api(server: Server) -> None:
    """Validates that a resource of the second upstream is found by its path."""
    answer = server.proxy("GET", "/github/users/octocat")
    assert (answer.status, answer.source) == (200, "upstream")
    user = answer.json
    assert (user["login"], user["id"], user["type"]) == ("octocat", 1, "User")
    assert (user["name"], user["company"], user["blog"]) == ("The Octocat", "GitHub", "https://github.blog")


def test_python_github_not_found(server: Server) -> None:
    """Validates that an upstream's own 404 passes the gateway, with the upstream as its source."""
    answer = server.proxy("GET", "/github/users/nonexistent")
    assert (answer.status, answer.source) == (404, "upstream")
    assert answer.json == {"message": "Not Found"}


def test_python_weather_api(server: Server) -> None:
    """Validates that the query string reaches the upstream."""
    answer = server.proxy("GET", "/weather/current?city=San%20Francisco")
    assert (answer.status, answer.source) == (200, "upstream")
    weather = answer.json
    assert weather["location"] == "San Francisco"
    assert (weather["temperature"], weather["unit"], weather["condition"]) == (72, "fahrenheit", "sunny")
    assert (weather["humidity"], weather["wind_speed"]) == (45, 8)
    assert type(weather["temperature"]) is int


def test_python_calculator_api(server: Server) -> None:
    """Validates that a JSON body reaches the upstream, and that whole numbers stay whole on the way back."""
    answer = server.proxy("POST", "/calculator/calculate", {"operation": "add", "a": 15, "b": 27})
    assert (answer.status, answer.source) == (200, "upstream")
    assert answer.json == {"operation": "add", "a": 15, "b": 27, "result": 42}
    assert b'"result":42}' in answer.body.replace(b" ", b"")
    division = server.proxy("POST", "/calculator/calculate", {"operation": "divide", "a": 100, "b": 4})
    assert b'"result":25.0' in division.body.replace(b" ", b"")


def test_python_calculator_error(server: Server) -> None:
    """Validates that an error of the upstream's own logic is the upstream's 400."""
    answer = server.proxy("POST", "/calculator/calculate", {"operation": "divide", "a": 10, "b": 0})
    assert (answer.status, answer.source) == (400, "upstream")
    assert answer.json == {"error": "Division by zero"}


def test_python_sse_events(server: Server) -> None:
    """Validates the fields of server-sent events: ids, names, data of several lines, 100 ms apart."""
    begun = time.monotonic()
    answer = server.proxy("GET", "/stream-test/events")
    assert 0.3 <= time.monotonic() - begun < 5
    assert (answer.status, answer.source) == (200, "upstream")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.events == [
        {"id": "1", "event": "message", "data": "First event"},
        {"id": "2", "event": "update", "data": "Second event"},
        {"id": "3", "event": "message", "data": "Third event with\nmultiple lines"},
        {"id": "4", "event": "complete", "data": "Final event"},
    ]


def test_python_gateway_error(server: Server) -> None:
    """Validates that what the gateway refuses by itself has the gateway as its source."""
    wrong = server.proxy("GET", "/weather/current", token="wrong-token")
    assert (wrong.status, wrong.source, wrong.json["error"]) == (403, "gateway", "Unauthorized")
    none = server.proxy("GET", "/weather/current", token=None)
    assert (none.status, none.source, none.json["error"]) == (401, "gateway", "Unauthorized")
    unknown = server.proxy("GET", "/nonexistent/test")
    assert (unknown.status, unknown.source) == (404, "gateway")
    assert unknown.json["error"] == "Unknown alias: nonexistent"


def test_python_upstream_error(server: Server) -> None:
    """Validates that an upstream's 429 passes the gateway, with the upstream as its source."""
    answer = server.proxy("POST", "/openai/v1/chat/completions", chat("trigger an ERROR please"))
    assert (answer.status, answer.source) == (429, "upstream")
    assert answer.json["error"]["message"] == "Rate limit exceeded"
    assert answer.json["error"]["type"] == "rate_limit_error"


def test_python_gateway_status(server: Server) -> None:
    """Validates that the gateway tells its state without authorization, its uptime as a number that grows."""
    first = server.ask("GET", "/api/oagw/v1/status", token=None)
    assert (first.status, first.source) == (200, "gateway")
    assert first.json["status"] == "operational"
    assert first.json["version"]
    aliases = ["openai", "github", "weather", "calculator", "stream-test"]
    assert first.json["registered_aliases"][:5] == aliases
    second = server.ask("GET", "/api/oagw/v1/status", token=None)
    assert 0 <= first.json["uptime"] < second.json["uptime"] < 3600


def test_python_multiple_requests(server: Server) -> None:
    """Validates that several upstreams answer one after another, each by itself."""
    for number in range(3):
        assert server.proxy("GET", f"/weather/current?city=city{number}").json["location"] == f"city{number}"
        sum_ = {"operation": "multiply", "a": number, "b": 7}
        assert server.proxy("POST", "/calculator/calculate", sum_).json["result"] == number * 7
        assert server.proxy("GET", "/github/users/octocat").json["login"] == "octocat"
        assert len(server.proxy("GET", "/openai/v1/models").json["data"]) >= 2


def test_python_binary_response(server: Server) -> None:
    """Validates that a body's bytes arrive whole: as many as its length says, and the JSON that they spell."""
    answer = server.proxy("GET", "/github/repos/rust-lang/rust")
    assert answer.status == 200
    assert int(answer.headers["content-length"]) == len(answer.body) > 0
    assert answer.json["name"] == answer.json["full_name"] == "rust-lang/rust"
    assert answer.json["description"] == "A mock repository for testing"
    assert answer.json["private"] is False
    assert answer.json["html_url"] == "https://github.com/rust-lang/rust"
