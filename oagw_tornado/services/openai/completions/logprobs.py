"""Logprobs of each token of a completion and of its prompt, whose first token has none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zlib import crc32

from oagw_tornado.reply.words import count_words
from oagw_tornado.services.openai.errors import InvalidRequest

#: Top logprobs for one prompt, or for everything echoed: all streams wait while they are made.
MOST_LOGPROBS = 20_000

#: The model is nearly certain of what it says.
SAID = -0.01


def check_prompt_logprobs(texts: Sequence[str], alternatives: int | None, times: int = 1) -> None:
    """Raise InvalidRequest if there would be too many likely tokens to tell of the prompts `texts`."""
    if alternatives is None:
        return
    if sum(map(count_words, texts)) * times * max(1, alternatives) > MOST_LOGPROBS:
        raise InvalidRequest(
            f"Invalid 'prompt': more than {MOST_LOGPROBS} logprobs of its tokens in one reply.", param="prompt"
        )


def logprobs_object(tokens: Sequence[str], alternatives: int, offset: int = 0, *, is_prompt: bool) -> dict[str, Any]:
    """The logprobs of `tokens`, the first of which is the `offset`-th character of the text.

    If it `is_prompt` the first one has none (https://platform.openai.com/docs/api-reference/completions/object).
    """
    offsets = []
    for token in tokens:
        offsets.append(offset)
        offset += len(token)
    likely: list[float | None] = [SAID] * len(tokens)
    top: list[dict[str, float] | None] = [_top(token, alternatives) for token in tokens] if alternatives else []
    if is_prompt and tokens:
        likely[0] = None
        top[:1] = [None] if top else []
    return {
        "tokens": list(tokens),
        "token_logprobs": likely,
        "top_logprobs": top if alternatives else None,
        "text_offset": offsets,
    }


def _top(token: str, alternatives: int) -> dict[str, float]:
    return {token: SAID} | {f" {number}": -5.0 - number for number in range(1, alternatives)}


def prompt_logprobs(tokens: Sequence[str], alternatives: int) -> list[dict[str, Any] | None]:
    """vLLM's ``prompt_logprobs``: for each token of the prompt but the first the likeliest ones, by their numbers."""
    return [None, *(_likeliest(token, alternatives) for token in tokens[1:])] if tokens else []


def _likeliest(token: str, alternatives: int) -> dict[str, Any]:
    others = [f" {number}" for number in range(1, max(0, alternatives))]
    return {
        str(crc32(text.encode()) % 100_000): {
            "logprob": SAID if rank == 1 else -4.0 - rank,
            "rank": rank,
            "decoded_token": text,
        }
        for rank, text in enumerate([token, *others], 1)
    }
