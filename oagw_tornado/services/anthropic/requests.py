"""The requests of the Anthropic API, as far as a reply depends on them. Fields that are not here are accepted, too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct


class Block(Struct):
    """A block of content: a text, an image, a call of a tool, its result."""

    type: str
    text: str | None = None
    content: str | list[dict[str, Any]] | dict[str, Any] | None = None


def text_of(content: str | list[Block] | None) -> str:
    """The text of a content that is a text or blocks."""
    if content is None or isinstance(content, str):
        return content or ""
    return "".join(_texts(content))


def _texts(blocks: list[Block]) -> Iterator[str]:
    for block in blocks:
        if block.text is not None:
            yield block.text
        elif isinstance(block.content, str):
            yield block.content
        elif isinstance(block.content, list):
            yield from (part["text"] for part in block.content if isinstance(part.get("text"), str))


class Message(Struct):
    role: Literal["user", "assistant", "system"]
    content: str | list[Block]


class Tool(Struct):
    name: Annotated[str, Meta(min_length=1)]
    type: str | None = None
    input_schema: dict[str, Any] | None = None


class ToolChoice(Struct):
    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None


class Format(Struct):
    type: str
    schema: dict[str, Any] | None = None


class OutputConfig(Struct):
    format: Format | None = None


class CountRequest(Struct):
    """https://docs.anthropic.com/en/api/messages-count-tokens"""

    model: str
    messages: Annotated[list[Message], Meta(min_length=1)]
    system: str | list[Block] | None = None

    def texts(self) -> Iterator[str]:
        """The texts of the prompt."""
        yield text_of(self.system)
        for message in self.messages:
            yield text_of(message.content)


class MessagesRequest(CountRequest, kw_only=True):
    """https://docs.anthropic.com/en/api/messages"""

    max_tokens: Annotated[int, Meta(ge=1)]
    stream: bool | None = None
    stop_sequences: list[str] | None = None
    tools: list[Tool] | None = None
    tool_choice: ToolChoice | None = None
    output_config: OutputConfig | None = None
    temperature: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
