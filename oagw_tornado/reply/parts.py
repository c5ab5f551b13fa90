"""The parts of a model's reply, before any dialect has written them.

An author (a rule's script, a recording, the canned model) answers a `Conversation` with parts; a dialect writes them
as the chunks of a stream or as one JSON document. Parts depend neither on
the client nor on the dialect.

Each part may have two waits: `after`, before its first event, and `gap`, between its events. They replace those of the
knobs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from oagw_tornado.reply.errors import ErrorForm
from oagw_tornado.reply.problem import Problem
from oagw_tornado.reply.tokens import NOTHING, Tokens
from oagw_tornado.units.latency import Latency


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What all parts have."""

    after: Latency | None = None
    """The wait before it; None: as the knobs have it."""
    gap: Latency | None = None
    """The wait between two of its events; None: as the knobs have it."""

    @property
    def tokens(self) -> Tokens:
        """Its text as tokens; empty for a part without text."""
        return NOTHING


@dataclass(frozen=True, slots=True)
class Text(Part):
    """Text of the model's reply."""

    said: Tokens

    @property
    def tokens(self) -> Tokens:
        return self.said


@dataclass(frozen=True, slots=True)
class Reasoning(Part):
    """The model's reasoning. `redacted` reasoning is only opaque data."""

    thought: Tokens
    signature: str | None = None
    redacted: bool = False

    @property
    def tokens(self) -> Tokens:
        return self.thought


@dataclass(frozen=True, slots=True)
class ToolCall(Part):
    """A call of a tool. Several in a row are parallel calls."""

    name: str
    arguments: Tokens
    """JSON as a text; on purpose it need not be."""
    id: str | None = None
    """None: one of the dialect's own making."""
    is_custom: bool = False
    """The tool takes free text, not JSON."""

    @property
    def tokens(self) -> Tokens:
        return self.arguments


@dataclass(frozen=True, slots=True)
class Refusal(Part):
    """The model declines to answer."""

    said: Tokens

    @property
    def tokens(self) -> Tokens:
        return self.said


@dataclass(frozen=True, slots=True)
class Error(Part):
    """Something went wrong: as the first part it is the HTTP reply, later the dialect's error in mid-stream."""

    status: int | None = None
    """None: that of the error which `code` names, or 500."""
    type: str | None = None
    code: str | None = None
    message: str | None = None
    param: str | None = None
    retry_after: float | None = None
    """Seconds."""

    def problem(self, form: ErrorForm) -> Problem:
        """What is wrong, as a service knows it by the name in `code` or `type`, or by its status."""
        named = form.presets.get(self.code or "") or form.presets.get(self.type or "")
        if named is None or self.status not in (None, named.status):
            named = form.usual(self.status or 500)
        given: dict[str, Any] = {
            "message": self.message,
            "type": self.type,
            "code": self.code,
            "param": self.param,
            "retry_after": self.retry_after,
        }
        return named._replace(**{name: value for name, value in given.items() if value is not None})


@dataclass(frozen=True, slots=True)
class Usage(Part):
    """What is said of the tokens used; None: as they are counted."""

    input: int | None = None
    output: int | None = None
    cached: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None


@dataclass(frozen=True, slots=True)
class Finish(Part):
    """Why it ends, in the words of any dialect; each writes it in its own."""

    reason: str
    stop: str | None = None
    """The stop sequence that was met."""


@dataclass(frozen=True, slots=True)
class Raw(Part):
    """Bytes of a stream as they are."""

    data: bytes


Parts = Sequence[Part]


@dataclass(frozen=True, slots=True, eq=False)
class Script:
    """What a rule answers to a conversation. One is like no other: replies that were made from it know it again."""

    parts: tuple[Part, ...]
    is_text: bool = field(default=False)
    """Whether it is only a text, which can also answer a request other than a conversation."""

    @property
    def needs_conversation(self) -> bool:
        """Whether only a dialect could write it down."""
        return not self.is_text

    @property
    def draws(self) -> bool:
        """Whether one of its waits is drawn from a distribution."""
        return any(wait is not None and not wait.is_fixed for part in self.parts for wait in (part.after, part.gap))


def of_kind(parts: Parts, kind: type[Any]) -> list[Any]:
    """The parts of one kind, in order."""
    return [part for part in parts if isinstance(part, kind)]


def said_by(parts: Parts, kind: type[Any]) -> str:
    """The text of all parts of one kind."""
    return "".join(part.tokens.text() for part in parts if isinstance(part, kind))


def error_in_place_of_all(parts: Parts, is_stream: bool) -> Error | None:
    """The error that is the whole reply: one that comes first, or any if nothing leaves before the end."""
    for part in parts:
        if isinstance(part, Error):
            return part
        if is_stream and not isinstance(part, (Usage, Finish)):
            return None
    return None


def waits(parts: Parts) -> tuple[Latency, ...]:
    """The waits before the parts of a reply that is sent whole, which leaves after all of them."""
    return tuple(part.after for part in parts if part.after is not None)


def finish_reason(parts: Parts) -> Finish:
    """Why it ends, in the words of OpenAI's chat: said by a part, or seen from what else is there."""
    for part in reversed(parts):
        if isinstance(part, Finish):
            return Finish(_REASONS.get(part.reason, part.reason), part.stop)
    if any(isinstance(part, ToolCall) for part in parts):
        return Finish("tool_calls")
    return Finish("refusal" if any(isinstance(part, Refusal) for part in parts) else "stop")


#: The same reason in other dialects' words.
_REASONS = {
    "end_turn": "stop",
    "completed": "stop",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "tool_use": "tool_calls",
    "tool": "tool_calls",
}


def usage_of(parts: Parts, prompt_tokens: int) -> Usage:
    """The usage, every figure of it: said by a part, else counted."""
    told: dict[str, int] = {}
    for part in of_kind(parts, Usage):
        figures = {name: getattr(part, name) for name in ("input", "output", "cached", "cache_write", "reasoning")}
        told |= {name: figure for name, figure in figures.items() if figure is not None}
    counted = {
        "input": prompt_tokens,
        "output": sum(part.tokens.count for part in parts),
        "cached": 0,
        "cache_write": 0,
        "reasoning": sum(part.thought.count for part in of_kind(parts, Reasoning)),
    }
    return Usage(**(counted | told))
