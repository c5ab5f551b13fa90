"""Reads a chat completion request as a conversation, or refuses it with the API's error."""

from __future__ import annotations

from oagw_tornado.reply.conversation import Call, Conversation, Message, OfferedTool, ResponseFormat, Result
from oagw_tornado.services.context import Context
from oagw_tornado.services.dialect import in_context
from oagw_tornado.services.openai.bodies import read as read_body
from oagw_tornado.services.openai.bounds import MOST_MESSAGES, MOST_OFFERED, check_count
from oagw_tornado.services.openai.chat import requests
from oagw_tornado.services.openai.chat.requests import ChatRequest, ToolDefinition
from oagw_tornado.services.openai.completions.logprobs import check_prompt_logprobs
from oagw_tornado.services.openai.errors import InvalidRequest, context_too_long
from oagw_tornado.services.openai.requests import image_sizes, media_of, part_tokens, sequences, text_of
from oagw_tornado.services.openai.response_format import response_format
from oagw_tornado.services.openai.tool_choice import ToolChoice, offered, tool_choice
from oagw_tornado.services.prompt_tokens import tool_tokens

DEFAULT_MODEL = "gpt-4"

# Characters, about, of one token's logprob and of each of its alternatives.
LOGPROB_SIZE = 100

_SYSTEM = ("system", "developer")
_ROLES = ("developer", "system", "user", "assistant", "tool", "function")


def read(body: bytes, context: Context) -> Conversation:
    """The conversation in the body of a request. Raises InvalidRequest."""
    request = read_body(body, ChatRequest)
    check_count(len(request.messages), "messages", MOST_MESSAGES)
    parts = sum(len(message.content) for message in request.messages if isinstance(message.content, list))
    check_count(parts, "messages.content", MOST_MESSAGES)
    check_count(
        sum(len(message.tool_calls or ()) for message in request.messages), "messages.tool_calls", MOST_MESSAGES
    )
    check_count(len(request.tools or ()), "tools", MOST_OFFERED)
    if not request.model:
        if context.is_exact:
            raise InvalidRequest("you must provide a model parameter")
        request.model = DEFAULT_MODEL
    _check(request, context)
    tools = tuple(_tool(definition, number) for number, definition in enumerate(request.tools or ()))
    choice, callable = _choice(request, tools)
    messages = _messages(request.messages)
    check_prompt_logprobs([message.text for message in messages], request.prompt_logprobs)
    conversation = Conversation(
        dialect="openai-chat",
        model=request.model,
        messages=messages,
        texts=tuple(message.text for message in messages),
        system="\n".join(message.text for message in messages if message.role in _SYSTEM),
        tools=tools,
        callable=callable,
        tool_choice=choice,
        response_format=_format(request),
        stream=bool(request.stream),
        limit=request.limit,
        stop=tuple(sequences(request.stop)),
        other_tokens=_other_tokens(request),
        ignore_eos=bool(request.ignore_eos),
        min_tokens=request.min_tokens or 0,
        choices=request.n or 1,
        bytes_per_token=LOGPROB_SIZE * (1 + (request.top_logprobs or 0)) if request.logprobs else 0,
        request=request,
    )
    return in_context(conversation, context, context_too_long("messages"))


def _other_tokens(request: ChatRequest) -> int:
    """The tokens of images, files and the definitions of tools."""
    functions = (tool.function for tool in request.tools or () if tool.function is not None)
    tools = sum(tool_tokens(each.name, each.description, each.parameters) for each in functions)
    return tools + sum(part_tokens(message.content) for message in request.messages)


def _check(request: ChatRequest, context: Context) -> None:
    """What one field asks of another."""
    if request.stream_options is not None and not request.stream:
        raise InvalidRequest(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.", param="stream_options"
        )
    if request.prompt_logprobs and request.stream:
        raise InvalidRequest("`prompt_logprobs` are not available when `stream=True`.", param="prompt_logprobs")
    if request.tool_choice is not None and request.tools is None and request.tool_choice not in ("none", "auto"):
        raise InvalidRequest("'tool_choice' is only allowed when 'tools' are specified.", param="tool_choice")
    if request.top_logprobs is not None and not request.logprobs:
        raise InvalidRequest("'top_logprobs' is only allowed when 'logprobs' is true.", param="top_logprobs")
    if context.is_exact:
        for number, message in enumerate(request.messages):
            if message.role not in _ROLES:
                raise InvalidRequest(
                    f"Invalid value: '{message.role}'. Supported values are: 'system', 'assistant', 'user',"
                    " 'function', 'tool', and 'developer'.",
                    param=f"messages[{number}].role",
                    code="invalid_value",
                )


def _messages(given: list[requests.Message]) -> tuple[Message, ...]:
    """The messages, the results of tools with the names that their calls had."""
    names: dict[str, str] = {}
    messages: list[Message] = []
    for message in given:
        text = text_of(message.content)
        calls = tuple(_call(called) for called in message.tool_calls or ())
        names.update((call.id, call.name) for call in calls)
        results: tuple[Result, ...] = ()
        if message.role in ("tool", "function"):
            id = message.tool_call_id or ""
            results = (Result(id, names.get(id) or message.name or "", text),)
        messages.append(
            Message(message.role, text, calls, results, image_sizes(message.content), media_of(message.content))
        )
    return tuple(messages)


def _call(called: requests.CalledTool) -> Call:
    if called.custom is not None:
        return Call(called.id or "", called.custom.name or "", called.custom.input or "")
    function = called.function or requests.CalledFunction()
    return Call(called.id or "", function.name or "", function.arguments or "")


def _format(request: ChatRequest) -> ResponseFormat:
    wanted = request.response_format
    if wanted is None:
        return ResponseFormat()
    given = wanted.json_schema
    named = None if given is None else (given.name, given.schema or {})
    return response_format(wanted.type, "response_format", "response_format.json_schema", named)


def _choice(request: ChatRequest, tools: tuple[OfferedTool, ...]) -> tuple[ToolChoice, tuple[str, ...] | None]:
    """Whether a tool is to be called, and which of them may be."""
    choice = request.tool_choice or "auto"
    if isinstance(choice, str):
        return tool_choice(choice), None
    kind = choice.get("type")
    chosen = choice.get(kind) if isinstance(kind, str) else None
    names = {tool.name for tool in tools}
    if kind == "allowed_tools" and isinstance(chosen, dict):
        allowed = [_name(each.get(each.get("type"))) for each in chosen.get("tools") or () if isinstance(each, dict)]
        for name in allowed or [""]:
            offered(name, names, "invalid_value")
        return tool_choice(str(chosen.get("mode") or "auto")), tuple(allowed)
    return "required", (offered(_name(chosen), names, "invalid_value"),)


def _name(chosen: object) -> str:
    return str(chosen.get("name")) if isinstance(chosen, dict) else "None"


def _tool(definition: ToolDefinition, number: int) -> OfferedTool:
    if definition.type == "function" and definition.function is not None:
        schema = definition.function.parameters or {"type": "object", "properties": {}}
        return OfferedTool(definition.function.name, schema)
    if definition.type == "custom" and definition.custom is not None:
        return OfferedTool(definition.custom.name, None)
    if definition.type not in ("function", "custom"):
        raise InvalidRequest(
            f"Invalid value: '{definition.type}'. Supported values are: 'function' and 'custom'.",
            param=f"tools[{number}].type",
            code="invalid_value",
        )
    field = f"tools[{number}].{definition.type}"
    raise InvalidRequest(f"Missing required parameter: '{field}'.", param=field, code="missing_required_parameter")
