"""What the real service requires of the messages and tools of a chat, apart from their types. Pure functions.

Each raises InvalidRequest with the service's own message, as known from its users' reports; the tests name the sources.
"""

from __future__ import annotations

import re

from oagw_tornado.services.openai.bounds import (
    LONGEST_CALL_ID,
    check_count,
    check_length,
    check_name,
    empty_array,
    missing,
    quote,
    unsupported,
)
from oagw_tornado.services.openai.chat.requests import CalledTool, ChatRequest, Message, ToolDefinition
from oagw_tornado.services.openai.errors import InvalidRequest
from oagw_tornado.services.openai.requests import Part, text_of
from oagw_tornado.services.openai.strict_schema import problem_of

CONTENT = ("text", "image_url", "input_audio", "refusal", "audio", "file")

# The field that a part of a type has to have.
_NEEDED = {"text": "text", "image_url": "image_url", "input_audio": "input_audio", "refusal": "refusal", "file": "file"}

_AUTHOR = re.compile(r"[^\s<|\\/>]+")


def check(request: ChatRequest) -> None:
    """Raise InvalidRequest for the first thing that the service refuses."""
    for number, message in enumerate(request.messages):
        _check_message(message, number)
    check_count(len(request.tools or ()), "tools")
    for number, tool in enumerate(request.tools or ()):
        _check_tool(tool, f"tools[{number}]")
    if request.parallel_tool_calls is not None and not request.tools:
        raise InvalidRequest(
            "Invalid value for 'parallel_tool_calls': 'parallel_tool_calls' is only allowed when 'tools' are"
            " specified.",
            param="parallel_tool_calls",
        )
    _check_format(request)
    _check_results(request.messages)


def _check_message(message: Message, number: int) -> None:
    field = f"messages[{number}]"
    if message.name is not None and not _AUTHOR.fullmatch(message.name):
        raise InvalidRequest(
            f"Invalid '{field}.name': string does not match pattern. Expected a string that matches the pattern"
            r" '^[^\s<|\\/>]+$'.",
            param=f"{field}.name",
            code="invalid_value",
        )
    if isinstance(message.content, list):
        if not message.content:
            raise empty_array(f"{field}.content")
        for place, part in enumerate(message.content):
            _check_part(part, message.role, field, place)
    if message.tool_calls is not None and message.role == "assistant":
        if not message.tool_calls:
            raise empty_array(f"{field}.tool_calls")
        for place, call in enumerate(message.tool_calls):
            _check_call(call, f"{field}.tool_calls[{place}]")
    if message.content is None and not _says_otherwise(message):
        raise InvalidRequest(
            "Invalid value for 'content': expected a string, got null.", param=f"messages.[{number}].content"
        )


def _says_otherwise(message: Message) -> bool:
    """Whether a message needs no content."""
    others = (message.tool_calls, message.refusal, message.function_call, message.audio)
    return message.role == "function" or (message.role == "assistant" and any(other is not None for other in others))


def _check_part(part: Part, role: str, message: str, place: int) -> None:
    field = f"{message}.content[{place}]"
    if part.type not in CONTENT:
        raise unsupported(part.type, CONTENT, f"{field}.type")
    if part.type == "image_url" and role != "user":
        raise InvalidRequest(
            f"Invalid '{message}'. Image URLs are only allowed for messages with role 'user', but this message with"
            f" role '{role}' contains an image URL.",
            param=message,
            code="invalid_value",
        )
    needed = _NEEDED.get(part.type)
    if needed is not None and getattr(part, needed) is None:
        raise missing(f"{field}.{needed}")


def _check_call(call: CalledTool, field: str) -> None:
    if call.id is None:
        raise missing(f"{field}.id")
    check_length(call.id, f"{field}.id", LONGEST_CALL_ID)
    if call.type not in ("function", "custom"):
        raise unsupported(call.type, ("function", "custom"), f"{field}.type")
    called = call.custom if call.type == "custom" else call.function
    if called is None:
        raise missing(f"{field}.{call.type}")
    if called.name is None:
        raise missing(f"{field}.{call.type}.name")
    check_name(called.name, f"{field}.{call.type}.name")
    if call.function is not None and call.function.arguments is None:
        raise missing(f"{field}.function.arguments")


def _check_tool(tool: ToolDefinition, field: str) -> None:
    offered = tool.custom if tool.type == "custom" else tool.function
    if offered is None:
        raise missing(f"{field}.{tool.type}")
    check_name(offered.name, f"{field}.{tool.type}.name")
    if tool.function is None or not tool.function.parameters:
        return
    problem = problem_of(tool.function.parameters, is_strict=bool(tool.function.strict))
    if problem is not None:
        raise InvalidRequest(
            f"Invalid schema for function '{tool.function.name}': {problem}",
            param=f"{field}.function.parameters",
            code="invalid_function_parameters",
        )


def _check_format(request: ChatRequest) -> None:
    wanted = request.response_format
    if wanted is None:
        return
    if wanted.type == "json_object" and not any("json" in text_of(each.content).lower() for each in request.messages):
        raise InvalidRequest(
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
            param="messages",
        )
    if wanted.type != "json_schema" or wanted.json_schema is None:
        return
    check_name(wanted.json_schema.name, "response_format.json_schema.name")
    if not wanted.json_schema.strict:
        return
    if wanted.json_schema.schema is None:
        raise missing("response_format.json_schema.schema")
    problem = problem_of(wanted.json_schema.schema, is_strict=True)
    if problem is not None:
        raise InvalidRequest(
            f"Invalid schema for response_format '{wanted.json_schema.name}': {problem}", param="response_format"
        )


def _check_results(messages: list[Message]) -> None:
    """Each call has its result before anybody else speaks, and each result its call."""
    called: dict[str, int | None] = {}  # the ids of the latest calls, and the messages that have their results
    for number, message in enumerate(messages):
        if message.role == "tool":
            _check_result(message, number, called)
            continue
        _check_all_answered(called, f"messages.[{number}].role")
        called = _called(message, number)
    _check_all_answered(called, "messages")


def _called(message: Message, number: int) -> dict[str, int | None]:
    called: dict[str, int | None] = {}
    for call in (message.tool_calls or ()) if message.role == "assistant" else ():
        if call.id in called:
            raise _repeated(call.id, f"in messages[{number}]", f"messages.[{number}].tool_calls")
        called[call.id or ""] = None
    return called


def _check_result(message: Message, number: int, called: dict[str, int | None]) -> None:
    id, field = message.tool_call_id, f"messages.[{number}].tool_call_id"
    if id is None:
        raise InvalidRequest(
            "Missing parameter 'tool_call_id': messages with role 'tool' must have a 'tool_call_id'.", param=field
        )
    if not called:
        raise InvalidRequest(  # as the service spells it
            "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with"
            " 'tool_calls'.",
            param=f"messages.[{number}].role",
        )
    check_length(id, f"messages[{number}].tool_call_id", LONGEST_CALL_ID)
    if id not in called:
        raise InvalidRequest(
            f"Invalid parameter: 'tool_call_id' of '{quote(id)}' not found in 'tool_calls' of previous message.",
            param=field,
        )
    earlier = called[id]
    if earlier is not None:
        raise _repeated(id, f"in messages[{earlier}] and messages[{number}]", field)
    called[id] = number


def _repeated(id: str, where: str, field: str) -> InvalidRequest:
    return InvalidRequest(
        f"Invalid parameter: Duplicate value for 'tool_call_id' of '{quote(id)}', {where}.", param=field
    )


def _check_all_answered(called: dict[str, int | None], field: str) -> None:
    open = [quote(id) for id, answer in called.items() if answer is None]
    if open:
        raise InvalidRequest(
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each"
            " 'tool_call_id'. The following tool_call_ids did not have response messages: " + ", ".join(open[:20]),
            param=field,
        )
