"""A request to a language model as a value, independent of its dialect."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from oagw_tornado.reply.tokens import count_tokens


class Call(NamedTuple):
    """A tool that the assistant called, with its arguments as the text that came."""

    id: str
    name: str
    arguments: str


class Result(NamedTuple):
    """What a tool gave back. `name` is the tool's, found by the id of the call; empty if there was no such call."""

    id: str
    name: str
    text: str


class Message(NamedTuple):
    """One message. `images` are their sizes, in bytes or characters as they came; `media` are its images, files and
    sounds, which know their `tokens` and what they are (`identity`)."""

    role: str
    text: str
    calls: tuple[Call, ...] = ()
    results: tuple[Result, ...] = ()
    images: tuple[int, ...] = ()
    media: tuple[Any, ...] = ()


class OfferedTool(NamedTuple):
    """A tool that the model may call: `schema` is that of its arguments; None: it takes free text."""

    name: str
    schema: Any


class ResponseFormat(NamedTuple):
    """What the reply is to look like. `schema` is there for ``json_schema`` alone."""

    type: str = "text"
    name: str = ""
    schema: Any = None


@dataclass(slots=True)
class Conversation:
    """What was said so far, and what is asked for now."""

    dialect: str
    """``openai-chat``, ``openai-responses``, ``openai-completions``, ``anthropic``, …"""
    model: str
    messages: tuple[Message, ...]
    texts: tuple[str, ...]
    """All texts of the prompt, in order: what its tokens are counted by."""
    system: str = ""
    tools: tuple[OfferedTool, ...] = ()
    callable: tuple[str, ...] | None = None
    """The names of the tools that may be called now; None: all that are offered."""
    tool_choice: Literal["auto", "none", "required"] = "auto"
    response_format: ResponseFormat = ResponseFormat()
    stream: bool = False
    limit: int | None = None
    """The most tokens that the reply may have."""
    min_tokens: int = 0
    """The fewest tokens that the reply may have."""
    ignore_eos: bool = False
    """The reply goes on until the limit."""
    other_tokens: int = 0
    """Tokens of the prompt that no text says: of images, files and the definitions of tools."""
    stop: tuple[str, ...] = ()
    choices: int = 1
    """How many replies are asked for at once."""
    bytes_per_token: int = 0
    """What each token of a reply that is sent whole takes, about, beside its text."""
    request: Any = None
    """The request as its dialect read it, for what only that dialect has to say again."""
    # Counted when somebody asks; below 0 until then.
    _counted: int = field(default=-1, init=False, repr=False, compare=False)

    @property
    def prompt_tokens(self) -> int:
        """The tokens of the prompt."""
        if self._counted < 0:
            self._counted = count_tokens(self.texts) + self.other_tokens
        return self._counted

    @property
    def turn(self) -> int:
        """The number of the reply that is asked for now: 1 + the number of the assistant's messages."""
        return 1 + sum(message.role == "assistant" for message in self.messages)

    @property
    def last_text(self) -> str:
        """The text of the last message, of any role."""
        return self.messages[-1].text if self.messages else ""

    @property
    def latest_results(self) -> tuple[Result, ...]:
        """The results of tools that came after the assistant's last message."""
        found: list[Result] = []
        for message in reversed(self.messages):
            if message.role == "assistant":
                break
            found[:0] = message.results
        return tuple(found)

    @property
    def called(self) -> set[str]:
        """The names of the tools that were called so far."""
        return {call.name for message in self.messages for call in message.calls}


def merged(messages: list[Message]) -> tuple[Message, ...]:
    """`messages`, what one assistant says in a row made one message."""
    joined: list[Message] = []
    for message in messages:
        if message.role == "assistant" and joined and joined[-1].role == "assistant":
            last = joined[-1]
            joined[-1] = Message("assistant", last.text + message.text, last.calls + message.calls)
        else:
            joined.append(message)
    return tuple(joined)
