"""Parts as a response: one JSON object, or the run of named events that builds it up.

The order of the events, https://platform.openai.com/docs/api-reference/responses-streaming: ``created`` and
``in_progress``; for each item of the output that it is added, its parts each added, their deltas and done, the item
done; ``completed``, or ``incomplete`` if something cut it off. Each event has the next number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import orjson

from oagw_tornado.reply.conversation import Conversation
from oagw_tornado.reply.parts import Error, Part, Parts, Raw, Reasoning, Refusal, Text, ToolCall, finish_reason
from oagw_tornado.reply.passages import Passage, frames_of
from oagw_tornado.reply.problem import SERVER_ERROR, Problem
from oagw_tornado.reply.reply import EVENT_STREAM, Reply, json_reply
from oagw_tornado.reply.tokens import as_json
from oagw_tornado.services.context import Context
from oagw_tornado.services.openai.context import SIGN_OF_LIFE
from oagw_tornado.services.openai.errors import ERRORS
from oagw_tornado.services.openai.responses.document import (
    Item,
    content_object,
    item_object,
    items_of,
    kind_of,
    response_object,
    status_of,
)
from oagw_tornado.units.documents import write_json

#: Told of a streamed response when it has come to its end: what it is then.
Ended = Callable[[dict[str, Any]], None]


def tell_nobody(response: dict[str, Any]) -> None:
    """What is told of a response that is not stored."""


def write(conversation: Conversation, parts: Parts, context: Context, ended: Ended = tell_nobody) -> Reply:
    """`parts` as a response, streamed or whole as it was asked for."""
    if conversation.stream:
        writing = Writing(conversation, parts, context, ended)
        return Reply(
            headers=EVENT_STREAM,
            sign_of_life=SIGN_OF_LIFE,
            frames=writing.frames(),
            error_event=writing.broken,
            error_forms={"failed": writing.failed, "incomplete": writing.incomplete},
        )
    status, reason = status_of(finish_reason(parts))
    output = _output(conversation, parts, context, status)
    return json_reply(response_object(conversation, parts, context, status, output, reason))


def _output(conversation: Conversation, parts: Parts, context: Context, status: str) -> list[dict[str, Any]]:
    items = items_of(parts, context)
    return [item_object(item, context, conversation.request, status, whole=True) for item in items]


class Done(NamedTuple):
    """The events that say that a part is done: how many, and what they are once its text is there."""

    number: int
    events: Callable[[str], list[tuple[str, dict[str, Any]]]]


NOT_DONE = Done(0, lambda text: [])


class Writing:
    """A response in the course of being written: what it counts from event to event."""

    def __init__(self, conversation: Conversation, parts: Parts, context: Context, ended: Ended = tell_nobody) -> None:
        self.ended = ended
        self.conversation = conversation
        self.context = context
        self.parts = parts
        self.number = 0
        # The parts that have deltas, each with the number of its first one.
        self.deltas: list[tuple[Part, int]] = []
        self.status, self.reason = status_of(finish_reason(parts))

    def frames(self) -> Any:
        """The frames of the whole stream."""
        begun = response_object(self.conversation, self.parts, self.context, "in_progress", [])
        opening = (
            self._event("response.created", {"response": begun}),
            self._event("response.in_progress", {"response": begun}),
        )
        items = {id(part): item for item in items_of(self.parts, self.context) for part in item.parts}
        passages: list[Passage] = []
        for part in self.parts:
            if isinstance(part, Error):
                passages.append(Passage((self._error(part),), wait=part.after, is_silent=True))
                return frames_of(opening, passages, ())
            if isinstance(part, Raw):
                passages.append(Passage((part.data,), wait=part.after, is_silent=True))
            elif id(part) in items:
                passages.append(self._passage(part, items[id(part)]))
        number = self.number
        return frames_of(opening, passages, self._end(number))

    def _passage(self, part: Part, item: Item) -> Passage:
        """One part, with the announcement of its item if it is the item's first, and the end if it is the last."""
        opening: list[bytes] = []
        if part is item.parts[0]:
            announced = self._item(item, "in_progress", whole=False)
            opening.append(self._event("response.output_item.added", {"output_index": item.number, "item": announced}))
        if isinstance(part, ToolCall):
            return self._call(part, item, opening)
        if isinstance(part, Reasoning):
            return self._reasoning(part, item, opening)
        return self._message_part(part, item, opening)

    def _call(self, part: ToolCall, item: Item, opening: list[bytes]) -> Passage:
        at = {"item_id": item.id, "output_index": item.number}
        field = "input" if part.is_custom else "arguments"
        done = Done(1, lambda text: [(f"{item.kind}.done", {**at, field: text})])
        return self._deltas(part, item, opening, at, b"}\n\n", done, closes_item=True)

    def _reasoning(self, part: Reasoning, item: Item, opening: list[bytes]) -> Passage:
        if part.redacted or not part.thought.count:
            number = self.number
            self.number += 1
            return Passage(tuple(opening), (), self._events(number, [self._item_done(item)]), wait=part.after,
                           is_silent=True)  # fmt: skip
        at = {"item_id": item.id, "output_index": item.number, "summary_index": 0}
        empty = {"type": "summary_text", "text": ""}
        opening.append(self._event("response.reasoning_summary_part.added", {**at, "part": empty}))

        def done(text: str) -> list[tuple[str, dict[str, Any]]]:
            return [
                (f"{item.kind}.done", {**at, "text": text}),
                ("response.reasoning_summary_part.done", {**at, "part": {**empty, "text": text}}),
            ]

        return self._deltas(part, item, opening, at, b"}\n\n", Done(2, done), closes_item=True)

    def _message_part(self, part: Part, item: Item, opening: list[bytes]) -> Passage:
        """A text or a refusal; those of one kind in a row are one part of the message's content."""
        place = next(number for number, each in enumerate(item.parts) if each is part)
        groups = [number for number, each in enumerate(item.parts) if not number or _differ(item.parts, number)]
        index = sum(number <= place for number in groups) - 1
        at = {"item_id": item.id, "output_index": item.number, "content_index": index}
        kind, name = type(part), kind_of(part)
        if place in groups:
            opening.append(self._event("response.content_part.added", {**at, "part": content_object(kind, "")}))
        ends = place + 1 == len(item.parts) or place + 1 in groups
        begins = groups[index]
        said = item.parts[begins : place + 1]
        is_refusal = isinstance(part, Refusal)

        def done(_: str) -> list[tuple[str, dict[str, Any]]]:
            text = "".join(each.tokens.text() for each in said)
            whole = {"refusal": text} if is_refusal else {"text": text, "logprobs": []}
            return [
                (f"{name}.done", {**at, **whole}),
                ("response.content_part.done", {**at, "part": content_object(kind, text)}),
            ]

        after = b"}\n\n" if is_refusal else b',"logprobs":[]}\n\n'
        closes_item = place + 1 == len(item.parts)
        return self._deltas(
            part, item, opening, at, after, Done(2, done) if ends else NOT_DONE, closes_item=closes_item
        )

    def _deltas(
        self,
        part: Part,
        item: Item,
        opening: list[bytes],
        at: dict[str, Any],
        after: bytes,
        done: Done,
        *,
        closes_item: bool,
    ) -> Passage:
        """All of a delta but its number and the token is rendered once."""
        per_event = self.context.tokens_per_event
        name = kind_of(part) if isinstance(part, (Text, Refusal)) else item.kind
        delta = f"{name}.delta".encode()
        before = b'event: %b\ndata: {"type":"%b","sequence_number":' % (delta, delta)
        between = b',%b,"delta":' % orjson.dumps(at)[1:-1]
        tokens = as_json(part.tokens.tokens(per_event))
        self.deltas.append((part, self.number))
        contents = (b"%d%b%b" % (number, between, token) for number, token in enumerate(tokens, self.number))
        self.number += part.tokens.events(per_event)
        closing = self._closing(self.number, part, done, item if closes_item else None)
        self.number += done.number + closes_item
        is_silent = not part.tokens.count and isinstance(part, ToolCall)
        return Passage(tuple(opening), contents, closing, before, after, part.after, part.gap, is_silent)

    def _closing(self, number: int, part: Part, done: Done, item: Item | None) -> Iterator[bytes]:
        """The events behind the last delta; they hold all of the text, so none is made before its time."""
        events = done.events(part.tokens.text())
        if item is not None:
            events.append(self._item_done(item))
        yield from self._events(number, events)

    def _events(self, number: int, events: list[tuple[str, dict[str, Any]]]) -> Iterator[bytes]:
        for each, (name, fields) in enumerate(events, number):
            yield event(name, each, fields)

    def _item_done(self, item: Item) -> tuple[str, dict[str, Any]]:
        whole = self._item(item, self.status, whole=True)
        return "response.output_item.done", {"output_index": item.number, "item": whole}

    def _item(self, item: Item, status: str, *, whole: bool) -> dict[str, Any]:
        return item_object(item, self.context, self.conversation.request, status, whole=whole)

    def _end(self, number: int) -> Iterator[bytes]:
        output = _output(self.conversation, self.parts, self.context, self.status)
        response = response_object(self.conversation, self.parts, self.context, self.status, output, self.reason)
        self.ended(response)
        yield event(f"response.{self.status}", number, {"response": response})

    def _error(self, error: Error) -> bytes:
        self.number += 1
        problem = error.problem(ERRORS)
        self.ended(self._failed(problem))
        return error_event(problem, self.number - 1)

    def broken(self, problem: Problem | None, events: int) -> bytes:
        """The event that ends the stream after an error, after so many events."""
        self.ended(self._failed(problem or SERVER_ERROR))
        return error_event(problem, events)

    def failed(self, problem: Problem | None, events: int) -> bytes:
        """The response after so many events, if it failed there."""
        response = self._failed(problem or SERVER_ERROR)
        self.ended(response)
        return event("response.failed", events, {"response": response})

    def _failed(self, error: Problem) -> dict[str, Any]:
        told = {"code": error.code or error.type, "message": error.message}
        return response_object(self.conversation, self.parts, self.context, "failed", [], error=told)

    def incomplete(self, problem: Problem | None, events: int) -> bytes:
        """The response after so many events, if it was cut off there."""
        said = self._said(events)
        output = _output(self.conversation, said, self.context, "incomplete")
        reason = "max_output_tokens" if problem is None else problem.code
        response = response_object(self.conversation, said, self.context, "incomplete", output, reason)
        self.ended(response)
        return event("response.incomplete", events, {"response": response})

    def _said(self, events: int) -> list[Part]:
        """What so many events have said."""
        said: list[Part] = []
        for part, first in self.deltas:
            count = min(part.tokens.count, max(0, events - first) * self._per_event(part))
            if events > first or not said:
                said.append(_first_of(part, count))
        return said

    def _per_event(self, part: Part) -> int:
        return self.context.tokens_per_event if part.tokens.is_cut else 1

    def _event(self, name: str, fields: dict[str, Any]) -> bytes:
        self.number += 1
        return event(name, self.number - 1, fields)


def _differ(parts: tuple[Part, ...], number: int) -> bool:
    return type(parts[number]) is not type(parts[number - 1])


def _first_of(part: Any, count: int) -> Part:
    """The first tokens of a part."""
    tokens = part.tokens
    cut = tokens if count >= tokens.count else replace(tokens, count=count, whole=None)
    if isinstance(part, ToolCall):
        return replace(part, arguments=cut)
    if isinstance(part, Reasoning):
        return replace(part, thought=cut)
    return replace(part, said=cut)  # type: ignore[no-any-return]


def error_event(problem: Problem | None, events: int) -> bytes:
    """What a stream says when something went wrong in the middle of it."""
    error = problem or SERVER_ERROR
    fields = {"code": error.code or error.type, "message": error.message, "param": error.param}
    return event("error", events, fields)


def event(name: str, number: int, fields: dict[str, Any]) -> bytes:
    """One named event with its number."""
    data = write_json({"type": name, "sequence_number": number, **fields})
    return b"event: %b\ndata: %b\n\n" % (name.encode(), data)
