"""Completions as the API has them: echo, logprobs, prompts of tokens; and usage in each chunk, as vLLM tells it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from oagw_tornado.services.context import Context
from oagw_tornado.services.openai.chat.reply import chat_reply
from oagw_tornado.services.openai.completions.dialect import completion_reply
from oagw_tornado.services.openai.errors import InvalidRequest
from oagw_tornado.services.openai.responses.dialect import response_reply

CONTEXT = Context("1", 1, True)
REPLY = "I received your message: 'one two'. This is a mock response from the Python test server."


def completion(**asked: Any) -> dict[str, Any]:
    body = json.dumps({"model": "m", **asked}).encode()
    document: dict[str, Any] = json.loads(completion_reply(body, CONTEXT).body)
    return document


def chunks(make: Any = completion_reply, **asked: Any) -> list[dict[str, Any]]:
    reply = make(json.dumps({"model": "m", "stream": True, **asked}).encode(), CONTEXT)
    data = b"".join(frame.data for frame in reply.frames).decode()
    return [json.loads(line[6:]) for line in data.split("\n\n") if line.startswith("data: {")]


def choice(**asked: Any) -> dict[str, Any]:
    (only,) = completion(**asked)["choices"]
    return only


def test_echo_is_the_prompt_and_max_tokens_more() -> None:
    document = completion(prompt="one two", echo=True, max_tokens=3)
    assert document["choices"][0]["text"] == "one two I received your"
    assert document["choices"][0]["finish_reason"] == "length"
    assert document["usage"]["completion_tokens"] == 3
    assert document["usage"]["prompt_tokens"] == 2
    assert choice(prompt="one two", echo=True)["text"] == f"one two {REPLY}"


@pytest.mark.parametrize("echo", [True, False])
def test_no_tokens_at_all(echo: bool) -> None:
    document = completion(prompt="one two", echo=echo, max_tokens=0)
    assert document["choices"][0]["text"] == ("one two" if echo else "")
    assert document["choices"][0]["finish_reason"] == "length"
    assert document["usage"]["completion_tokens"] == 0


def test_the_logprobs_of_a_prompt_begin_with_none() -> None:
    """How evaluation harnesses score a text: https://github.com/EleutherAI/lm-evaluation-harness asks so."""
    logprobs = choice(prompt="one two  three", echo=True, max_tokens=0, logprobs=2)["logprobs"]
    assert logprobs["tokens"] == ["one", " two", "  three"]
    assert logprobs["token_logprobs"] == [None, -0.01, -0.01]
    assert logprobs["top_logprobs"][0] is None
    assert [len(top) for top in logprobs["top_logprobs"][1:]] == [2, 2]
    assert logprobs["text_offset"] == [0, 3, 7]


def test_the_logprobs_of_prompt_and_completion() -> None:
    said = choice(prompt="one two", echo=True, max_tokens=2, logprobs=0)
    logprobs = said["logprobs"]
    assert "".join(logprobs["tokens"]) == said["text"] == "one two I received"
    assert logprobs["token_logprobs"] == [None, -0.01, -0.01, -0.01]
    assert logprobs["top_logprobs"] is None
    assert logprobs["text_offset"] == [0, 3, 7, 9]


@pytest.mark.parametrize("echo", [True, False])
@pytest.mark.parametrize("logprobs", [None, 1])
@pytest.mark.parametrize("max_tokens", [0, 4])
def test_a_stream_says_what_the_whole_reply_says(echo: bool, logprobs: int | None, max_tokens: int) -> None:
    asked = {"prompt": ["one two", "three"], "echo": echo, "logprobs": logprobs, "max_tokens": max_tokens, "n": 2}
    whole = completion(**asked)["choices"]
    texts: list[str] = [""] * 4
    told: list[dict[str, list[Any]]] = [{"tokens": [], "token_logprobs": [], "text_offset": []} for _ in texts]
    for chunk in chunks(**asked):
        for said in chunk["choices"]:
            texts[said["index"]] += said["text"]
            for name, seen in told[said["index"]].items():
                seen += (said["logprobs"] or {}).get(name, [])
    assert texts == [said["text"] for said in whole]
    if logprobs is not None:
        for said, seen in zip(whole, told, strict=True):
            assert seen == {name: said["logprobs"][name] for name in seen}


@pytest.mark.parametrize(
    ("prompt", "tokens"), [([1, 2, 3], 3), ([[1, 2], [3]], 3), (["one two", "x"], 3), (["one", [1, 2]], 3)]
)
def test_prompts_in_each_form(prompt: list[Any], tokens: int) -> None:
    assert completion(prompt=prompt, max_tokens=1)["usage"]["prompt_tokens"] == tokens


@pytest.mark.parametrize(("prompt", "at"), [(["one", 2], 1), ([1, "two"], 0), ([[1], 2, [3]], 1)])
def test_an_integer_among_prompts_is_not_dropped_in_silence(prompt: list[Any], at: int) -> None:
    with pytest.raises(InvalidRequest, match="but got an integer instead") as caught:
        completion(prompt=prompt)
    assert (caught.value.param, caught.value.code) == (f"prompt[{at}]", "invalid_type")


def test_prompt_logprobs() -> None:
    told = choice(prompt="one two", max_tokens=1, prompt_logprobs=2)["prompt_logprobs"]
    assert told[0] is None
    assert [entry["rank"] for entry in told[1].values()] == [1, 2]
    assert next(iter(told[1].values()))["decoded_token"] == " two"
    body = {"model": "m", "messages": [{"role": "user", "content": "one two"}], "prompt_logprobs": 0}
    document = json.loads(chat_reply(json.dumps(body).encode(), CONTEXT).body)
    assert [entry is None for entry in document["prompt_logprobs"]] == [True, False]
    for make in (completion_reply, chat_reply):
        with pytest.raises(InvalidRequest, match="not available when `stream=True`"):
            make(json.dumps({**body, "prompt": "x", "stream": True, "prompt_logprobs": 1}).encode(), CONTEXT)


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("logprobs", [False, True])
@pytest.mark.parametrize("make", [chat_reply, completion_reply], ids=["chat", "completion"])
def test_each_chunk_tells_the_usage_so_far(make: Any, logprobs: bool, n: int) -> None:
    asked: dict[str, Any] = {"max_tokens": 4, "ignore_eos": True, "n": n}
    asked["stream_options"] = {"include_usage": True, "continuous_usage_stats": True}
    if make is chat_reply:
        asked |= {"messages": [{"role": "user", "content": "one two"}], "logprobs": logprobs or None}
    else:
        asked |= {"prompt": "one two", "logprobs": 1 if logprobs else None}
    told = chunks(make, **asked)
    assert told[-1]["choices"] == []
    assert told[-1]["usage"]["completion_tokens"] == 4 * n
    so_far = 0
    for chunk in told[:-1]:
        (said,) = chunk["choices"]
        text = said["text"] if "text" in said else said["delta"].get("content")
        if text:
            so_far += 1
        if chunk["usage"] is not None:
            assert chunk["usage"] == {"prompt_tokens": 2, "completion_tokens": so_far, "total_tokens": 2 + so_far}
        else:
            assert said["finish_reason"] or "role" in said.get("delta", {})
    assert so_far == 4 * n


# What else is echoed and counted.


def response(**asked: Any) -> dict[str, Any]:
    body = json.dumps({"model": "m", "input": "one", **asked}).encode()
    document: dict[str, Any] = json.loads(response_reply(body, CONTEXT).body)
    return document


@pytest.mark.parametrize(
    ("name", "given", "default"),
    [
        ("background", True, False),
        ("instructions", "be short", None),
        ("max_output_tokens", 7, None),
        ("max_tool_calls", 3, None),
        ("metadata", {"a": "b"}, {}),
        ("parallel_tool_calls", False, True),
        ("previous_response_id", "resp_1", None),
        ("prompt_cache_key", "key", None),
        ("reasoning", {"effort": "high", "summary": "auto"}, {"effort": None, "summary": None}),
        ("safety_identifier", "someone", None),
        ("service_tier", "priority", "default"),
        ("store", False, True),
        ("temperature", 0.5, 1.0),
        ("top_logprobs", 2, 0),
        ("top_p", 0.5, 1.0),
        ("truncation", "auto", "disabled"),
        ("user", "me", None),
    ],
)
def test_a_response_says_its_settings_again(name: str, given: Any, default: Any) -> None:
    assert response()[name] == default
    if name != "previous_response_id":  # which has to be there
        assert response(**{name: given})[name] == given


def test_tools_and_verbosity_are_echoed() -> None:
    tool = {
        "type": "function",
        "name": "f",
        "description": "does it",
        "parameters": {"type": "object"},
        "strict": False,
    }
    document = response(tools=[tool], tool_choice="none", text={"verbosity": "low"})
    assert document["tools"] == [tool]
    assert document["text"] == {"format": {"type": "text"}, "verbosity": "low"}


@pytest.mark.parametrize(("asked", "tier"), [(None, "default"), ("auto", "default"), ("flex", "flex")])
def test_the_tier_of_a_chat(asked: str | None, tier: str) -> None:
    body = {"messages": [{"role": "user", "content": "x"}], "service_tier": asked}
    document = json.loads(chat_reply(json.dumps({"model": "m", **body}).encode(), CONTEXT).body)
    assert document["service_tier"] == tier
    assert {chunk["service_tier"] for chunk in chunks(chat_reply, **body)} == {tier}


IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
SMALL_IMAGE = {"type": "image_url", "image_url": {"url": "https://example.org/a.png", "detail": "low"}}
FILE = {"type": "file", "file": {"file_data": "A" * 400}}
TOOL = {"type": "function", "function": {"name": "f", "description": "a b c", "parameters": {"type": "object"}}}


@pytest.mark.parametrize(
    ("part", "tools", "more"),
    [(None, [], 0), (IMAGE, [], 765), (SMALL_IMAGE, [], 85), (FILE, [], 75), (None, [TOOL], 1 + 3 + 3)],
)
def test_what_is_no_text_counts_too(part: dict[str, Any] | None, tools: list[Any], more: int) -> None:
    content = [{"type": "text", "text": "one two"}, *([part] if part else [])]
    body = {"model": "m", "messages": [{"role": "user", "content": content}], "max_tokens": 1}
    if tools:
        body |= {"tools": tools, "tool_choice": "none"}
    document = json.loads(chat_reply(json.dumps(body).encode(), CONTEXT).body)
    assert document["usage"]["prompt_tokens"] == 2 + more


def test_what_one_reply_tells_of_prompts_is_bounded() -> None:
    long = "word " * 3000
    for asked in (
        {"prompt": long, "echo": True, "logprobs": 5, "n": 2},
        {"prompt": long, "prompt_logprobs": 20},
        {"prompt": "x" * 50_000, "echo": True, "n": 100},
    ):
        with pytest.raises(InvalidRequest, match="more than"):
            completion(max_tokens=1, **asked)
    assert completion(prompt=long, echo=True, logprobs=1, max_tokens=1)


@pytest.mark.parametrize("limit", [2**63, 10**30, 10**9])
def test_a_limit_beyond_all_bounds(limit: int) -> None:
    asked = {"prompt": "one", "ignore_eos": True, "max_tokens": limit}
    with pytest.raises(InvalidRequest, match="only be streamed"):
        completion(**asked, n=9)
    reply = completion_reply(json.dumps({"model": "m", "stream": True, **asked}).encode(), CONTEXT)
    assert reply.inference is not None
    assert (reply.inference.output_tokens, reply.inference.finish) == (1_000_000, "length")
