"""What the real service requires of the input and the tools of a response, apart from their types. Pure functions.

Each raises InvalidRequest with the service's own message, as known from its users' reports; the tests name the sources.
"""

from __future__ import annotations

from collections.abc import Iterable

from oagw_tornado.services.openai.bounds import check_count, check_name, missing, quote, unsupported
from oagw_tornado.services.openai.errors import InvalidRequest
from oagw_tornado.services.openai.requests import Part
from oagw_tornado.services.openai.responses.requests import InputItem, ResponseRequest
from oagw_tornado.services.openai.strict_schema import problem_of

ROLES = ("assistant", "system", "developer", "user")

#: The types of the items of an input.
ITEMS = (
    "additional_tools", "agent_message", "apply_patch_call", "apply_patch_call_output", "code_interpreter_call",
    "compaction", "compaction_trigger", "computer_call", "computer_call_output", "custom_tool_call",
    "custom_tool_call_output", "file_search_call", "function_call", "function_call_output", "image_generation_call",
    "item_reference", "local_shell_call", "local_shell_call_output", "mcp_approval_request", "mcp_approval_response",
    "mcp_call", "mcp_list_tools", "message", "multi_agent_call", "multi_agent_call_output", "program",
    "program_output", "reasoning", "shell_call", "shell_call_output", "tool_search_call", "tool_search_output",
    "web_search_call",
)  # fmt: skip

#: The types of the parts of a message, all there are, then those that each side may say.
CONTENT = (
    "input_text", "input_image", "input_audio", "output_text", "refusal", "input_file", "computer_screenshot",
    "summary_text", "encrypted_content",
)  # fmt: skip
SAID_TO_IT = ("input_text", "input_image", "input_file", "scoped_content", "input_audio")
SAID_BY_IT = ("output_text", "refusal")

# Calls that the client answers, by their outputs, and what the service calls them.
_CALLS = {"function_call": "function call", "custom_tool_call": "custom tool call"}


def check(request: ResponseRequest) -> None:
    """Raise InvalidRequest for the first thing that the service refuses, whatever was said before."""
    for number, item in enumerate(items_of(request)):
        _check_item(item, f"input[{number}]")
    _check_tools(request)
    _check_format(request)


def items_of(request: ResponseRequest) -> list[InputItem]:
    """The items of the input; a text has none."""
    return request.input if isinstance(request.input, list) else []


def _check_item(item: InputItem, field: str) -> None:
    kind = item.type or "message"
    if kind not in ITEMS:
        raise unsupported(kind, ITEMS, field)
    if kind == "message":
        _check_message(item, field)
    elif kind in _CALLS:
        for needed in ("call_id", "name", "arguments" if kind == "function_call" else "input"):
            if getattr(item, needed) is None:
                raise missing(f"{field}.{needed}")
        check_name(item.name or "", f"{field}.name")
    elif kind.removesuffix("_output") in _CALLS:
        for needed in ("call_id", "output"):
            if getattr(item, needed) is None:
                raise missing(f"{field}.{needed}")


def _check_message(item: InputItem, field: str) -> None:
    role = item.role or ""
    if role not in ROLES:
        raise unsupported(role, ROLES, field)
    if item.content is None:
        raise missing(f"{field}.content")
    for place, part in enumerate(item.content if isinstance(item.content, list) else ()):
        _check_part(part, SAID_BY_IT if role == "assistant" else SAID_TO_IT, f"{field}.content[{place}]")


def _check_part(part: Part, allowed: tuple[str, ...], field: str) -> None:
    if part.type not in CONTENT and part.type not in allowed:
        raise unsupported(part.type, CONTENT, f"{field}.type")
    if part.type not in allowed:
        raise unsupported(part.type, allowed, field)
    if part.type in ("input_text", "output_text") and part.text is None:
        raise missing(f"{field}.text")


def _check_tools(request: ResponseRequest) -> None:
    tools = request.tools or ()
    check_count(len(tools), "tools")
    for number, tool in enumerate(tools):
        if tool.type not in ("function", "custom"):
            continue
        field = f"tools[{number}]"
        if tool.name is None:
            raise missing(f"{field}.name")
        check_name(tool.name, f"{field}.name")
        if tool.type == "function" and tool.parameters:
            problem = problem_of(tool.parameters, is_strict=bool(tool.strict))
            if problem is not None:
                raise InvalidRequest(
                    f"Invalid schema for function '{tool.name}': {problem}",
                    param=f"{field}.parameters",
                    code="invalid_function_parameters",
                )


def _check_format(request: ResponseRequest) -> None:
    wanted = request.text.format if request.text is not None else None
    if wanted is None or wanted.type != "json_schema":
        return
    if wanted.name is None:
        raise missing("text.format.name")
    check_name(wanted.name, "text.format.name")
    problem = problem_of(wanted.schema or {}, is_strict=True) if wanted.strict else None
    if problem is not None:
        raise InvalidRequest(
            f"Invalid schema for response_format '{wanted.name}': {problem}",
            param="text.format.schema",
            code="invalid_json_schema",
        )


def check_calls(items: Iterable[InputItem]) -> None:
    """Raise InvalidRequest unless each call has an output behind it, and each output its call before it."""
    called: dict[tuple[str, str], bool] = {}  # kinds and ids of the calls, and whether they have their outputs
    for item in items:
        kind, id = item.type or "message", item.call_id or ""
        if kind in _CALLS:
            called.setdefault((kind, id), False)
        elif kind.removesuffix("_output") in _CALLS:
            key = (kind.removesuffix("_output"), id)
            if key not in called:
                raise InvalidRequest(
                    f"No tool call found for {_CALLS[key[0]]} output with call_id {quote(id)}.", param="input"
                )
            called[key] = True
    for (kind, id), is_answered in called.items():
        if not is_answered:
            raise InvalidRequest(f"No tool output found for {_CALLS[kind]} {quote(id)}.", param="input")
