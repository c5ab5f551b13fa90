"""Responses: which answer a request gets. How the answer is written is in `responses_wire`."""

from __future__ import annotations

from oagw_tornado.reply.reply import Reply
from oagw_tornado.services import language_model as model
from oagw_tornado.services.json_instance import instance_of
from oagw_tornado.services.language_model import Answer, Tool
from oagw_tornado.services.openai import responses_wire
from oagw_tornado.services.openai.bodies import read
from oagw_tornado.services.openai.context import Context
from oagw_tornado.services.openai.errors import InvalidRequest
from oagw_tornado.services.openai.requests import InputItem, ResponseRequest, text_of
from oagw_tornado.services.pattern_text import UnsupportedSchema

DEFAULT_MODEL = "gpt-4"


def response_reply(body: bytes, context: Context) -> Reply:
    """The reply to the body of a request. Raises InvalidRequest."""
    request = read(body, ResponseRequest)
    if request.input is None or request.input == []:
        raise InvalidRequest("Missing required parameter: 'input'.", param="input", code="missing_required_parameter")
    if not request.model:
        if context.is_exact:
            raise InvalidRequest(
                "Missing required parameter: 'model'.", param="model", code="missing_required_parameter"
            )
        request.model = DEFAULT_MODEL
    answer = _answer(request, context)
    prompt = model.count_tokens(_texts(request.input)) + model.count_tokens(_texts(request.instructions or ""))
    if request.stream:
        return responses_wire.streamed(request, answer, prompt, context)
    if answer.size > model.MOST_BUFFERED:
        raise InvalidRequest("So long a response can only be streamed.", param="stream")
    return responses_wire.buffered(request, answer, prompt, context)


def _texts(content: str | list[InputItem]) -> list[str]:
    if isinstance(content, str):
        return [content]
    return [text_of(item.content if item.output is None else item.output) for item in content]


def _answer(request: ResponseRequest, context: Context) -> Answer:
    limit = request.max_output_tokens
    tool = _called_tool(request)
    if tool is not None:
        try:
            return model.call(tool, limit=limit)
        except UnsupportedSchema as error:
            raise InvalidRequest(
                f"Invalid schema for function '{tool.name}': {error}", param="tools", code="invalid_function_parameters"
            ) from None
    text = _texts(request.input or "")[-1]
    wanted = request.text.format if request.text is not None else None
    if wanted is None or wanted.type == "text":
        return model.say(model.reply_to(text), limit=limit, output_tokens=context.output_tokens)
    if wanted.type == "json_object":
        return model.say_json({"response": model.reply_to(text)}, limit=limit)
    if wanted.type != "json_schema":
        raise InvalidRequest(
            f"Invalid value: '{wanted.type}'. Supported values are: 'json_object', 'json_schema', and 'text'.",
            param="text.format.type",
            code="invalid_value",
        )
    if wanted.schema is None:
        raise InvalidRequest(
            "Missing required parameter: 'text.format.schema'.",
            param="text.format.schema",
            code="missing_required_parameter",
        )
    try:
        return model.say_json(instance_of(wanted.schema), limit=limit)
    except UnsupportedSchema as error:
        raise InvalidRequest(
            f"Invalid schema for response_format '{wanted.name}': {error}", param="text.format.schema"
        ) from None


def _called_tool(request: ResponseRequest) -> Tool | None:
    """The tool that is called: the one asked for, or the first of the client's, unless its result is there already."""
    tools = [
        Tool(tool.name, None if tool.type == "custom" else tool.parameters or {"type": "object", "properties": {}})
        for tool in request.tools or ()
        if tool.type in ("function", "custom") and tool.name
    ]
    choice = request.tool_choice or "auto"
    if isinstance(choice, dict):
        for tool in tools:
            if tool.name == choice.get("name"):
                return tool
        raise InvalidRequest(
            f"Tool choice '{str(choice.get('name'))[:80]}' not found in 'tools' parameter.", param="tool_choice"
        )
    if choice not in ("none", "auto", "required"):
        raise InvalidRequest(
            f"Invalid value: '{choice}'. Supported values are: 'none', 'auto', and 'required'.",
            param="tool_choice",
            code="invalid_value",
        )
    if not tools or choice == "none":
        return None
    last = request.input[-1] if isinstance(request.input, list) else None
    if choice == "auto" and last is not None and (last.type or "").endswith("call_output"):
        return None
    return tools[0]
