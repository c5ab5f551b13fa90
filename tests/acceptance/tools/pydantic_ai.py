"""Pydantic AI, from its docs: ``Agent(model)`` with ``@agent.tool_plain``, over its models of OpenAI and Anthropic."""

from __future__ import annotations

from acceptance.agent_loop import walk
from acceptance.tool import Run, Tool

PROGRAM = '''
import asyncio, json, sys
from pydantic_ai import Agent
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider

variant, openai_url, anthropic_url, token = sys.argv[1:]
api, _, mode = variant.partition(" ")
if api == "messages":
    model = AnthropicModel("claude-sonnet-5", provider=AnthropicProvider(base_url=anthropic_url, api_key=token))
else:
    kind = OpenAIChatModel if api == "chat" else OpenAIResponsesModel
    model = kind("gpt-4", provider=OpenAIProvider(base_url=openai_url, api_key=token))
agent = Agent(model, instructions="Look it up.")

@agent.tool_plain
def get_weather(city: str) -> str:
    """The weather in a city."""
    print(json.dumps({"tool": "get_weather", "argument": city}), flush=True)
    return "7 C"

@agent.tool_plain
def get_time(zone: str) -> str:
    """The time in a zone."""
    print(json.dumps({"tool": "get_time", "argument": zone}), flush=True)
    return "noon"

async def main():
    if mode == "streamed":
        async with agent.run_stream("How warm is it?") as result:
            return await result.get_output()
    return (await agent.run("How warm is it?")).output

print(json.dumps(asyncio.run(main())))
'''


def check(run: Run) -> str:
    return walk(
        run, PROGRAM, *(f"{api}{mode}" for api in ("chat", "responses", "messages") for mode in ("", " streamed"))
    )


TOOL = Tool(
    requirements=("pydantic-ai-slim[openai,anthropic]==2.68.0",), check=check, options={"inter_token_latency": "0"}
)
