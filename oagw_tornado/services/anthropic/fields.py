"""The fields that the Anthropic API knows, and its error for those that it does not.

From the request types of its official client (https://github.com/anthropics/anthropic-sdk-python), including the beta;
a test compares them. For a field within a union, the real service puts the union's tag into the location:
``messages.0.content.1.tool_use.index: Extra inputs are not permitted``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from oagw_tornado.services.anthropic.errors import InvalidRequest

#: Fields of a request. The last row is not the API's: load generators send vLLM's fields, and older clients a format.
REQUEST = frozenset((
    "betas", "billing_policy", "cache_control", "compaction", "container", "context_management", "diagnostics",
    "fallback_credit_token", "fallbacks", "inference_geo", "max_tokens", "mcp_servers", "messages", "metadata",
    "model", "output_config", "service_tier", "speed", "stop_sequences", "stream", "system", "temperature", "thinking",
    "thread", "tool_choice", "tools", "top_k", "top_p", "user_profile_id", "workspace_id",
    "ignore_eos", "min_tokens", "output_format",
))  # fmt: skip

#: Fields of a request to count tokens.
COUNT = REQUEST & frozenset((
    "betas", "billing_policy", "cache_control", "compaction", "context_management", "mcp_servers", "messages", "model",
    "output_config", "output_format", "speed", "system", "thinking", "tool_choice", "tools", "user_profile_id",
    "workspace_id",
))  # fmt: skip

# Those of a message of the system among them.
MESSAGE = frozenset(("clear_at", "content", "output_config", "role"))

_RESULT = ("cache_control", "content", "tool_use_id", "type")
_CALL = ("cache_control", "caller", "id", "input", "name", "type")

#: Blocks of content by their types, with their fields.
BLOCKS: Mapping[str, frozenset[str]] = {
    kind: frozenset(fields)
    for kind, fields in {
        "text": ("cache_control", "citations", "text", "type"),
        "image": ("cache_control", "source", "transformations", "type"),
        "document": ("cache_control", "citations", "context", "source", "title", "type"),
        "search_result": ("cache_control", "citations", "content", "source", "title", "type"),
        "thinking": ("signature", "thinking", "type"),
        "redacted_thinking": ("data", "type"),
        "tool_use": (*_CALL, "toolset_name"),
        "tool_result": (*_RESULT, "is_error", "toolset_name"),
        "server_tool_use": _CALL,
        "web_search_tool_result": (*_RESULT, "caller"),
        "web_fetch_tool_result": (*_RESULT, "caller"),
        "advisor_tool_result": _RESULT,
        "code_execution_tool_result": _RESULT,
        "bash_code_execution_tool_result": _RESULT,
        "text_editor_code_execution_tool_result": _RESULT,
        "tool_search_tool_result": _RESULT,
        "mcp_tool_use": ("cache_control", "id", "input", "name", "server_name", "type"),
        "mcp_tool_result": (*_RESULT, "is_error"),
        "container_upload": ("cache_control", "file_id", "type"),
        "compaction": ("cache_control", "content", "encrypted_content", "signature", "tool_changes", "type"),
        "tool_addition": ("cache_control", "tool", "type"),
        "tool_removal": ("cache_control", "tool", "type"),
        "mcp_tool_listing": ("mcp_server_name", "tools", "type"),
        "fallback": ("from", "to", "trigger", "type"),
    }.items()
}

TOOL = frozenset((
    "allowed_callers", "cache_control", "defer_loading", "description", "eager_input_streaming", "input_examples",
    "input_schema", "name", "strict", "type",
))  # fmt: skip

# Tools of the service's own: these, and those with the date of their version (bash_20250124).
_SERVER_TOOLS = ("mcp_toolset", "tool_search_tool_bm25", "tool_search_tool_regex")
_DATED = re.compile(r"[a-z][a-z0-9_]*_20[0-9]{6}")

CHOICES: Mapping[str, frozenset[str]] = {
    "auto": frozenset(("disable_parallel_tool_use", "type")),
    "any": frozenset(("disable_parallel_tool_use", "type")),
    "tool": frozenset(("disable_parallel_tool_use", "name", "type")),
    "none": frozenset(("type",)),
}

THINKING: Mapping[str, frozenset[str]] = {
    "adaptive": frozenset(("display", "type")),
    "between_tools": frozenset(("type",)),
    "disabled": frozenset(("type",)),
    "enabled": frozenset(("budget_tokens", "display", "type")),
}

#: Sources of an image, and its media types.
SOURCES: Mapping[str, frozenset[str]] = {
    "base64": frozenset(("data", "media_type", "type")),
    "file": frozenset(("file_id", "type")),
    "url": frozenset(("type", "url")),
}
IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")

_ID = re.compile(r"[a-zA-Z0-9_-]+")

CACHE_CONTROL = frozenset(("type", "ttl"))

# What a block has to have beside its type.
_NEEDED = {
    "text": ("text",),
    "image": ("source",),
    "document": ("source",),
    "tool_use": ("id", "input", "name"),
    "tool_result": ("tool_use_id",),
    "thinking": ("signature", "thinking"),
    "redacted_thinking": ("data",),
}

# What the result of a tool may say.
_RESULT_BLOCKS = ("text", "image", "search_result", "document", "tool_reference", "browser_state")


def check_fields(document: Mapping[str, Any], known: frozenset[str] = REQUEST) -> None:
    """Raise InvalidRequest for a field or a type of block that the API does not know, and for a block that lacks one.

    `document` is a request whose messages and tools have been read already, so they are lists of objects.
    """
    _refuse_unknown(document, known, "")
    for number, message in enumerate(document["messages"]):
        _refuse_unknown(message, MESSAGE, f"messages.{number}.")
        _check_blocks(message["content"], f"messages.{number}.content")
    _check_blocks(document.get("system"), "system", is_union=False)
    for number, tool in enumerate(document.get("tools") or ()):
        _check_tool(tool, f"tools.{number}")
    for name, tags in (("thinking", THINKING), ("tool_choice", CHOICES)):
        value = document.get(name)
        if value is not None:
            _check_tagged(value, tags, name)


def _refuse_unknown(fields: Iterable[str], known: frozenset[str], place: str) -> None:
    for name in fields:
        if name not in known:
            raise InvalidRequest(f"{place}{name[:100]}: Extra inputs are not permitted")


def unknown_tag(tag: object, tags: Iterable[str], place: str) -> InvalidRequest:
    """The refusal of a value that matches no member of a union."""
    expected = ", ".join(f"'{each}'" for each in sorted(tags))
    return InvalidRequest(
        f"{place}: Input tag '{str(tag)[:100]}' found using 'type' does not match any of the expected tags: {expected}"
    )


def _check_tagged(value: dict[str, Any], tags: Mapping[str, frozenset[str]], place: str) -> None:
    tag = value.get("type")
    if not isinstance(tag, str) or tag not in tags:
        raise unknown_tag(tag, tags, place)
    _refuse_unknown(value, tags[tag], f"{place}.{tag}.")


def _check_blocks(content: Any, place: str, *, is_union: bool = True) -> None:
    for number, block in enumerate(content if isinstance(content, list) else ()):
        tag, where = block["type"], f"{place}.{number}"
        if tag not in BLOCKS:
            raise unknown_tag(tag, BLOCKS, where)
        inside = f"{where}.{tag}" if is_union else where
        _refuse_unknown(block, BLOCKS[tag], f"{inside}.")
        for name in _NEEDED.get(tag, ()):
            if name not in block:
                raise InvalidRequest(f"{inside}.{name}: Field required")
        _check_cache_control(block, inside)
        if tag == "tool_use" and not isinstance(block["input"], dict):
            raise InvalidRequest(f"{inside}.input: Input should be a valid dictionary")
        for name in ("id", "tool_use_id"):
            if isinstance(block.get(name), str) and not _ID.fullmatch(block[name]):
                raise InvalidRequest(f"{inside}.{name}: String should match pattern '^[a-zA-Z0-9_-]+$'")
        if tag == "image":
            _check_source(block["source"], f"{inside}.source")
        if tag == "tool_result":
            _check_result(block.get("content"), f"{inside}.content")


def _check_source(source: Any, place: str) -> None:
    """Where an image comes from."""
    if not isinstance(source, dict):
        raise InvalidRequest(f"{place}: Input should be a valid dictionary")
    _check_tagged(source, SOURCES, place)
    if source["type"] == "base64" and source.get("media_type") not in IMAGES:
        *others, last = (f"'{kind}'" for kind in IMAGES)
        raise InvalidRequest(f"{place}.base64.media_type: Input should be {', '.join(others)} or {last}")


def _check_result(content: Any, place: str) -> None:
    """The content of the result of a tool; what is none of its own blocks is looked at no further."""
    for number, block in enumerate(content if isinstance(content, list) else ()):
        tag, where = block.get("type"), f"{place}.{number}"
        if tag not in _RESULT_BLOCKS:
            raise unknown_tag(tag, _RESULT_BLOCKS, where)
        if tag in BLOCKS:
            _refuse_unknown(block, BLOCKS[tag], f"{where}.{tag}.")
            _check_cache_control(block, f"{where}.{tag}")
        if tag == "text" and not isinstance(block.get("text"), str):
            raise InvalidRequest(f"{where}.text.text: Field required")


def _check_cache_control(fields: Mapping[str, Any], place: str) -> None:
    control = fields.get("cache_control")
    if isinstance(control, dict):
        _check_tagged(control, {"ephemeral": CACHE_CONTROL}, f"{place}.cache_control")


def _check_tool(tool: dict[str, Any], place: str) -> None:
    """A tool of the client's own; those of the service, which have a type, have fields of their own, too."""
    tag = tool.get("type")
    if tag not in (None, "custom"):
        if tag not in _SERVER_TOOLS and not _DATED.fullmatch(tag):
            raise unknown_tag(tag, ("custom", *_SERVER_TOOLS), place)
        return
    inside = f"{place}.custom"
    _refuse_unknown(tool, TOOL, f"{inside}.")
    for name in ("name", "input_schema"):
        if tool.get(name) is None:
            raise InvalidRequest(f"{inside}.{name}: Field required")
    _check_cache_control(tool, inside)
