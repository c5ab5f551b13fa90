"""The state before the first token: what a service says at once, and what it says while it thinks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from oagw_tornado.testing import SimulatorThread

MESSAGES = [{"role": "user", "content": "hi"}]
#: What is asked for, and the events that come before the first token.
ASKED = {
    "chat": ("openai/v1/chat/completions", {"model": "m", "messages": MESSAGES, "stream": True}, 1),
    "responses": ("openai/v1/responses", {"model": "m", "input": "hi", "stream": True}, 2),
    "anthropic": ("anthropic/v1/messages", {"model": "m", "max_tokens": 9, "messages": MESSAGES, "stream": True}, 3),
}


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorThread]:
    with SimulatorThread(inter_token_latency="0", time_to_first_token="80ms", openai_profile="openai") as server:
        yield server


def ask(simulator: SimulatorThread, dialect: str, **headers: str) -> tuple[str, list[float]]:
    path, body, _ = ASKED[dialect]
    url = f"{simulator.base_url}/api/oagw/v1/proxy/{path}"
    reply = httpx.post(url, json=body, headers={"Authorization": f"Bearer {simulator.token}", **headers})
    entry: Any = simulator.control.request(reply.headers["X-Request-Id"])
    return reply.text, entry["events"]["planned"]


@pytest.mark.parametrize("dialect", ASKED)
def test_a_stream_opens_with_its_head(simulator: SimulatorThread, dialect: str) -> None:
    _, planned = ask(simulator, dialect)
    early = ASKED[dialect][2]
    assert planned[:early] == [0.0] * early
    assert planned[early] == pytest.approx(0.08)


@pytest.mark.parametrize("dialect", ASKED)
def test_or_with_its_first_token_if_asked_to(simulator: SimulatorThread, dialect: str) -> None:
    _, planned = ask(simulator, dialect, **{"X-Sim-Opening": "with-first-token"})
    assert planned[0] == pytest.approx(0.08)


@pytest.mark.parametrize("form", ["", ";form=event", ";form=comment"])
def test_signs_of_life_are_in_the_dialects_own_form(simulator: SimulatorThread, form: str) -> None:
    text, _ = ask(simulator, "anthropic", **{"X-Sim-Keep-Alive": f"30ms{form}"})
    assert text.count("event: ping") == (1 if form == ";form=comment" else 3)
    assert ("keep-alive" in text) == (form == ";form=comment")
    client = openai.OpenAI(base_url=simulator.openai_base_url, api_key=simulator.token)
    stream = client.chat.completions.create(
        model="m",
        messages=[{"role": "user", "content": "hi"}],
        stream=True,
        extra_headers={"X-Sim-Keep-Alive": f"30ms{form}"},
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == "Streaming response to: hi"
    text, _ = ask(simulator, "chat", **{"X-Sim-Keep-Alive": f"30ms{form}"})
    assert text.count(": keep-alive") == 2
