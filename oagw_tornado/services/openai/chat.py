"""Chat completions: which answer a request gets. How the answer is written is in `chat_wire`."""

from __future__ import annotations

from functools import lru_cache

from oagw_tornado.reply.reply import Reply
from oagw_tornado.services import language_model as model
from oagw_tornado.services.json_instance import instance_of
from oagw_tornado.services.language_model import Answer, Tool
from oagw_tornado.services.openai import chat_wire
from oagw_tornado.services.openai.bodies import read
from oagw_tornado.services.openai.chat_script import Script, chat_script, perform
from oagw_tornado.services.openai.context import Context
from oagw_tornado.services.openai.errors import InvalidRequest, rate_limited
from oagw_tornado.services.openai.requests import ChatRequest, ToolDefinition, sequences
from oagw_tornado.services.pattern_text import UnsupportedSchema

DEFAULT_MODEL = "gpt-4"

#: Bytes of a request's body up to which it is known again.
LONGEST_KEPT = 4096

# Characters, about, of one token's logprob and of each of its alternatives.
LOGPROB_SIZE = 100


class Prepared:
    """A request that was read and what the model says to it: all of a reply but its id and its time."""

    __slots__ = ("request", "answer", "script")

    def __init__(self, request: ChatRequest, answer: Answer | None) -> None:
        self.request = request
        self.answer = answer
        # The stream as a script, once somebody has asked for it; None: not yet, or it can not be one.
        self.script: Script | None = None


def chat_reply(body: bytes, context: Context) -> Reply:
    """The reply to the body of a request. Raises InvalidRequest."""
    prepare = _prepare_once if len(body) <= LONGEST_KEPT else _prepare
    prepared = prepare(body, context.is_exact, context.output_tokens, context.tokens_per_event)
    if prepared.script is not None:
        return perform(prepared.script, context)
    request, answer = prepared.request, prepared.answer
    if answer is None:
        return rate_limited()
    if request.stream:
        prepared.script = chat_script(request, answer, context)
        if prepared.script is not None:
            return perform(prepared.script, context)
        return chat_wire.streamed(request, answer, context)
    size = answer.size
    if request.logprobs:
        size += answer.count * LOGPROB_SIZE * (1 + (request.top_logprobs or 0))
    if size * (request.n or 1) > model.MOST_BUFFERED:
        raise InvalidRequest("So long a completion can only be streamed.", param="stream")
    return chat_wire.buffered(request, answer, context)


def _prepare(body: bytes, is_exact: bool, output_tokens: int | None, tokens_per_event: int) -> Prepared:
    """What the reply to `body` depends on beside its id and its time; nothing else goes in, so it may be kept."""
    context = Context("", 0, is_exact, output_tokens, tokens_per_event)
    request = read(body, ChatRequest)
    if not request.model:
        if context.is_exact:
            raise InvalidRequest("you must provide a model parameter")
        request.model = DEFAULT_MODEL
    _check(request, context)
    return Prepared(request, _answer(request, context))


# Those who test load ask the same again and again.
_prepare_once = lru_cache(128)(_prepare)


def _check(request: ChatRequest, context: Context) -> None:
    """What one field asks of another."""
    if request.stream_options is not None and not request.stream:
        raise InvalidRequest(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.", param="stream_options"
        )
    if request.tool_choice is not None and request.tools is None and request.tool_choice not in ("none", "auto"):
        raise InvalidRequest("'tool_choice' is only allowed when 'tools' are specified.", param="tool_choice")
    if request.top_logprobs is not None and not request.logprobs:
        raise InvalidRequest("'top_logprobs' is only allowed when 'logprobs' is true.", param="top_logprobs")
    if context.is_exact:
        for number, message in enumerate(request.messages):
            if message.role not in ("developer", "system", "user", "assistant", "tool", "function"):
                raise InvalidRequest(
                    f"Invalid value: '{message.role}'. Supported values are: 'system', 'assistant', 'user',"
                    " 'function', 'tool', and 'developer'.",
                    param=f"messages[{number}].role",
                    code="invalid_value",
                )


def _answer(request: ChatRequest, context: Context) -> Answer | None:
    """What the model says; None: the prototype's error, that there were too many requests."""
    tool = _called_tool(request)
    if tool is not None:
        try:
            return model.call(tool, limit=request.limit)
        except UnsupportedSchema as error:
            raise InvalidRequest(
                f"Invalid schema for function '{tool.name}': {error}",
                param="tools",
                code="invalid_function_parameters",
            ) from None

    text = request.messages[-1].text()
    if request.response_format is not None and request.response_format.type != "text":
        return _structured(request, text)
    if request.stream:
        text = f"Streaming response to: {text}"
    elif not context.is_exact and "hello" not in (lowered := text.lower()) and "error" in lowered:
        return None
    else:
        text = model.reply_to(text)
    return model.say(
        text,
        limit=request.limit,
        stop=sequences(request.stop) if request.stop else (),
        output_tokens=context.output_tokens,
    )


def _structured(request: ChatRequest, text: str) -> Answer:
    """What fits the response format."""
    wanted = request.response_format
    assert wanted is not None
    if wanted.type == "json_object":
        return model.say_json({"response": model.reply_to(text)}, limit=request.limit)
    if wanted.type != "json_schema":
        raise InvalidRequest(
            f"Invalid value: '{wanted.type}'. Supported values are: 'json_object', 'json_schema', and 'text'.",
            param="response_format.type",
            code="invalid_value",
        )
    if wanted.json_schema is None:
        raise InvalidRequest(
            "Missing required parameter: 'response_format.json_schema'.",
            param="response_format.json_schema",
            code="missing_required_parameter",
        )
    try:
        return model.say_json(instance_of(wanted.json_schema.schema or {}), limit=request.limit)
    except UnsupportedSchema as error:
        raise InvalidRequest(
            f"Invalid schema for response_format '{wanted.json_schema.name}': {error}", param="response_format"
        ) from None


def _called_tool(request: ChatRequest) -> Tool | None:
    """The tool that is called: the one asked for, or the first, unless its result is there already."""
    if request.tools is None:
        return None
    tools = [_tool(definition, number) for number, definition in enumerate(request.tools)]
    choice = request.tool_choice or "auto"
    if isinstance(choice, str):
        if choice not in ("none", "auto", "required"):
            raise InvalidRequest(
                f"Invalid value: '{choice}'. Supported values are: 'none', 'auto', and 'required'.",
                param="tool_choice",
                code="invalid_value",
            )
        if choice == "none" or (choice == "auto" and request.messages[-1].role in ("tool", "function")):
            return None
        return tools[0]
    kind = choice.get("type")
    chosen = choice.get(kind) if isinstance(kind, str) else None
    if kind == "allowed_tools" and isinstance(chosen, dict):
        request.tool_choice = str(chosen.get("mode") or "auto")
        allowed = chosen.get("tools")
        chosen = allowed[0].get(allowed[0].get("type")) if allowed and isinstance(allowed[0], dict) else None
        if request.tool_choice == "auto" and request.messages[-1].role == "tool":
            return None
    name = chosen.get("name") if isinstance(chosen, dict) else None
    for tool in tools:
        if tool.name == name:
            return tool
    raise InvalidRequest(
        f"Tool choice '{str(name)[:80]}' not found in 'tools' parameter.", param="tool_choice", code="invalid_value"
    )


def _tool(definition: ToolDefinition, number: int) -> Tool:
    if definition.type == "function" and definition.function is not None:
        return Tool(definition.function.name, definition.function.parameters or {"type": "object", "properties": {}})
    if definition.type == "custom" and definition.custom is not None:
        return Tool(definition.custom.name, None)
    if definition.type not in ("function", "custom"):
        raise InvalidRequest(
            f"Invalid value: '{definition.type}'. Supported values are: 'function' and 'custom'.",
            param=f"tools[{number}].type",
            code="invalid_value",
        )
    field = f"tools[{number}].{definition.type}"
    raise InvalidRequest(f"Missing required parameter: '{field}'.", param=field, code="missing_required_parameter")
