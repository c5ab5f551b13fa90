"""Errors that go by a name: in the documents, and as the official clients of the services tell them.

``python tests/test_error_presets.py`` writes the table of docs/faults.md anew.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from oagw_tornado.services.table import upstreams
from oagw_tornado.testing import SimulatorThread

PAGE = Path(__file__).parent.parent / "docs" / "faults.md"
TABLE = re.compile(r"<!-- presets -->\n.*<!-- end of presets -->\n", re.DOTALL)

PRESETS = {alias: upstream.errors.presets for alias, upstream in upstreams().items() if upstream.errors.presets}
ASKED = [{"role": "user", "content": "hello"}]

OPENAI_CLASSES = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    429: openai.RateLimitError,
    500: openai.InternalServerError,
    503: openai.InternalServerError,
}
ANTHROPIC_CLASSES = {
    400: "BadRequestError",
    401: "AuthenticationError",
    402: "APIStatusError",
    403: "PermissionDeniedError",
    404: "NotFoundError",
    413: "APIStatusError",
    429: "RateLimitError",
    500: "InternalServerError",
    504: "InternalServerError",
    529: "InternalServerError",
}


def table() -> str:
    """The table of errors by name, as the page has it."""
    rows = ["| alias | `error=` | status | type | code | param |", "|---|---|---|---|---|---|"]
    for alias, presets in PRESETS.items():
        for name, problem in presets.items():
            told = [f"`{value}`" if value else "" for value in (problem.type, problem.code, problem.param)]
            rows.append(f"| `{alias}` | `{name}` | {problem.status} | {' | '.join(told)} |")
    return "\n".join(["<!-- presets -->", *rows, "<!-- end of presets -->", ""])


def test_the_table_in_the_documentation_is_that_of_the_code() -> None:
    found = TABLE.search(PAGE.read_text(encoding="utf-8"))
    assert found
    assert found[0] == table(), "python tests/test_error_presets.py writes it"


def test_names_are_whole_words_and_every_error_is_one() -> None:
    for presets in PRESETS.values():
        for name, problem in presets.items():
            assert re.fullmatch(r"[a-z]+(_[a-z]+)+|unicorn", name)
            assert 400 <= problem.status < 600
            assert problem.message


@pytest.fixture(scope="module")
def simulator():
    with SimulatorThread(inter_token_latency="0") as server:
        yield server


@pytest.fixture(scope="module")
def openai_client(simulator):
    with openai.OpenAI(base_url=simulator.openai_base_url, api_key=simulator.token, max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def anthropic_client(simulator):
    url = f"{simulator.base_url}/api/oagw/v1/proxy/anthropic"
    with anthropic.Anthropic(base_url=url, api_key=simulator.token, max_retries=0) as client:
        yield client


@pytest.mark.parametrize("api", ["chat", "responses", "embeddings"])
@pytest.mark.parametrize("name", PRESETS["openai"])
def test_openai_python_raises_its_own_exception(openai_client, api, name):
    problem = PRESETS["openai"][name]
    headers = {"X-Sim-Fault": f"status;error={name}"}
    asks = {
        "chat": lambda: openai_client.chat.completions.create(
            model="m", messages=ASKED, stream=True, extra_headers=headers
        ),
        "responses": lambda: openai_client.responses.create(model="m", input="hello", extra_headers=headers),
        "embeddings": lambda: openai_client.embeddings.create(model="m", input="hello", extra_headers=headers),
    }
    with pytest.raises(OPENAI_CLASSES[problem.status]) as caught:
        asks[api]()
    error = caught.value
    assert (error.status_code, error.type, error.code, error.param) == (problem.status, *problem[2:5])
    assert problem.message in str(error)
    assert error.request_id


@pytest.mark.parametrize("name", PRESETS["openai"])
def test_openai_python_raises_it_in_mid_stream(openai_client, name):
    problem = PRESETS["openai"][name]
    headers = {"X-Sim-Fault": f"error-event;at-event=2;error={name}"}
    stream = openai_client.chat.completions.create(model="m", messages=ASKED, stream=True, extra_headers=headers)
    said: list[str | None] = []
    with pytest.raises(openai.APIError) as caught:
        said.extend(chunk.choices[0].delta.content for chunk in stream)
    assert len(said) == 2
    error = caught.value
    assert (error.message, error.type, error.code, error.param) == problem[1:5]


@pytest.mark.parametrize("form", ["error", "failed", "incomplete"])
def test_openai_python_reads_how_a_response_ended(openai_client, form):
    named = "content_filter" if form == "incomplete" else "rate_limit_exceeded"
    headers = {"X-Sim-Fault": f"error-event;at-event=2;form={form};error={named}"}
    events = list(openai_client.responses.create(model="m", input="hello", stream=True, extra_headers=headers))
    last = events[-1]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    if form == "error":
        assert (last.type, last.code) == ("error", "rate_limit_exceeded")
    elif form == "failed":
        assert (last.type, last.response.status) == ("response.failed", "failed")
        assert last.response.error.code == "rate_limit_exceeded"
    else:
        assert (last.type, last.response.status) == ("response.incomplete", "incomplete")
        assert last.response.incomplete_details.reason == "content_filter"
        assert last.response.output_text == "Hello! How"


@pytest.mark.parametrize("name", PRESETS["anthropic"])
def test_anthropic_python_raises_its_own_exception(anthropic_client, name):
    problem = PRESETS["anthropic"][name]
    headers = {"X-Sim-Fault": f"status;error={name}"}
    with pytest.raises(getattr(anthropic, ANTHROPIC_CLASSES[problem.status])) as caught:
        anthropic_client.messages.create(model="m", max_tokens=9, messages=ASKED, extra_headers=headers)
    error = caught.value
    body: Any = error.body
    assert error.status_code == problem.status
    assert body["error"] == {"type": problem.type, "message": problem.message}
    assert error.request_id == body["request_id"] == error.response.headers["request-id"]


@pytest.mark.parametrize("name", PRESETS["anthropic"])
def test_anthropic_python_raises_it_in_mid_stream(anthropic_client, name):
    problem = PRESETS["anthropic"][name]
    headers = {"X-Sim-Fault": f"error-event;at-event=2;error={name}"}
    stream = anthropic_client.messages.create(
        model="m", max_tokens=9, messages=ASKED, stream=True, extra_headers=headers
    )
    with pytest.raises(anthropic.APIStatusError) as caught:
        for _ in stream:
            pass
    body: Any = caught.value.body
    assert body["error"]["type"] == problem.type
    assert body["request_id"] == stream.response.headers["request-id"]


def test_a_clients_exception_tells_why_the_gateway_refused(simulator):
    """openai-python takes its text from an `error` that is an object, and the gateway's is a string."""
    with (
        openai.OpenAI(base_url=simulator.openai_base_url, api_key="wrong", max_retries=0) as client,
        pytest.raises(openai.PermissionDeniedError) as refused,
    ):
        client.models.list()
    assert refused.value.body == "Unauthorized"
    assert "not one of the server's" in refused.value.response.json()["message"]
    assert "--token" in refused.value.response.json()["hint"]
    url = f"{simulator.base_url}/api/oagw/v1/proxy/antropic"
    with (
        anthropic.Anthropic(base_url=url, auth_token=simulator.token, max_retries=0) as client,
        pytest.raises(anthropic.NotFoundError, match="did you mean anthropic"),
    ):
        client.models.list()


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(TABLE.sub(lambda _: table(), text), encoding="utf-8")
