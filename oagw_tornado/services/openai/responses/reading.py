"""Reads a request for a response as a conversation, or refuses it with the API's error."""

from __future__ import annotations

from collections.abc import Callable

from oagw_tornado.reply.conversation import Call, Conversation, Message, OfferedTool, ResponseFormat, Result, merged
from oagw_tornado.services.context import Context
from oagw_tornado.services.dialect import in_context
from oagw_tornado.services.openai.bodies import read as read_body
from oagw_tornado.services.openai.bounds import MOST_MESSAGES, MOST_OFFERED, check_count
from oagw_tornado.services.openai.errors import InvalidRequest, context_too_long
from oagw_tornado.services.openai.requests import image_sizes, media_of, part_tokens, text_of
from oagw_tornado.services.openai.response_format import response_format
from oagw_tornado.services.openai.responses.requests import InputItem, ResponseRequest
from oagw_tornado.services.openai.tool_choice import ToolChoice, offered, tool_choice
from oagw_tornado.services.prompt_tokens import tool_tokens

DEFAULT_MODEL = "gpt-4"

_SYSTEM = ("system", "developer")


#: The conversation up to the response with an id; None if there is no such response.
Recall = Callable[[str | None], tuple[InputItem, ...] | None]


def remember_nothing(id: str | None) -> tuple[InputItem, ...] | None:
    """The memory of a service that stores no response."""
    return None


def read(body: bytes, context: Context, recall: Recall = remember_nothing) -> Conversation:
    """The conversation in the body of a request, with that which it builds on. Raises InvalidRequest."""
    request = read_body(body, ResponseRequest)
    if isinstance(request.input, list):
        check_count(len(request.input), "input", MOST_MESSAGES)
        parts = sum(len(item.content) for item in request.input if isinstance(item.content, list))
        check_count(parts, "input.content", MOST_MESSAGES)
    check_count(len(request.tools or ()), "tools", MOST_OFFERED)
    if not request.input and request.input != "" and request.previous_response_id is None:
        raise InvalidRequest("Missing required parameter: 'input'.", param="input", code="missing_required_parameter")
    if not request.model:
        if context.is_exact:
            raise InvalidRequest(
                "Missing required parameter: 'model'.", param="model", code="missing_required_parameter"
            )
        request.model = DEFAULT_MODEL
    tools = _tools(request)
    choice, callable = _choice(request, tools)
    earlier = recall(request.previous_response_id) or ()
    given = _with_earlier(earlier, request.input or "")
    check_count(len(given) if isinstance(given, list) else 0, "input", MOST_MESSAGES)
    messages = _messages(given)
    instructions = _texts(request.instructions or "")
    systems = (message.text for message in messages if message.role in _SYSTEM)
    conversation = Conversation(
        dialect="openai-responses",
        model=request.model,
        messages=messages,
        texts=(*_texts(given), *instructions),
        system="\n".join(text for text in (*instructions, *systems) if text),
        tools=tools,
        callable=callable,
        tool_choice=choice,
        response_format=_format(request),
        stream=bool(request.stream),
        limit=request.max_output_tokens,
        other_tokens=_other_tokens(request, given),
        ignore_eos=bool(request.ignore_eos),
        min_tokens=request.min_tokens or 0,
        request=request,
    )
    return in_context(conversation, context, context_too_long("input"))


def _with_earlier(earlier: tuple[InputItem, ...], given: str | list[InputItem]) -> str | list[InputItem]:
    if not earlier:
        return given
    if isinstance(given, str):
        given = [InputItem(role="user", content=given)] if given else []
    return [*earlier, *given]


def _other_tokens(request: ResponseRequest, given: str | list[InputItem]) -> int:
    """The tokens of images, files and the definitions of tools."""
    items = given if isinstance(given, list) else []
    tools = sum(tool_tokens(tool.name or "", tool.description, tool.parameters) for tool in request.tools or ())
    return tools + sum(part_tokens(item.content) + part_tokens(item.output) for item in items)


def _texts(content: str | list[InputItem]) -> list[str]:
    if isinstance(content, str):
        return [content]
    return [text_of(item.content if item.output is None else item.output) for item in content]


def _messages(given: str | list[InputItem]) -> tuple[Message, ...]:
    """The items as messages: what the assistant said and called in a row is one."""
    if isinstance(given, str):
        return (Message("user", given),)
    names: dict[str, str] = {}
    messages: list[Message] = []
    for item in given:
        kind = item.type or "message"
        if kind.endswith("call_output"):
            text, id = text_of(item.output), item.call_id or ""
            messages.append(Message("tool", text, results=(Result(id, names.get(id, ""), text),)))
        elif kind in ("function_call", "custom_tool_call"):
            call = Call(item.call_id or "", item.name or "", item.arguments or item.input or "")
            names[call.id] = call.name
            messages.append(Message("assistant", "", (call,)))
        elif kind == "message":
            text = text_of(item.content)
            messages.append(
                Message(item.role or "user", text, images=image_sizes(item.content), media=media_of(item.content))
            )
        else:  # reasoning, a call of the service's own tools, …: the assistant's, too
            messages.append(Message("assistant", ""))
    return merged(messages)


def _format(request: ResponseRequest) -> ResponseFormat:
    wanted = request.text.format if request.text is not None else None
    if wanted is None:
        return ResponseFormat()
    named = None if wanted.schema is None else (str(wanted.name), wanted.schema)
    return response_format(wanted.type, "text.format", "text.format.schema", named)


def _tools(request: ResponseRequest) -> tuple[OfferedTool, ...]:
    """The client's own tools; the service runs its own tools itself."""
    return tuple(
        OfferedTool(
            tool.name, None if tool.type == "custom" else tool.parameters or {"type": "object", "properties": {}}
        )
        for tool in request.tools or ()
        if tool.type in ("function", "custom") and tool.name
    )


def _choice(request: ResponseRequest, tools: tuple[OfferedTool, ...]) -> tuple[ToolChoice, tuple[str, ...] | None]:
    """Whether a tool is to be called, and which of them may be."""
    choice = request.tool_choice or "auto"
    if isinstance(choice, str):
        return tool_choice(choice), None
    names = {tool.name for tool in tools}
    if choice.get("type") == "allowed_tools":
        allowed = [str(each.get("name")) for each in choice.get("tools") or () if isinstance(each, dict)]
        return tool_choice(str(choice.get("mode") or "auto")), tuple(offered(name, names) for name in allowed)
    return "required", (offered(str(choice.get("name")), names),)
