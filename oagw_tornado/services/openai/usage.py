"""The usage object."""

from __future__ import annotations

from typing import Any

#: What the prototype said, whatever was asked.
FIXED = {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30}


def usage(prompt: int, completion: int, is_exact: bool) -> dict[str, Any]:
    """The tokens of the prompt and of all choices; `is_exact` adds the real service's details."""
    counted: dict[str, Any] = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
    if is_exact:
        counted["prompt_tokens_details"] = {"cached_tokens": 0, "audio_tokens": 0}
        counted["completion_tokens_details"] = {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        }
    return counted
