"""The usage object."""

from __future__ import annotations

from typing import Any

from oagw_tornado.reply.parts import Usage

#: What the prototype said, whatever was asked.
FIXED = {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30}


def usage_object(counted: Usage, is_exact: bool, choices: int = 1) -> dict[str, Any]:
    """The tokens of the prompt and of all choices. The details are there in the real service's profile, and if any."""
    prompt, completion = counted.input or 0, (counted.output or 0) * choices
    payload: dict[str, Any] = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
    cached, reasoning = counted.cached or 0, counted.reasoning or 0
    if is_exact:
        payload["prompt_tokens_details"] = {"cached_tokens": cached, "audio_tokens": 0}
        payload["completion_tokens_details"] = {
            "reasoning_tokens": reasoning * choices,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        }
        return payload
    if cached:
        payload["prompt_tokens_details"] = {"cached_tokens": cached}
    if reasoning:
        payload["completion_tokens_details"] = {"reasoning_tokens": reasoning * choices}
    return payload


def service_tier(asked: str | None) -> str:
    """The tier that served a request: the one asked for, where that is not left to the service."""
    return asked if asked in ("flex", "priority", "scale") else "default"
