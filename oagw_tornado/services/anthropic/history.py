"""What the real service requires of the messages and tools of a request, apart from their types. Pure functions.

Each raises InvalidRequest with the service's own message, as known from its users' reports; the tests name the sources.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from oagw_tornado.services.anthropic.errors import InvalidRequest
from oagw_tornado.services.anthropic.fields import BLOCKS
from oagw_tornado.services.anthropic.requests import Block, CountRequest, Message, MessagesRequest, Tool

LONGEST_TOOL_NAME = 128
LEAST_BUDGET = 1024
MOST_CACHE_MARKS = 4

# Results of tools that the service called itself.
_SERVER_RESULTS = frozenset(kind for kind in BLOCKS if kind.endswith("_tool_result")) - {"mcp_tool_result"}

_NAME = re.compile(r"[a-zA-Z0-9_-]+")
_NOT_CLOSED = "For 'object' type, 'additionalProperties' must be explicitly set to false"
_DOCUMENTATION = (
    "Please consult our documentation at https://docs.claude.com/en/docs/build-with-claude/extended-thinking"
)


def check(request: CountRequest) -> None:
    """Raise InvalidRequest for the first thing that the service refuses."""
    _check_tools(request.tools or [])
    if isinstance(request, MessagesRequest):
        _check_settings(request)
    _check_texts(request)
    _check_cache_marks(request)
    _check_order(request.messages)
    _check_results(request.messages)


def _check_tools(tools: list[Tool]) -> None:
    for number, tool in enumerate(tools):
        if tool.type not in (None, "custom"):
            continue
        field = f"tools.{number}.custom"
        if len(tool.name) > LONGEST_TOOL_NAME:
            raise InvalidRequest(f"{field}.name: String should have at most {LONGEST_TOOL_NAME} characters")
        if not tool.name:
            raise InvalidRequest(f"{field}.name: String should have at least 1 character")
        if not _NAME.fullmatch(tool.name):
            raise InvalidRequest(f"{field}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
        _check_schema(tool.input_schema or {}, f"{field}.input_schema", is_strict=bool(tool.strict))
    names = [tool.name for tool in tools if tool.name]
    if len(set(names)) < len(names):
        raise InvalidRequest("tools: Tool names must be unique.")


def _check_schema(schema: dict[str, Any], field: str, *, is_strict: bool) -> None:
    kind = schema.get("type")
    if kind is None:
        raise InvalidRequest(f"{field}.type: Field required")
    if kind != "object":
        raise InvalidRequest(f"{field}.type: Input should be 'object'")
    if is_strict and any(_is_open(each) for each in _objects_in(schema)):
        raise InvalidRequest(f"{field.removesuffix('.input_schema')}: {_NOT_CLOSED}")


def _is_open(schema: dict[str, Any]) -> bool:
    return schema.get("type") == "object" and schema.get("additionalProperties") is not False


def _objects_in(schema: Any) -> Iterator[dict[str, Any]]:
    """All schemas in `schema`; it comes from a document of bounded depth."""
    if not isinstance(schema, dict):
        return
    yield schema
    for keyword in ("properties", "$defs", "definitions"):
        named = schema.get(keyword)
        for part in named.values() if isinstance(named, dict) else ():
            yield from _objects_in(part)
    for keyword in ("anyOf", "oneOf", "allOf"):
        listed = schema.get(keyword)
        for part in listed if isinstance(listed, list) else ():
            yield from _objects_in(part)
    yield from _objects_in(schema.get("items"))


def _check_settings(request: MessagesRequest) -> None:
    """What one setting asks of another."""
    choice, thinking = request.tool_choice, request.thinking
    if choice is not None and choice.type != "none" and not request.tools:
        raise InvalidRequest("tool_choice may only be specified while providing tools.")
    for sequence in request.stop_sequences or ():
        if not sequence.strip():
            raise InvalidRequest("stop_sequences: each stop sequence must contain non-whitespace")
    wanted = (request.output_config.format if request.output_config is not None else None) or request.output_format
    if wanted is not None and wanted.type == "json_schema":
        field = "output_format" if wanted is request.output_format else "output_config.format"
        if wanted.schema is None:
            raise InvalidRequest(f"{field}.schema: Field required")
        if any(_is_open(each) for each in _objects_in(wanted.schema)):
            raise InvalidRequest(f"{field}.schema: {_NOT_CLOSED}")
    if thinking is None or thinking.type != "enabled":
        return
    budget = thinking.budget_tokens
    if budget is None:
        raise InvalidRequest("thinking.enabled.budget_tokens: Field required")
    if budget < LEAST_BUDGET:
        raise InvalidRequest(f"thinking.enabled.budget_tokens: Input should be greater than or equal to {LEAST_BUDGET}")
    if budget >= request.max_tokens:
        raise InvalidRequest(
            f"`max_tokens` must be greater than `thinking.budget_tokens`. {_DOCUMENTATION}"
            "#max-tokens-and-context-window-size"
        )
    if request.temperature not in (None, 1):
        raise InvalidRequest(
            f"`temperature` may only be set to 1 when thinking is enabled. {_DOCUMENTATION}"
            "#important-considerations-when-using-extended-thinking"
        )
    if choice is not None and choice.type in ("any", "tool"):
        raise InvalidRequest("Thinking may not be enabled when tool_choice forces tool use.")


def _check_texts(request: CountRequest) -> None:
    """No text is empty, but for that of an assistant who is about to go on."""
    for number, block in enumerate(request.system if isinstance(request.system, list) else ()):
        _check_text(block, "system", f"system.{number}")
    last = len(request.messages) - 1
    for number, message in enumerate(request.messages):
        is_open_end = number == last and message.role == "assistant"
        if not message.content and not is_open_end:
            raise InvalidRequest(
                f"messages.{number}: all messages must have non-empty content except for the optional final assistant"
                " message"
            )
        for place, block in enumerate(message.content if isinstance(message.content, list) else ()):
            _check_text(block, "messages", f"messages.{number}.content.{place}.text")
    _check_end(request.messages[last])


def _check_text(block: Block, whose: str, field: str) -> None:
    texts: Iterable[Any] = ()
    if block.type == "text":
        if block.cache_control is not None and not block.text:
            raise InvalidRequest(f"{field}: cache_control cannot be set for empty text blocks")
        texts = (block.text,)
    elif block.type == "tool_result" and isinstance(block.content, list):
        texts = (part.get("text") for part in block.content if part.get("type") == "text")
    for text in texts:
        if not text:
            raise InvalidRequest(f"{whose}: text content blocks must be non-empty")
        if not str(text).strip():
            raise InvalidRequest(f"{whose}: text content blocks must contain non-whitespace text")


def _check_end(message: Message) -> None:
    """What an assistant is to go on with does not end in a space: the next token begins with one."""
    if message.role != "assistant" or not message.content:
        return
    content = message.content
    text = content if isinstance(content, str) else (content[-1].text or "") if content[-1].type == "text" else ""
    if text != text.rstrip():
        raise InvalidRequest("messages: final assistant content cannot end with trailing whitespace")


def _check_cache_marks(request: CountRequest) -> None:
    contents = [request.system, *(message.content for message in request.messages)]
    marked = [tool.cache_control for tool in request.tools or ()]
    marked += [block.cache_control for content in contents if isinstance(content, list) for block in content]
    count = sum(mark is not None for mark in marked)
    if count > MOST_CACHE_MARKS:
        raise InvalidRequest(
            f"A maximum of {MOST_CACHE_MARKS} blocks with cache_control may be provided. Found {count}."
        )


def _check_order(messages: list[Message]) -> None:
    first = next((message for message in messages if message.role != "system"), None)
    if first is not None and first.role == "assistant":
        raise InvalidRequest('messages: first message must use the "user" role')


class _Turn(NamedTuple):
    """What one side says at a time: messages of one role in a row (https://docs.anthropic.com/en/api/messages)."""

    role: str
    blocks: list[_Placed]


class _Placed(NamedTuple):
    message: int
    field: str
    block: Block


def _turns(messages: list[Message]) -> Iterator[_Turn]:
    turn: _Turn | None = None
    for number, message in enumerate(messages):
        if message.role == "system":
            continue
        content = message.content if isinstance(message.content, list) else [Block("text", text=message.content)]
        if turn is None or turn.role != message.role:
            if turn is not None:
                yield turn
            turn = _Turn(message.role, [])
        turn.blocks.extend(
            _Placed(number, f"messages.{number}.content.{place}", block) for place, block in enumerate(content)
        )
    if turn is not None:
        yield turn


def _check_results(messages: list[Message]) -> None:
    """Each call has its result at the beginning of the next turn, and each result its call in the turn before."""
    used: set[str] = set()  # ids of all calls
    serving: set[str] = set()  # ids of those that the service answers
    called: dict[str, int] = {}  # the calls of the turn before, and the messages that they are in
    for turn in _turns(messages):
        _check_answers(turn, called)
        called = {}
        for number, field, block in turn.blocks:
            if block.type == "tool_use":
                if block.id in used:
                    raise InvalidRequest(f"{field}: `tool_use` ids must be unique")
                used.add(block.id or "")
                called[block.id or ""] = number
            elif block.type == "server_tool_use":
                serving.add(block.id or "")
            elif block.type in _SERVER_RESULTS and (block.tool_use_id or "") not in serving:
                raise _unexpected(field, block, "a corresponding `server_tool_use` block before it")
    _check_all_answered(called, set())


def _check_answers(turn: _Turn, called: dict[str, int]) -> None:
    """The results of a turn belong to the calls of the turn before, one to each, and come first."""
    answered: set[str] = set()
    found: set[str] = set()
    is_opening = True
    for _, field, block in turn.blocks:
        is_opening = is_opening and block.type == "tool_result"
        if block.type != "tool_result":
            continue
        id = block.tool_use_id or ""
        if id not in called or turn.role != "user":
            raise _unexpected(field, block, "a corresponding `tool_use` block in the previous message")
        if id in found:
            raise InvalidRequest(
                f"{field}: each tool_use must have a single result. Found multiple `tool_result` blocks with id:"
                f" {_quote(id)}"
            )
        found.add(id)
        if is_opening:
            answered.add(id)
    _check_all_answered(called, answered)


def _check_all_answered(called: dict[str, int], answered: set[str]) -> None:
    open = {id: number for id, number in called.items() if id not in answered}
    if open:
        number = next(iter(open.values()))
        ids = ", ".join(_quote(id) for id in list(open)[:20])
        raise InvalidRequest(
            f"messages.{number}: `tool_use` ids were found without `tool_result` blocks immediately after: {ids}. Each"
            " `tool_use` block must have a corresponding `tool_result` block in the next message."
        )


def _unexpected(field: str, block: Block, needed: str) -> InvalidRequest:
    id = _quote(block.tool_use_id or "")
    return InvalidRequest(
        f"{field}: unexpected `tool_use_id` found in `{block.type}` blocks: {id}. Each `{block.type}` block must have"
        f" {needed}."
    )


def _quote(id: str) -> str:
    return id[:100]
