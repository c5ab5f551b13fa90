"""Scripted loops of agents, as the real clients of each dialect walk them."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import anthropic
import openai
import pytest
import scripted_simulator
from wire import AUTHORIZED, CHAT

from oagw_tornado.testing import (
    Reasoning,
    SimulatorThread,
    Text,
    ToolCall,
    Usage,
)

simulator = scripted_simulator.simulator
control = scripted_simulator.control


# Loops of agents.

STEPS: list[Any] = [
    [Reasoning("Both at once."), ToolCall("get_weather", city="Oslo"), ToolCall("get_time", zone="CET")],
    [ToolCall("get_weather", city="Rome"), ToolCall("get_time", zone="CET")],
    [Text("Nearly."), ToolCall("get_weather", city="Bonn"), ToolCall("get_time", zone="CET")],
    [ToolCall("get_weather", city="Kyiv"), ToolCall("get_time", zone="EET")],
    [Text("It is 7 degrees everywhere."), Usage(output=9)],
]
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}, "zone": {"type": "string"}}}
CITIES = ["Oslo", "Rome", "Bonn", "Kyiv"]


def script_the_loop(control: Any) -> None:
    for turn, step in enumerate(STEPS, 1):
        control.reply(step, match={"turn": turn})


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_openai_chat_walks_a_loop_of_five_turns(control: Any, simulator: SimulatorThread, stream: bool) -> None:
    script_the_loop(control)
    client = openai.OpenAI(base_url=simulator.openai_base_url, api_key=simulator.token, max_retries=0)
    tools: Any = [
        {"type": "function", "function": {"name": name, "parameters": PARAMETERS}}
        for name in ("get_weather", "get_time")
    ]
    messages: Any = [{"role": "user", "content": "How warm is it?"}]
    cities = []
    for _ in range(5):
        if stream:
            with client.chat.completions.stream(model="gpt-4", messages=messages, tools=tools) as events:
                message: Any = events.get_final_completion().choices[0].message
        else:
            message = client.chat.completions.create(model="gpt-4", messages=messages, tools=tools).choices[0].message
        messages.append(message.model_dump(exclude_none=True, include={"role", "content", "tool_calls"}))
        for call in message.tool_calls or ():
            cities += [json.loads(call.function.arguments).get("city")]
            messages.append({"role": "tool", "tool_call_id": call.id, "content": "7 C"})
    assert [city for city in cities if city] == CITIES
    assert message.content == "It is 7 degrees everywhere."


def test_openai_responses_walks_a_loop_of_five_turns(control: Any, simulator: SimulatorThread) -> None:
    script_the_loop(control)
    client = openai.OpenAI(base_url=simulator.openai_base_url, api_key=simulator.token, max_retries=0)
    tools: Any = [
        {"type": "function", "name": name, "parameters": PARAMETERS, "strict": False}
        for name in ("get_weather", "get_time")
    ]
    items: Any = [{"role": "user", "content": "How warm is it?"}]
    cities = []
    for _ in range(5):
        with client.responses.stream(model="gpt-4", input=items, tools=tools) as events:
            response = events.get_final_response()
        items += [item.model_dump(exclude_none=True, exclude={"parsed_arguments"}) for item in response.output]
        for item in response.output:
            if item.type == "function_call":
                cities += [json.loads(item.arguments).get("city")]
                items.append({"type": "function_call_output", "call_id": item.call_id, "output": "7 C"})
    assert [city for city in cities if city] == CITIES
    assert response.output_text == "It is 7 degrees everywhere."


def test_anthropic_walks_a_loop_of_five_turns(control: Any, simulator: SimulatorThread) -> None:
    script_the_loop(control)
    client = anthropic.Anthropic(
        base_url=f"{simulator.base_url}/api/oagw/v1/proxy/anthropic", api_key=simulator.token, max_retries=0
    )
    tools: Any = [{"name": name, "input_schema": PARAMETERS} for name in ("get_weather", "get_time")]
    messages: Any = [{"role": "user", "content": "How warm is it?"}]
    cities = []
    for _ in range(5):
        with client.messages.stream(model="m", max_tokens=99, messages=messages, tools=tools) as events:
            message = events.get_final_message()
        messages.append(
            {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in message.content]}
        )
        results: Any = []
        for block in message.content:
            if block.type == "tool_use":
                cities += [dict(block.input).get("city")]
                results.append({"type": "tool_result", "tool_use_id": block.id, "content": "7 C"})
        messages.append({"role": "user", "content": results})
    assert [city for city in cities if city] == CITIES
    assert message.content[0].text == "It is 7 degrees everywhere."  # type: ignore[union-attr]


def test_many_sessions_walk_their_scripts_side_by_side(control: Any, simulator: SimulatorThread) -> None:
    """Each of a thousand sessions gets its turns in order, whatever the others do meanwhile."""
    for turn in range(1, 6):
        control.reply(f"turn {turn}", match={"turn": turn})

    async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, messages: list[Any]) -> str:
        body = json.dumps({"model": "m", "messages": messages}).encode()
        head = f"POST {CHAT} HTTP/1.1\r\nHost: x\r\n{AUTHORIZED}\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        told = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"Content-Length: (\d+)", told)
        assert length, told
        reply = json.loads(await reader.readexactly(int(length[1])))
        return str(reply["choices"][0]["message"]["content"])

    async def walk(session: int) -> bool:
        reader, writer = await asyncio.open_connection("127.0.0.1", simulator.port)
        messages = [{"role": "user", "content": f"session {session}"}]
        for turn in range(1, 6):
            text = await ask(reader, writer, messages)
            if text != f"turn {turn}":
                return False
            messages += [{"role": "assistant", "content": text}, {"role": "user", "content": f"on {session}"}]
        writer.close()
        return True

    async def all_of_them() -> list[bool]:
        return await asyncio.gather(*(walk(session) for session in range(1000)))

    assert asyncio.run(all_of_them()) == [True] * 1000
