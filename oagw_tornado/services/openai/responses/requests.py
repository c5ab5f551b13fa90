"""A request for a response, as far as a reply depends on it. Other fields are accepted too."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from oagw_tornado.services.openai.requests import Part, SamplingExtras


class TextFormat(Struct):
    type: str = "text"
    name: str | None = None
    schema: dict[str, Any] | None = None
    strict: bool | None = None


class TextOptions(Struct):
    format: TextFormat | None = None
    verbosity: str | None = None


class ReasoningOptions(Struct):
    effort: str | None = None
    summary: str | None = None


class InputItem(Struct):
    """A message, a call of a tool, its output, or whatever else may be part of the input of a response."""

    type: str | None = None
    role: str | None = None
    content: str | list[Part] | None = None
    output: str | list[Part] | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    input: str | None = None


class ResponseTool(Struct):
    type: str
    name: str | None = None
    parameters: dict[str, Any] | None = None
    description: str | None = None
    strict: bool | None = None
    format: dict[str, Any] | None = None


class ResponseRequest(SamplingExtras):
    """https://platform.openai.com/docs/api-reference/responses/create"""

    model: str | None = None
    input: str | list[InputItem] | None = None
    instructions: str | list[InputItem] | None = None
    stream: bool | None = None
    max_output_tokens: Annotated[int, Meta(ge=1)] | None = None
    tools: list[ResponseTool] | None = None
    tool_choice: str | dict[str, Any] | None = None
    text: TextOptions | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    parallel_tool_calls: bool | None = None
    metadata: dict[str, Any] | None = None
    previous_response_id: str | None = None
    include: list[str] | None = None
    background: bool | None = None
    reasoning: ReasoningOptions | None = None
    service_tier: str | None = None
    store: bool | None = None
    truncation: str | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    max_tool_calls: Annotated[int, Meta(ge=1)] | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
