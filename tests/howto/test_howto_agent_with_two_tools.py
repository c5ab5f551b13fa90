"""Script an agent with two tools

The model calls both tools at once, and answers when it has their results. Consecutive calls in a reply are parallel
calls. `turn` is derived from the request (1 + the number of assistant messages in it), so the rules need no reset, and
any number of agents can follow the same script side by side.
"""

import json
from typing import Any

import openai

from oagw_tornado.testing import ToolCall


def get_weather(city):
    return f"7 C in {city}"


def get_time(zone):
    return f"noon {zone}"


TOOLS: dict[str, Any] = {"get_weather": get_weather, "get_time": get_time}


def run_agent(client, question):
    """The agent under test: it calls tools until there is an answer."""
    messages: Any = [{"role": "user", "content": question}]
    tools: Any = [{"type": "function", "function": {"name": name, "parameters": {"type": "object"}}} for name in TOOLS]
    while True:
        message = client.chat.completions.create(model="gpt-4", messages=messages, tools=tools).choices[0].message
        if not message.tool_calls:
            return message.content
        messages.append(message.model_dump(exclude_none=True))
        for call in message.tool_calls:
            result = TOOLS[call.function.name](**json.loads(call.function.arguments))
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result})


def test_agent_uses_both_tools(oagw, oagw_openai_url):
    oagw.reply([ToolCall("get_weather", city="Oslo"), ToolCall("get_time", zone="CET")], match={"turn": 1})
    oagw.reply(
        "It is 7 degrees at noon.",
        match={"turn": 2, "tool-result": {"get_weather": "7 C in Oslo", "get_time": "noon CET"}},
    )

    with openai.OpenAI(base_url=oagw_openai_url, api_key=oagw.token, max_retries=0) as client:
        answer = run_agent(client, "How warm is it in Oslo, and how late?")

    assert answer == "It is 7 degrees at noon."
    oagw.assert_requested(path="/v1/chat/completions", count=2)
