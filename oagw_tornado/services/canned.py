"""The canned model: the author of replies that nobody has scripted, always the same ones, in all dialects.

It calls the chosen tool, produces a value for the response format, or says one of the prototype's
sentences: a greeting, or that it received the message.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import orjson

from oagw_tornado.reply.conversation import Conversation, OfferedTool
from oagw_tornado.reply.parts import Error, Finish, Part, Text, ToolCall
from oagw_tornado.reply.tokens import Tokens, json_tokens
from oagw_tornado.reply.words import says, words_in
from oagw_tornado.services.filler import WORDS

GREETING = "Hello! How can I assist you today?"

#: The most tokens of a reply that fills its limit.
MOST_TOKENS = 1_000_000

#: A reply of more characters than this is only given as a stream: else it would be held in memory whole.
MOST_BUFFERED = 8 * 2**20

RATE_LIMITED = Error(status=429, type="rate_limit_error", code="rate_limit_exceeded", message="Rate limit exceeded")
"""What a chat with the word error in it asks for, as the prototype had it."""


class Unanswerable(Exception):
    """A schema that nothing can be made to fit. `tool` is the tool whose arguments it is for; None: the reply's."""

    def __init__(self, name: str, tool: OfferedTool | None, problem: str) -> None:
        super().__init__(problem)
        self.name = name
        self.tool = tool


def answer(
    conversation: Conversation, output_tokens: int | None = None, *, is_exact: bool = True, filler: bool = False
) -> list[Part]:
    """What the model says. Unless `is_exact`, a chat that speaks of an error gets one. Raises Unanswerable."""
    limit = conversation.limit
    tool = tool_to_call(conversation)
    if tool is not None:
        return call(tool, limit)
    wanted = conversation.response_format
    text = conversation.last_text
    if wanted.type == "json_object":
        return say_json({"response": reply_to(text)}, limit)
    if wanted.type == "json_schema":
        return say_json(_instance(wanted.schema or {}, wanted.name), limit)
    if conversation.dialect == "openai-chat":
        if conversation.stream:
            return say(f"Streaming response to: {text}", conversation, output_tokens, filler=filler)
        if not is_exact and not says(text, "hello") and says(text, "error"):
            return [RATE_LIMITED]
    return say(reply_to(text), conversation, output_tokens, filler=filler)


def tool_to_call(conversation: Conversation) -> OfferedTool | None:
    """The tool that is called now: the first that may be, unless it is up to the model and a result is there already.

    Where a call is required it is the first tool that was not called yet, so that a loop of calls comes to its end.
    """
    names = conversation.callable
    tools = [tool for tool in conversation.tools if names is None or tool.name in names]
    if not tools or conversation.tool_choice == "none":
        return None
    if conversation.tool_choice == "auto":
        return None if conversation.messages and conversation.messages[-1].results else tools[0]
    called = conversation.called
    return next((tool for tool in tools if tool.name not in called), tools[-1])


def reply_to(text: str) -> str:
    """What the model has to say to `text`."""
    if says(text, "hello"):
        return GREETING
    return f"I received your message: '{text}'. This is a mock response from the Python test server."


def say(text: str, conversation: Conversation, output_tokens: int | None = None, *, filler: bool = False) -> list[Part]:
    """`text`, up to the first of the stop sequences, in as many tokens as are wanted, but never over the limit.

    `output_tokens` makes it so long, whatever it says; ``ignore_eos`` makes it as long as the limit allows,
    ``min_tokens`` that long at least. A `filler` of single tokens stands in its place, as long as the limit allows.
    """
    limit, met = conversation.limit, None
    for sequence in conversation.stop if not filler else ():
        place = text.find(sequence) if sequence else -1
        if place >= 0:
            text, met = text[:place], sequence
    words: Sequence[str] = words_in(text)
    count = len(words) if output_tokens is None or not words else output_tokens
    # Real models end by themselves, which load generators do not want.
    goes_on = met is None and limit is not None and (conversation.ignore_eos or filler)
    if goes_on and words and output_tokens is None:
        limit = count = min(limit or 0, MOST_TOKENS)
    if met is None and words:
        count = max(count, conversation.min_tokens)
    whole = text if count == len(words) and not filler else None
    if filler:
        words = WORDS
    if limit is not None and (count > limit or (goes_on and count == limit)):
        return [Text(Tokens(words, limit, " ")), Finish("length")]
    said = Text(Tokens(words, count, " ", whole))
    return [said] if met is None or whole is None else [said, Finish("stop", met)]


def say_json(value: Any, limit: int | None = None) -> list[Part]:
    """`value` as JSON text; cut off at `limit` tokens, as a model is."""
    said, is_cut = _limited(json_text(value), limit)
    return [Text(said), Finish("length")] if is_cut else [Text(said)]


def call(tool: OfferedTool, limit: int | None = None) -> list[Part]:
    """A call of `tool`, with arguments that fit its schema. Raises Unanswerable."""
    is_custom = tool.schema is None
    text = "input" if is_custom else json_text(_instance(tool.schema, tool.name, tool))
    arguments, is_cut = _limited(text, limit)
    called = ToolCall(tool.name, arguments, is_custom=is_custom)
    return [called, Finish("length")] if is_cut else [called]


def json_text(value: Any) -> str:
    """`value` as compact JSON."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # an integer beyond 64 bits
        return json.dumps(value, separators=(",", ":"))


def _limited(text: str, limit: int | None) -> tuple[Tokens, bool]:
    tokens = json_tokens(text)
    if limit is None or tokens.count <= limit:
        return tokens, False
    return Tokens(tokens.words, limit), True


def _instance(schema: Any, name: str, tool: OfferedTool | None = None) -> Any:
    from oagw_tornado.services.json_instance import instance_of
    from oagw_tornado.services.pattern_text import UnsupportedSchema

    try:
        return instance_of(schema)
    except UnsupportedSchema as error:
        raise Unanswerable(name, tool, str(error)) from None
