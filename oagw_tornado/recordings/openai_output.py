"""A model's output in OpenAI's dialects: events and documents of chat completions, completions and responses."""

from __future__ import annotations

from typing import Any

from oagw_tornado.recordings.model_output import ModelOutput
from oagw_tornado.reply.sse import Event
from oagw_tornado.units.documents import DocumentError, read_json


def openai_error(document: Any, status: int | None = None) -> dict[str, Any]:
    """An error of any of these services, Anthropic's too, as a script has it."""
    error = document.get("error") if isinstance(document, dict) else None
    given = error if isinstance(error, dict) else {"message": error} if isinstance(error, str) else {}
    if not given and isinstance(document, dict):
        given = document
    said = {name: given[name] for name in ("type", "code", "message", "param") if isinstance(given.get(name), str)}
    return ({} if status is None else {"status": status}) | (said or {"message": "recorded error"})


def _payload(event: Event) -> dict[str, Any] | None:
    try:
        document = read_json(event.data.encode())
    except DocumentError:
        return None
    return document if isinstance(document, dict) else None


def _first(document: dict[str, Any], said: ModelOutput) -> dict[str, Any]:
    choices = [each for each in document.get("choices") or () if isinstance(each, dict)]
    if any(each.get("index", 0) for each in choices):
        said.leave_out("more than one choice: the first is kept")
    return next((each for each in choices if not each.get("index", 0)), {})


def _count_chat(document: dict[str, Any], said: ModelOutput) -> None:
    usage = document.get("usage")
    if isinstance(usage, dict):
        prompt, output = usage.get("prompt_tokens_details") or {}, usage.get("completion_tokens_details") or {}
        said.count(
            input=usage.get("prompt_tokens"),
            output=usage.get("completion_tokens"),
            cached=prompt.get("cached_tokens") or None,
            reasoning=output.get("reasoning_tokens") or None,
        )


def chat_stream(said: ModelOutput, at: int, event: Event) -> None:
    """One event of a chat completion."""
    document = _payload(event)
    if document is None:
        return
    if "error" in document:
        said.add_error(openai_error(document))
        return
    choice = _first(document, said)
    _message(said, at, choice.get("delta") or {})
    said.finish(choice.get("finish_reason"))
    _count_chat(document, said)


def chat_completion(said: ModelOutput, at: int, document: dict[str, Any]) -> None:
    """A chat completion that was sent whole."""
    choice = _first(document, said)
    _message(said, at, choice.get("message") or {})
    said.finish(choice.get("finish_reason"))
    _count_chat(document, said)


def _message(said: ModelOutput, at: int, message: dict[str, Any]) -> None:
    thought = message.get("reasoning_content") or message.get("reasoning")
    said.add("reasoning", thought, at)
    said.add("text", message.get("content"), at)
    said.add("refusal", message.get("refusal"), at)
    for number, call in enumerate(message.get("tool_calls") or ()):
        if not isinstance(call, dict):
            continue
        called = call.get("function") or call.get("custom") or {}
        key = call.get("index", number)
        said.begin("tool", key, at, name=called.get("name"), id=call.get("id"))
        said.add("tool", called.get("arguments") or called.get("input"), at, key)
    if message.get("audio") or message.get("annotations"):
        said.leave_out("audio and annotations")


def completion_stream(said: ModelOutput, at: int, event: Event) -> None:
    """One event of a completion."""
    document = _payload(event)
    if document is not None and "error" in document:
        said.add_error(openai_error(document))
    elif document is not None:
        completion(said, at, document)


def completion(said: ModelOutput, at: int, document: dict[str, Any]) -> None:
    """A completion that was sent whole, or an event of one."""
    choice = _first(document, said)
    said.add("text", choice.get("text"), at)
    said.finish(choice.get("finish_reason"))
    _count_chat(document, said)


# Deltas of a response's stream, and the parts that they are pieces of.
_DELTAS = {
    "response.output_text.delta": "text",
    "response.refusal.delta": "refusal",
    "response.reasoning_summary_text.delta": "reasoning",
    "response.reasoning_text.delta": "reasoning",
    "response.function_call_arguments.delta": "tool",
    "response.custom_tool_call_input.delta": "tool",
}


def response_stream(said: ModelOutput, at: int, event: Event) -> None:
    """One event of a response."""
    document = _payload(event)
    if document is None:
        return
    kind, place = document.get("type"), document.get("output_index")
    item = document.get("item")
    if kind == "response.output_item.added" and isinstance(item, dict) and _is_call(item):
        said.begin("tool", place, at, name=item.get("name"), id=item.get("call_id"))
    elif kind in _DELTAS:
        said.add(_DELTAS[kind], document.get("delta"), at, place)
    elif kind in ("response.completed", "response.incomplete", "response.failed"):
        _end_response(said, document.get("response") or {})
    elif kind == "error":
        said.add_error(openai_error(document))


def response(said: ModelOutput, at: int, document: dict[str, Any]) -> None:
    """A response that was sent whole."""
    for place, item in enumerate(document.get("output") or ()):
        if not isinstance(item, dict):
            continue
        if _is_call(item):
            said.begin("tool", place, at, name=item.get("name"), id=item.get("call_id"))
            said.add("tool", item.get("arguments") or item.get("input"), at, place)
        kind = "reasoning" if item.get("type") == "reasoning" else "text"
        for each in (*(item.get("summary") or ()), *(item.get("content") or ())):
            if isinstance(each, dict):
                said.add(
                    "refusal" if each.get("type") == "refusal" else kind,
                    each.get("text") or each.get("refusal"),
                    at,
                    place,
                )
    _end_response(said, document)


def _is_call(item: dict[str, Any]) -> bool:
    return item.get("type") in ("function_call", "custom_tool_call")


def _end_response(said: ModelOutput, document: dict[str, Any]) -> None:
    usage = document.get("usage")
    if isinstance(usage, dict):
        said.count(
            input=usage.get("input_tokens"),
            output=usage.get("output_tokens"),
            cached=(usage.get("input_tokens_details") or {}).get("cached_tokens") or None,
            reasoning=(usage.get("output_tokens_details") or {}).get("reasoning_tokens") or None,
        )
    details = document.get("incomplete_details")
    if isinstance(details, dict):
        said.finish(details.get("reason"))
    if isinstance(document.get("error"), dict):
        said.add_error(openai_error(document))
