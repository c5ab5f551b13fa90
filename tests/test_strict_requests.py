"""Who is held to what the real services ask: the profile openai and Anthropic's clients, or whoever the option says."""

from __future__ import annotations

from typing import Any

import anthropic
import openai
import pytest

from oagw_tornado.testing import SimulatorThread

ORPHAN: Any = [{"role": "user", "content": "hello"}, {"role": "tool", "tool_call_id": "call_1", "content": "found"}]
EMPTY: Any = [{"role": "user", "content": [{"type": "text", "text": ""}]}]


def status_of(ask):
    """The status that a client's call ends with."""
    try:
        ask()
    except (openai.APIStatusError, anthropic.APIStatusError) as error:
        return error.status_code
    return 200


def statuses(base_url):
    """The statuses of a faulty chat, of one that is streamed, of a faulty response, of a faulty message."""
    proxy = f"{base_url}/api/oagw/v1/proxy"
    token = "test-integration-token"
    with (
        openai.OpenAI(base_url=f"{proxy}/openai/v1", api_key=token, max_retries=0) as chats,
        anthropic.Anthropic(base_url=f"{proxy}/anthropic", api_key=token, max_retries=0) as messages,
    ):
        return [
            status_of(lambda: chats.chat.completions.create(model="m", messages=ORPHAN)),
            status_of(lambda: list(chats.chat.completions.create(model="m", messages=ORPHAN, stream=True))),
            status_of(lambda: chats.responses.create(model="m", input="x", previous_response_id="resp_0")),
            status_of(lambda: messages.messages.create(model="m", max_tokens=9, messages=EMPTY)),
        ]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [200, 200, 200, 400]),
        ({"openai_profile": "openai"}, [400, 400, 400, 400]),
        ({"strict_requests": True}, [400, 400, 400, 400]),
        ({"openai_profile": "openai", "strict_requests": False}, [200, 200, 200, 200]),
    ],
    ids=str,
)
def test_who_is_held_to_it(options, expected):
    with SimulatorThread(inter_token_latency="0", **options) as simulator:
        assert statuses(simulator.base_url) == expected


def test_it_can_be_changed_while_the_server_runs():
    with SimulatorThread(inter_token_latency="0") as simulator:
        assert statuses(simulator.base_url) == [200, 200, 200, 400]
        simulator.control.configure(strict_requests=True)
        assert statuses(simulator.base_url) == [400, 400, 400, 400]
        simulator.control.configure(strict_requests=False)
        assert statuses(simulator.base_url) == [200, 200, 200, 200]
