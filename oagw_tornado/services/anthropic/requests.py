"""The requests of the Anthropic API, as far as a reply depends on them. Other fields are accepted too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from oagw_tornado.services.prompt_tokens import file_tokens, image_tokens, tool_tokens


class Block(Struct):
    """A block of content: a text, an image, a call of a tool, its result."""

    type: str
    text: str | None = None
    content: str | list[dict[str, Any]] | dict[str, Any] | None = None
    id: str | None = None
    name: str | None = None
    input: Any = None
    tool_use_id: str | None = None
    thinking: str | None = None
    signature: str | None = None
    source: Any = None
    cache_control: dict[str, Any] | None = None

    @property
    def own_text(self) -> str:
        """What the block says, if it is a text or the result of a tool."""
        if self.text is not None:
            return self.text
        if isinstance(self.content, list):
            return "".join(part["text"] for part in self.content if isinstance(part.get("text"), str))
        return self.content if isinstance(self.content, str) else ""

    @property
    def image_size(self) -> int | None:
        """The characters of an image as it came, its data or its address; None: it is no image."""
        if self.type != "image":
            return None
        source = self.source if isinstance(self.source, dict) else {}
        given = source.get("data") or source.get("url")
        return len(given) if isinstance(given, str) else 0

    @property
    def identity(self) -> str:
        """What it shows or holds, as it came: another block has another one."""
        return repr((self.type, self.source))

    @property
    def tokens(self) -> int:
        """The tokens of an image or a document; those of a text are counted with all texts."""
        if self.type == "document":
            return file_tokens(self.source.get("data") if isinstance(self.source, dict) else None)
        return 0 if self.image_size is None else image_tokens()


def text_of(content: str | list[Block] | None) -> str:
    """The text of a content that is a text or blocks."""
    if content is None or isinstance(content, str):
        return content or ""
    return "".join(block.own_text for block in content)


class Message(Struct):
    role: Literal["user", "assistant", "system"]
    content: str | list[Block]


class Tool(Struct):
    """A tool of the client's own, or one of the service's; of these, some have no name."""

    name: str = ""
    type: str | None = None
    description: str | None = None
    input_schema: dict[str, Any] | None = None
    strict: bool | None = None
    cache_control: dict[str, Any] | None = None


class ToolChoice(Struct):
    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None


class Format(Struct):
    type: str
    schema: dict[str, Any] | None = None


class OutputConfig(Struct):
    format: Format | None = None


class Thinking(Struct):
    type: str
    budget_tokens: int | None = None


class CountRequest(Struct):
    """https://docs.anthropic.com/en/api/messages-count-tokens"""

    model: str
    messages: Annotated[list[Message], Meta(min_length=1)]
    system: str | list[Block] | None = None
    tools: list[Tool] | None = None
    tool_choice: ToolChoice | None = None
    thinking: Thinking | None = None

    @property
    def other_tokens(self) -> int:
        """The tokens of images, files and the definitions of tools."""
        tools = sum(tool_tokens(tool.name, tool.description, tool.input_schema) for tool in self.tools or ())
        contents = (message.content for message in self.messages if isinstance(message.content, list))
        return tools + sum(block.tokens for content in contents for block in content)

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
    output_config: OutputConfig | None = None
    output_format: Format | None = None
    ignore_eos: bool | None = None
    """Not the API's own: of vLLM's, which load generators send. So is the next one."""
    min_tokens: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
