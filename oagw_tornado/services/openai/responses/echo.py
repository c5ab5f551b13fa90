"""The settings of the request that a response repeats, including defaults."""

from __future__ import annotations

from typing import Any

from oagw_tornado.services.openai.responses.requests import ResponseRequest, ResponseTool
from oagw_tornado.services.openai.usage import service_tier


def settings(request: ResponseRequest) -> dict[str, Any]:
    """The fields of the response object that its request decides."""
    reasoning, text = request.reasoning, request.text
    said: dict[str, Any] = {
        "background": bool(request.background),
        "instructions": request.instructions if isinstance(request.instructions, str) else None,
        "max_output_tokens": request.max_output_tokens,
        "max_tool_calls": request.max_tool_calls,
        "parallel_tool_calls": True if request.parallel_tool_calls is None else request.parallel_tool_calls,
        "previous_response_id": request.previous_response_id,
        "prompt_cache_key": request.prompt_cache_key,
        "reasoning": {
            "effort": reasoning.effort if reasoning is not None else None,
            "summary": reasoning.summary if reasoning is not None else None,
        },
        "safety_identifier": request.safety_identifier,
        "service_tier": service_tier(request.service_tier),
        "store": True if request.store is None else request.store,
        "temperature": 1.0 if request.temperature is None else request.temperature,
        "text": {"format": _format(request)},
        "tool_choice": request.tool_choice or "auto",
        "tools": [_tool(tool) for tool in request.tools or ()],
        "top_logprobs": request.top_logprobs or 0,
        "top_p": 1.0 if request.top_p is None else request.top_p,
        "truncation": request.truncation or "disabled",
        "user": request.user,
        "metadata": request.metadata or {},
    }
    if text is not None and text.verbosity is not None:
        said["text"]["verbosity"] = text.verbosity
    if request.prompt_cache_retention is not None:
        said["prompt_cache_retention"] = request.prompt_cache_retention
    return said


def _tool(tool: ResponseTool) -> dict[str, Any]:
    said: dict[str, Any] = {"type": tool.type}
    if tool.name:
        said["name"] = tool.name
    if tool.description is not None:
        said["description"] = tool.description
    if tool.type == "function":
        said |= {"parameters": tool.parameters, "strict": True if tool.strict is None else tool.strict}
    if tool.format is not None:
        said["format"] = tool.format
    return said


def _format(request: ResponseRequest) -> dict[str, Any]:
    wanted = request.text.format if request.text is not None else None
    if wanted is None:
        return {"type": "text"}
    if wanted.type != "json_schema":
        return {"type": wanted.type}
    return {"type": "json_schema", "name": wanted.name, "schema": wanted.schema, "strict": True}
