"""A completion request, as far as a reply depends on it. Other fields are accepted too."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from oagw_tornado.services.openai.requests import SamplingExtras, StopSequences


class CompletionRequest(SamplingExtras):
    """https://platform.openai.com/docs/api-reference/completions/create"""

    prompt: str | list[str | int | list[int]]
    model: str | None = None
    stream: bool | None = None
    n: Annotated[int, Meta(ge=1, le=128)] | None = None
    best_of: Annotated[int, Meta(ge=1, le=20)] | None = None
    max_tokens: Annotated[int, Meta(ge=0)] | None = None
    stop: StopSequences | None = None
    echo: bool | None = None
    suffix: str | None = None
    seed: int | None = None
    logprobs: Annotated[int, Meta(ge=0, le=5)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
