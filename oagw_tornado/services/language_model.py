"""The simulated model: what it says, in how many tokens, and why it ends. Shared by all APIs that offer one.

A token is a word, whatever white space separates them; of JSON (structured output, tool calls) it is eight characters.
That is cheap to count, and exact: a stream has one content event per token, unless told otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, cycle, islice
from typing import Any, Literal, NamedTuple

import orjson

GREETING = "Hello! How can I assist you today?"

JSON_TOKEN = 8

# Texts that are rendered in one go.
_AT_A_TIME = 128

#: A reply of more characters than this is only given as a stream: else it would be held in memory whole.
MOST_BUFFERED = 32 * 2**20


class Tool(NamedTuple):
    """A tool that the model may call: `schema` is that of its arguments; None: it takes free text."""

    name: str
    schema: Any


@dataclass(slots=True)
class Answer:
    """What the model says to one request: the first `count` of its words, which start again when they are over."""

    words: list[str]
    count: int
    separator: str = " "
    ends: Literal["stop", "length", "tool"] = "stop"
    whole: str | None = None
    """The text as it is, if all of it is said: with its own white space."""
    tool: Tool | None = None
    """The tool that is called; then the words are its arguments."""
    stop: str | None = None
    """The stop sequence that was met."""

    @property
    def size(self) -> int:
        """The characters of the text, nearly."""
        if self.whole is not None or not self.words:
            return len(self.whole or "")
        return sum(map(len, self.words)) * (self.count // len(self.words) + 1) + self.count

    def text(self) -> str:
        """All of it, for a buffered reply."""
        if self.whole is not None:
            return self.whole
        return self.separator.join(islice(cycle(self.words), self.count)) if self.count else ""

    def tokens(self, per_event: int = 1, *, space_after: bool = False) -> Iterable[str]:
        """What each content event of a stream says. White space leads a word, or trails each (`space_after`)."""
        if not self.count:
            return ()
        # A list, or iterators in C: what a stream holds, and touches for each event, is to be little.
        words = self.words
        if self.separator:
            words = [word + " " for word in words] if space_after else [" " + word for word in words]
        tokens: Iterable[str]
        if self.count <= len(words):
            tokens = words[: self.count]
            if self.separator and not space_after:
                tokens[0] = self.words[0]
        else:
            tokens = islice(cycle(words), self.count)
            if self.separator and not space_after:
                tokens = chain((self.words[0],), islice(tokens, 1, None))
        return tokens if per_event <= 1 else _joined(iter(tokens), per_event)


def _joined(words: Iterator[str], per_event: int) -> Iterator[str]:
    while piece := "".join(islice(words, per_event)):
        yield piece


def as_json(texts: Iterable[str]) -> Iterator[bytes]:
    """Each of `texts` as a JSON string, a few of them made at a time: this is on the path of every event."""
    strings = _json_strings(iter(texts))
    if isinstance(texts, list) and len(texts) <= _AT_A_TIME:
        # All there is: a stream that waits holds these bytes and nothing of what they were made of.
        return iter(next(strings, ()))
    return chain.from_iterable(strings)


def _json_strings(texts: Iterator[str]) -> Iterator[list[bytes]]:
    while some := list(islice(texts, _AT_A_TIME)):
        # Indented, each string has a line of its own, and within a JSON string there is no line break.
        yield orjson.dumps(some, option=orjson.OPT_INDENT_2)[4:-2].split(b",\n  ")


def count_tokens(texts: Iterable[str]) -> int:
    """The tokens of a prompt."""
    return sum(len(text.split()) for text in texts)


def reply_to(text: str) -> str:
    """What the model has to say to `text`."""
    if "hello" in text.lower():
        return GREETING
    return f"I received your message: '{text}'. This is a mock response from the Python test server."


def say(text: str, *, limit: int | None = None, stop: Sequence[str] = (), output_tokens: int | None = None) -> Answer:
    """`text`, up to the first of the `stop` sequences; made `output_tokens` long, if given, but never over `limit`."""
    met = None
    for sequence in stop:
        place = text.find(sequence) if sequence else -1
        if place >= 0:
            text, met = text[:place], sequence
    words = text.split()
    count = len(words) if output_tokens is None or not words else output_tokens
    if limit is not None and count > limit:
        return Answer(words, limit, ends="length")
    whole = text if count == len(words) else None
    return Answer(words, count, whole=whole, stop=met if whole is not None else None)


def say_json(value: Any, *, limit: int | None = None) -> Answer:
    """`value` as JSON text; cut off at `limit` tokens, as a model is."""
    try:
        text = orjson.dumps(value).decode()
    except TypeError:  # an integer beyond 64 bits
        text = json.dumps(value, separators=(",", ":"))
    words = [text[start : start + JSON_TOKEN] for start in range(0, len(text), JSON_TOKEN)]
    if limit is not None and len(words) > limit:
        return Answer(words, limit, "", "length")
    return Answer(words, len(words), "", whole=text)


def call(tool: Tool, *, limit: int | None = None) -> Answer:
    """A call of `tool`, with arguments that fit its schema. Raises UnsupportedSchema."""
    if tool.schema is None:
        answer = say("input", limit=limit)
    else:
        from oagw_tornado.services.json_instance import instance_of

        answer = say_json(instance_of(tool.schema), limit=limit)
    answer.tool = tool
    if answer.ends == "stop":
        answer.ends = "tool"
    return answer
