"""The prefix that a prompt shares with earlier ones, as each service counts it.

OpenAI: the longest prefix of at least 1,024 tokens, in steps of 128
(https://platform.openai.com/docs/guides/prompt-caching). Anthropic: up to blocks marked with ``cache_control``
(https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from oagw_tornado.reply.conversation import Conversation
from oagw_tornado.reply.parts import Usage
from oagw_tornado.reply.prompt_cache import Use, at_marks, in_steps
from oagw_tornado.reply.words import count_words, words_in
from oagw_tornado.services.canned import json_text
from oagw_tornado.services.prompt_tokens import tool_tokens


def usage_from_cache(use: Use, conversation: Conversation, headers: Mapping[str, str]) -> Usage:
    """The tokens that the cache has of this prompt, which is in it from now on."""
    key = headers.get("Authorization") or headers.get("X-Api-Key") or ""
    whose = f"{key}\0{conversation.dialect}\0{conversation.model}".encode("utf-8", "surrogatepass")
    if conversation.dialect == "anthropic":
        read, written = at_marks(use, whose, _blocks(conversation.request))
        return Usage(cached=read, cache_write=written)
    if conversation.dialect == "openai-completions":  # each message is a prompt by itself
        prompts = (words_in(message.text) for message in conversation.messages)
        return Usage(cached=sum(in_steps(use, whose, prompt) for prompt in prompts))
    return Usage(cached=in_steps(use, whose, chain.from_iterable(_tokens(conversation))))


def _tokens(conversation: Conversation) -> Iterator[Iterable[str]]:
    """The tokens of a prompt in the order in which a model reads them: what it was told to be comes first."""
    for tool in getattr(conversation.request, "tools", None) or ():
        kind = getattr(tool, "function", None) or getattr(tool, "custom", None) or tool
        schema = getattr(kind, "parameters", None)
        yield _as_tokens(*_of_tool(kind.name or tool.type, getattr(kind, "description", None), schema))
    if conversation.dialect == "openai-responses":
        yield words_in(conversation.system)
    for message in conversation.messages:
        for part in message.media:
            yield _as_tokens(part.identity, part.tokens)
        yield words_in(message.text)


def _as_tokens(text: str, count: int) -> list[str]:
    """So many tokens; the first is all there is, for any change to be one."""
    return [text, *[""] * (count - 1)]


def _of_tool(name: str, description: str | None, schema: Any) -> tuple[str, int]:
    """The definition of a tool, and its tokens."""
    text = f"{name} {description or ''} {'' if schema is None else json_text(schema)}"
    return text, tool_tokens(name, description, schema)


def _blocks(request: Any) -> Iterator[tuple[str, int, bool]]:
    """The blocks of a prompt in the order in which they are cached: tools, system, messages."""
    for tool in request.tools or ():
        yield *_of_tool(tool.name, tool.description, tool.input_schema), tool.cache_control is not None
    contents = [request.system or "", *(message.content for message in request.messages)]
    for content in contents:
        if isinstance(content, str):
            yield content, count_words(content), False
        else:
            for block in content:
                text = block.own_text
                count = count_words(text) + block.tokens
                yield (text if not block.tokens else block.identity + text), count, block.cache_control is not None
