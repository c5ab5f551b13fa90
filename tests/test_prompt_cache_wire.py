"""What of a prompt is reported as cached, as each service does it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import scripted_simulator
from test_scripted_wire import chat

simulator = scripted_simulator.simulator
control = scripted_simulator.control
http = scripted_simulator.http


def test_prompts_of_completions_are_cached_each_by_itself(control: Any, http: httpx.Client) -> None:
    control.configure(prompt_cache=True)
    one, other = (" ".join(f"{letter}{number}" for number in range(1300)) for letter in "ab")

    def cached(*prompts: str) -> int:
        body = {"model": "m", "prompt": prompts, "max_tokens": 3}
        whole = http.post("/openai/v1/completions", json=body).json()
        return int(whole["usage"].get("prompt_tokens_details", {}).get("cached_tokens", 0))

    assert [cached(one), cached(one), cached(other, one), cached(one, other)] == [0, 1280, 1280, 2560]
    body = {"model": "m", "prompt": one, "max_tokens": 3, "stream": True, "stream_options": {"include_usage": True}}
    assert '"cached_tokens":1280' in http.post("/openai/v1/completions", json=body).text


def test_tools_are_part_of_what_is_cached(control: Any, http: httpx.Client) -> None:
    control.configure(prompt_cache=True)
    words = " ".join(f"w{number}" for number in range(1300))

    def cached(description: str) -> int:
        tool = {"type": "function", "function": {"name": "f", "description": description}}
        usage = http.post("/openai/v1/chat/completions", json=chat("hi", tools=[tool])).json()["usage"]
        return int(usage.get("prompt_tokens_details", {}).get("cached_tokens", 0))

    assert [cached(words), cached(words), cached(f"other {words}")] == [0, 1280, 0]
    tools = [
        {"name": "f", "description": words, "input_schema": {"type": "object"}, "cache_control": {"type": "ephemeral"}}
    ]

    def message() -> tuple[int, int]:
        usage = http.post("/anthropic/v1/messages", json=chat("hi", max_tokens=9, tools=tools)).json()["usage"]
        return usage["cache_creation_input_tokens"] > 1300, usage["cache_read_input_tokens"] > 1300

    assert [message(), message()] == [(True, False), (False, True)]


def test_the_prompt_cache_counts_as_the_services_do(control: Any, http: httpx.Client) -> None:
    control.configure(prompt_cache=True)
    long = " ".join(f"w{number}" for number in range(1300))

    def cached(text: str, token: str = "") -> int:
        reply = http.post("/openai/v1/chat/completions", json=chat(text))
        return int(reply.json()["usage"].get("prompt_tokens_details", {}).get("cached_tokens", 0))

    assert [cached(long), cached(long), cached(f"{long} and more"), cached(f"other {long}")] == [0, 1280, 1280, 0]
    assert [cached("short"), cached("short")] == [0, 0]
    marked = [{"type": "text", "text": long, "cache_control": {"type": "ephemeral"}}]

    def message(blocks: Any) -> tuple[int, int, int]:
        body = {"model": "m", "max_tokens": 9, "system": blocks, "messages": [{"role": "user", "content": "hi you"}]}
        usage = http.post("/anthropic/v1/messages", json=body).json()["usage"]
        return usage["input_tokens"], usage["cache_creation_input_tokens"], usage["cache_read_input_tokens"]

    assert [message(marked), message(marked), message(long)] == [(2, 1300, 0), (2, 0, 1300), (1302, 0, 0)]


@pytest.mark.parametrize("path", ["chat/completions", "responses", "messages"])
def test_images_and_files_belong_to_the_prompt_that_is_cached(control: Any, http: httpx.Client, path: str) -> None:
    control.configure(prompt_cache=True)

    def cached(data: str) -> int:
        if path == "messages":
            source = {"type": "base64", "media_type": "image/png", "data": data}
            blocks = [
                {"type": "image", "source": source},
                {"type": "image", "source": source},
                {"type": "text", "text": "what is it", "cache_control": {"type": "ephemeral"}},
            ]
            body: dict[str, Any] = {"max_tokens": 9, "messages": [{"role": "user", "content": blocks}]}
        elif path == "responses":
            parts: list[Any] = [{"type": "input_image", "image_url": f"data:image/png;base64,{data}"}] * 2
            body = {"input": [{"role": "user", "content": [*parts, {"type": "input_text", "text": "what is it"}]}]}
        else:
            parts = [{"type": "file", "file": {"file_data": data * 3000, "filename": "x.pdf"}}]
            body = {"messages": [{"role": "user", "content": [*parts, {"type": "text", "text": "what is it"}]}]}
        alias = "anthropic" if path == "messages" else "openai"
        usage = http.post(f"/{alias}/v1/{path}", json={"model": "m", **body}).json()["usage"]
        details = usage.get("prompt_tokens_details") or usage.get("input_tokens_details") or {}
        return int(details.get("cached_tokens") or usage.get("cache_read_input_tokens") or 0)

    seen = [cached("aaaa"), cached("aaaa"), cached("bbbb")]
    assert seen[0] == seen[2] == 0
    assert seen[1] >= 1024
