"""The requests of the OpenAI API, as far as a reply depends on them. Fields that are not here are accepted, too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from msgspec import Meta, Struct

Positive = Annotated[int, Meta(ge=1)]
Penalty = Annotated[float, Meta(ge=-2, le=2)]
StopSequences = str | Annotated[list[str], Meta(max_length=4)]


class Part(Struct):
    """One part of a message: a text, an image, a sound. Only a text says something."""

    type: str = "text"
    text: str | None = None


class Message(Struct):
    role: str = ""
    content: str | list[Part] | None = None

    def text(self) -> str:
        """What the message says, however it is given."""
        return text_of(self.content)


def text_of(content: str | list[Part] | None) -> str:
    """The text of a content that is a text, parts or nothing."""
    if content is None or isinstance(content, str):
        return content or ""
    return "".join(part.text for part in content if part.text is not None)


class StreamOptions(Struct):
    include_usage: bool | None = None


class Function(Struct):
    name: Annotated[str, Meta(min_length=1)]
    parameters: dict[str, Any] | None = None


class CustomTool(Struct):
    name: Annotated[str, Meta(min_length=1)]


class ToolDefinition(Struct):
    type: str = "function"
    function: Function | None = None
    custom: CustomTool | None = None


class JsonSchema(Struct):
    name: str
    schema: dict[str, Any] | None = None


class ResponseFormat(Struct):
    type: str
    json_schema: JsonSchema | None = None


class ChatRequest(Struct):
    """https://platform.openai.com/docs/api-reference/chat/create"""

    messages: Annotated[list[Message], Meta(min_length=1)]
    model: str | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: Annotated[int, Meta(ge=1, le=128)] | None = None
    max_tokens: Positive | None = None
    max_completion_tokens: Positive | None = None
    stop: StopSequences | None = None
    tools: Annotated[list[ToolDefinition], Meta(min_length=1)] | None = None
    tool_choice: str | dict[str, Any] | None = None
    response_format: ResponseFormat | None = None
    seed: int | None = None
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

    def texts(self) -> Iterator[str]:
        """The texts of the prompt."""
        return (message.text() for message in self.messages)


def sequences(stop: str | list[str] | None) -> list[str]:
    """The stop sequences, whether one or several are given."""
    return [stop] if isinstance(stop, str) else stop or []


class CompletionRequest(Struct):
    """https://platform.openai.com/docs/api-reference/completions/create"""

    prompt: str | list[str | int | list[int]]
    model: str | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
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


class EmbeddingRequest(Struct):
    """https://platform.openai.com/docs/api-reference/embeddings/create"""

    input: str | list[Any]
    model: str | None = None
    dimensions: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    encoding_format: str | None = None


class ModerationRequest(Struct):
    """https://platform.openai.com/docs/api-reference/moderations/create"""

    input: str | list[Any]
    model: str | None = None


class TextFormat(Struct):
    type: str = "text"
    name: str | None = None
    schema: dict[str, Any] | None = None


class TextOptions(Struct):
    format: TextFormat | None = None


class InputItem(Struct):
    """A message, the output of a tool, or whatever else may be part of the input of a response."""

    type: str | None = None
    role: str | None = None
    content: str | list[Part] | None = None
    output: str | list[Part] | None = None


class ResponseTool(Struct):
    type: str
    name: str | None = None
    parameters: dict[str, Any] | None = None


class ResponseRequest(Struct):
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
