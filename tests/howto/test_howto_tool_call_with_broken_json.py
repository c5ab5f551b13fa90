"""A tool call with broken JSON

Models sometimes cut the arguments of a tool call short, or write invalid JSON. An agent should tell the model and let
it try again. Arguments given as a text are sent verbatim.
"""

import json
from typing import Any

import openai

from oagw_tornado.testing import ToolCall

TOOLS: Any = [{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}]


def call_tool(call):
    """The code under test."""
    try:
        arguments = json.loads(call.function.arguments)
    except ValueError as error:
        return f"The arguments are no JSON: {error}"
    return f"7 C in {arguments['city']}"


def test_agent_lets_the_model_try_again(oagw, oagw_openai_url):
    oagw.reply(ToolCall("get_weather", '{"city": "Os'), match={"turn": 1})
    oagw.reply(ToolCall("get_weather", city="Oslo"), match={"tool-result": {"get_weather": "*no JSON*"}})
    oagw.reply("It is 7 degrees.", match={"tool-result": {"get_weather": "7 C*"}})
    messages: Any = [{"role": "user", "content": "How warm is it in Oslo?"}]

    with openai.OpenAI(base_url=oagw_openai_url, api_key=oagw.token, max_retries=0) as client:
        for _ in range(3):
            message = client.chat.completions.create(model="gpt-4", messages=messages, tools=TOOLS).choices[0].message
            messages.append(message.model_dump(exclude_none=True))
            messages += [
                {"role": "tool", "tool_call_id": call.id, "content": call_tool(call)}
                for call in message.tool_calls or ()
            ]

    assert message.content == "It is 7 degrees."
