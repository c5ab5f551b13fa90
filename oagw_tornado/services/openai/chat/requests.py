"""A chat completion request, as far as a reply depends on it. Other fields are accepted too."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from oagw_tornado.services.openai.requests import Part, Penalty, Positive, SamplingExtras, StopSequences


class CalledFunction(Struct):
    name: str | None = None
    arguments: str | None = None


class CalledCustomTool(Struct):
    name: str | None = None
    input: str | None = None


class CalledTool(Struct):
    """A tool that the assistant called."""

    id: str | None = None
    type: str = "function"
    function: CalledFunction | None = None
    custom: CalledCustomTool | None = None


class Message(Struct):
    role: str = ""
    content: str | list[Part] | None = None
    name: str | None = None
    tool_calls: list[CalledTool] | None = None
    tool_call_id: str | None = None
    refusal: str | None = None
    function_call: Any = None
    audio: Any = None


class Function(Struct):
    name: Annotated[str, Meta(min_length=1)]
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class CustomTool(Struct):
    name: Annotated[str, Meta(min_length=1)]


class ToolDefinition(Struct):
    type: str = "function"
    function: Function | None = None
    custom: CustomTool | None = None


class JsonSchema(Struct):
    name: str
    schema: dict[str, Any] | None = None
    strict: bool | None = None


class ResponseFormat(Struct):
    type: str
    json_schema: JsonSchema | None = None


class ChatRequest(SamplingExtras):
    """https://platform.openai.com/docs/api-reference/chat/create"""

    messages: Annotated[list[Message], Meta(min_length=1)]
    model: str | None = None
    stream: bool | None = None
    n: Annotated[int, Meta(ge=1, le=128)] | None = None
    max_tokens: Positive | None = None
    max_completion_tokens: Positive | None = None
    stop: StopSequences | None = None
    tools: Annotated[list[ToolDefinition], Meta(min_length=1)] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    seed: int | None = None
    service_tier: str | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None

    @property
    def limit(self) -> int | None:
        """The most tokens that a choice may have."""
        return self.max_completion_tokens or self.max_tokens
