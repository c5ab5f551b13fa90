"""Parts of a scripted reply, typed: what `Oagw.reply` and `Control.reply` take, and rules have under ``reply``.

    oagw.reply([Reasoning("I need the city."), ToolCall("get_weather", city="Oslo")], match={"turn": 1})

Each takes `after`, the wait before it, and `gap`, the wait between its tokens: latencies such as ``"300ms"``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class Part:
    """What all parts have. `document` is the part as a rule has it."""

    def __init__(self, document: Mapping[str, Any], after: str | None = None, gap: str | None = None) -> None:
        waits = {"after": after, "gap": gap}
        self.document = {**document, **{name: wait for name, wait in waits.items() if wait is not None}}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.document!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Part) and self.document == other.document

    __hash__ = None  # type: ignore[assignment]


class Text(Part):
    """What the model says: a text, or exactly these pieces, one an event."""

    def __init__(self, *pieces: str, after: str | None = None, gap: str | None = None) -> None:
        super().__init__({"text": pieces[0] if len(pieces) == 1 else list(pieces)}, after, gap)


class Reasoning(Part):
    """What the model thinks first. `redacted` is opaque data in the place of a text."""

    def __init__(
        self,
        text: str | Sequence[str] = "",
        *,
        signature: str | None = None,
        redacted: str | None = None,
        after: str | None = None,
        gap: str | None = None,
    ) -> None:
        thought: dict[str, Any] = {"text": text if isinstance(text, str) else list(text)}
        if redacted is not None:
            thought = {"redacted": redacted}
        if signature is not None:
            thought["signature"] = signature
        super().__init__({"reasoning": thought}, after, gap)


class ToolCall(Part):
    """A call of a tool, its arguments as keywords, or as one object or text; a text goes out as it is."""

    def __init__(
        self,
        name: str,
        arguments: Mapping[str, Any] | str | None = None,
        /,
        *,
        id: str | None = None,
        after: str | None = None,
        gap: str | None = None,
        **keywords: Any,
    ) -> None:
        if arguments is not None and keywords:
            raise TypeError("arguments are given as keywords or as one value, not both")
        given = keywords if arguments is None else arguments if isinstance(arguments, str) else dict(arguments)
        call: dict[str, Any] = {"name": name, "arguments": given}
        if id is not None:
            call["id"] = id
        super().__init__({"tool": call}, after, gap)


class Refusal(Part):
    """The model says that it will not."""

    def __init__(self, text: str, *, after: str | None = None, gap: str | None = None) -> None:
        super().__init__({"refusal": text}, after, gap)


class Error(Part):
    """As the first part the HTTP reply, later the error in mid-stream."""

    def __init__(
        self,
        status: int | None = None,
        *,
        type: str | None = None,
        code: str | None = None,
        message: str | None = None,
        param: str | None = None,
        retry_after: str | None = None,
        after: str | None = None,
    ) -> None:
        given = {"status": status, "type": type, "code": code, "message": message, "param": param,
                 "retry-after": retry_after}  # fmt: skip
        super().__init__({"error": {key: value for key, value in given.items() if value is not None}}, after)


class Usage(Part):
    """What is said of the tokens used, in the place of what is counted."""

    def __init__(
        self,
        input: int | None = None,
        output: int | None = None,
        *,
        cached: int | None = None,
        cache_write: int | None = None,
        reasoning: int | None = None,
    ) -> None:
        given = {"input": input, "output": output, "cached": cached, "cache-write": cache_write,
                 "reasoning": reasoning}  # fmt: skip
        super().__init__({"usage": {key: value for key, value in given.items() if value is not None}})


class Finish(Part):
    """Why it ends: ``stop``, ``length``, ``content_filter``, or any other dialect's word."""

    def __init__(self, reason: str, *, stop_sequence: str | None = None) -> None:
        given = {"reason": reason} if stop_sequence is None else {"reason": reason, "stop-sequence": stop_sequence}
        super().__init__({"finish": given})


class Raw(Part):
    """Bytes of the stream as they are; or an event of its fields."""

    def __init__(
        self, data: str | bytes | None = None, *, event: str | None = None, json: Any = None, after: str | None = None
    ) -> None:
        if isinstance(data, bytes):
            from base64 import b64encode

            super().__init__({"raw": {"base64": b64encode(data).decode()}}, after)
        elif event is None and json is None:
            super().__init__({"raw": data or ""}, after)
        else:
            told = json if json is not None else data
            super().__init__({"raw": {**({"event": event} if event else {}), "data": told}}, after)


Reply = str | Part | Sequence["str | Part"] | Mapping[str, Any]


def reply_document(reply: Reply) -> Any:
    """`reply` as a rule has it."""
    if isinstance(reply, Part):
        return reply.document
    if isinstance(reply, (str, Mapping)):
        return reply if isinstance(reply, str) else dict(reply)
    return [part.document if isinstance(part, Part) else part for part in reply]
