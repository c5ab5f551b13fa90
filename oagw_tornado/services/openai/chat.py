"""Chat completions as the prototype gave them: a reply made of the last message, buffered or word by word."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import orjson

from oagw_tornado.reply import EVENT_STREAM, JSON, Reply, json_reply
from oagw_tornado.schedule import Frame
from oagw_tornado.services.openai.errors import RATE_LIMITED, InvalidRequest

DONE = b"data: [DONE]\n\n"


class ChatRequest(NamedTuple):
    """What a reply depends on."""

    text: str
    model: str
    stream: bool


def read_request(body: bytes) -> ChatRequest:
    """Read a request's body. Raises InvalidRequest if it is none."""
    try:
        request = orjson.loads(body)
    except ValueError:
        raise InvalidRequest("We could not parse the JSON body of your request.") from None
    if type(request) is not dict:
        raise InvalidRequest("The body of the request must be a JSON object.")
    messages = request.get("messages")
    if messages is None:
        raise InvalidRequest(
            "Missing required parameter: 'messages'.", param="messages", code="missing_required_parameter"
        )
    if type(messages) is not list or not messages or any(type(message) is not dict for message in messages):
        raise InvalidRequest(
            "Invalid type for 'messages': expected an array of objects.", param="messages", code="invalid_type"
        )
    model = request.get("model") or "gpt-4"
    if type(model) is not str:
        raise InvalidRequest("Invalid type for 'model': expected a string.", param="model", code="invalid_type")
    return ChatRequest(text_of(messages[-1]), model, bool(request.get("stream")))


def text_of(message: dict[str, Any]) -> str:
    """The text of a message whose content is a text, parts, or nothing."""
    content = message.get("content")
    if type(content) is str:
        return content
    if type(content) is list:
        texts = (part.get("text") for part in content if type(part) is dict)
        return "".join(text for text in texts if type(text) is str)
    return ""


def complete(request: ChatRequest, id: str, created: int) -> Reply:
    """The whole completion."""
    lowered = request.text.lower()
    if "hello" in lowered:
        content = "Hello! How can I assist you today?"
    elif "error" in lowered:
        return Reply(429, JSON, RATE_LIMITED)
    else:
        content = f"I received your message: '{request.text}'. This is a mock response from the Python test server."
    return json_reply(
        {
            "id": id,
            "object": "chat.completion",
            "created": created,
            "model": request.model,
            "choices": [
                {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"},
            ],
            "usage": {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30},
        }
    )


def stream(request: ChatRequest, id: str, created: int) -> Reply:
    """The completion word by word."""
    words = f"Streaming response to: {request.text}".split()
    return Reply(headers=EVENT_STREAM, frames=_chunks(words, id, created, request.model))


def _chunks(words: Iterable[str], id: str, created: int, model: str) -> Iterator[Frame]:
    # All of a chunk but the word is the same in the whole stream, so it is rendered once.
    prefix = b'data: {"id":%b,"object":"chat.completion.chunk","created":%d,"model":%b,"choices":[{"index":0,"delta":{' % (
        orjson.dumps(id),
        created,
        orjson.dumps(model),
    )
    before = prefix + b'"content":'
    after = b'},"finish_reason":null}]}\n\n'
    dumps, make = orjson.dumps, tuple.__new__
    for word in words:
        yield make(Frame, (before + dumps(word + " ") + after, True))
    yield Frame(prefix + b'},"finish_reason":"stop"}]}\n\n', content=False)
    yield Frame(DONE, content=False)
