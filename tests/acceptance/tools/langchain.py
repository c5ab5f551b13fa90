"""LangChain, from its docs: ``create_agent(model, tools)`` over ChatOpenAI and ChatAnthropic."""

from __future__ import annotations

from acceptance.agent_loop import walk
from acceptance.tool import Run, Tool

PROGRAM = '''
import json, sys
from langchain.agents import create_agent
from langchain_anthropic import ChatAnthropic
from langchain_openai import ChatOpenAI

variant, openai_url, anthropic_url, token = sys.argv[1:]
api, _, mode = variant.partition(" ")

def get_weather(city: str) -> str:
    """The weather in a city."""
    print(json.dumps({"tool": "get_weather", "argument": city}), flush=True)
    return "7 C"

def get_time(zone: str) -> str:
    """The time in a zone."""
    print(json.dumps({"tool": "get_time", "argument": zone}), flush=True)
    return "noon"

if api == "messages":
    model = ChatAnthropic(model="claude-sonnet-5", base_url=anthropic_url, api_key=token, max_retries=0)
else:
    model = ChatOpenAI(
        model="gpt-4", base_url=openai_url, api_key=token, max_retries=0, use_responses_api=api == "responses"
    )
agent = create_agent(model, [get_weather, get_time])
question = {"messages": [{"role": "user", "content": "How warm is it?"}]}
if mode == "streamed":
    answer = ""
    for piece, _ in agent.stream(question, stream_mode="messages"):
        answer = "" if piece.type == "tool" else answer + piece.text
else:
    answer = agent.invoke(question)["messages"][-1].text
print(json.dumps(answer))
'''


def check(run: Run) -> str:
    return walk(
        run, PROGRAM, *(f"{api}{mode}" for api in ("chat", "responses", "messages") for mode in ("", " streamed"))
    )


TOOL = Tool(
    requirements=("langchain==1.5.2", "langchain-openai==1.7.4", "langchain-anthropic==1.7.10"),
    check=check,
    options={"inter_token_latency": "0"},
)
