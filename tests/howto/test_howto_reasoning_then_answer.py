"""Reasoning, then the answer

A reasoning model thinks for a while before its first word. Does your client show this, and does it keep the reasoning
apart from the answer? `after` is the pause before a part, `gap` the pause between its events.
"""

import time
from typing import Any

import openai

from oagw_tornado.testing import Reasoning, Text, Usage


def test_thoughts_come_first_and_apart(oagw, oagw_openai_url):
    oagw.reply(
        [
            Reasoning("Six times seven.", gap="5ms"),
            Text("It is", " 42.", after="200ms"),
            Usage(input=12, output=40, reasoning=36),
        ]
    )
    thoughts, answer = "", ""
    usage: Any = None

    started = time.perf_counter()
    with openai.OpenAI(base_url=oagw_openai_url, api_key=oagw.token, max_retries=0) as client:
        for chunk in client.chat.completions.create(
            model="o3",
            messages=[{"role": "user", "content": "6 * 7?"}],
            stream=True,
            stream_options={"include_usage": True},
        ):
            usage = chunk.usage or usage
            for choice in chunk.choices:
                if choice.delta.content and not answer:
                    first_word = time.perf_counter() - started
                    assert thoughts == "Six times seven."
                thoughts += getattr(choice.delta, "reasoning_content", None) or ""
                answer += choice.delta.content or ""

    assert answer == "It is 42."
    assert first_word >= 0.200
    assert usage.completion_tokens_details.reasoning_tokens == 36
