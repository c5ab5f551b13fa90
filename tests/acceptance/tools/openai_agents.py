"""openai-agents, from its docs: ``Runner.run_sync(Agent(name, tools=[…]), …)`` over chat completions and responses."""

from __future__ import annotations

from acceptance.agent_loop import walk
from acceptance.tool import Run, Tool

PROGRAM = '''
import asyncio, json, sys
from agents import (
    Agent, OpenAIChatCompletionsModel, OpenAIResponsesModel, Runner, function_tool, set_tracing_disabled,
)
from openai import AsyncOpenAI

variant, url, _, token = sys.argv[1:]
api, _, mode = variant.partition(" ")
set_tracing_disabled(True)  # traces would go to OpenAI

@function_tool
def get_weather(city: str) -> str:
    """The weather in a city."""
    print(json.dumps({"tool": "get_weather", "argument": city}), flush=True)
    return "7 C"

@function_tool
def get_time(zone: str) -> str:
    """The time in a zone."""
    print(json.dumps({"tool": "get_time", "argument": zone}), flush=True)
    return "noon"

async def main():
    kind = OpenAIChatCompletionsModel if api == "chat" else OpenAIResponsesModel
    async with AsyncOpenAI(base_url=url, api_key=token, max_retries=0) as client:
        model = kind(model="gpt-4", openai_client=client)
        agent = Agent(name="Assistant", instructions="Look it up.", model=model, tools=[get_weather, get_time])
        if mode == "streamed":
            result = Runner.run_streamed(agent, "How warm is it?")
            async for _ in result.stream_events():
                pass
        else:
            result = await Runner.run(agent, "How warm is it?")
        print(json.dumps(result.final_output))

asyncio.run(main())
'''


def check(run: Run) -> str:
    return walk(run, PROGRAM, *(f"{api}{mode}" for api in ("chat", "responses") for mode in ("", " streamed")))


TOOL = Tool(requirements=("openai-agents==0.24.0",), check=check, options={"inter_token_latency": "0"})
