"""The responses that are stored, so that others can build on them: bounded in number and in bytes, without a clock.

A response is kept as the bytes that came and that were said: what follows it reads both again, as it would read them
had its client sent all of it. It holds on to those before it, and counts them as its own, so that a chain of
responses is bounded, too.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator

import orjson
from msgspec import Struct
from msgspec.json import decode

from oagw_tornado.services.openai.responses.requests import InputItem

#: Responses that are stored, the latest, and bytes that they may hold together.
MOST_STORED = 1000
MOST_STORED_BYTES = 64 * 2**20

# Bytes of a response besides its request and its output.
_OVERHEAD = 1024


class _Asked(Struct):
    input: str | list[InputItem] | None = None


class _Said(Struct):
    output: list[InputItem] = []


class StoredResponse:
    """One response: the body of its request, those before it, and its document once that is whole."""

    __slots__ = ("id", "asked", "earlier", "said", "begun", "size")

    def __init__(self, id: str, asked: bytes, earlier: tuple[StoredResponse, ...], begun: Callable[[], bytes]) -> None:
        self.id = id
        self.asked = asked
        self.earlier = earlier
        # The final document; None until it has ended, and `begun` makes the interim one.
        self.said: bytes | None = None
        self.begun: Callable[[], bytes] | None = begun
        # While it runs it holds its request as values, too.
        self.size: int = _OVERHEAD + 8 * len(asked) + self._size_before

    def end(self, said: bytes) -> None:
        """The response is whole."""
        self.said = said
        self.begun = None
        self.size = _OVERHEAD + len(self.asked) + len(said) + self._size_before

    @property
    def _size_before(self) -> int:
        return self.earlier[-1].size if self.earlier else 0

    @property
    def document(self) -> bytes:
        """The response as it is now."""
        if self.said is not None:
            return self.said
        return b"" if self.begun is None else self.begun()

    def items(self) -> Iterator[InputItem]:
        """What came and what was said."""
        given = decode(self.asked, type=_Asked).input or []
        if isinstance(given, str):
            yield InputItem(type="message", role="user", content=given)
        else:
            yield from given
        yield from decode(self.said or b"{}", type=_Said).output


class StoredResponses:
    """Stored responses, by their ids."""

    #: What to wait for before anybody may hear of a response that was just stored; None: nothing.
    waiting: Awaitable[None] | None = None

    def keep(self, response: StoredResponse) -> None:
        """Store `response`; the oldest are forgotten where there is no room for it."""
        raise NotImplementedError

    def end(self, response: StoredResponse, said: bytes) -> None:
        """`response` is whole. It may have been forgotten meanwhile."""
        raise NotImplementedError

    def get(self, id: str) -> StoredResponse | None:
        """The response of this id, if it is stored."""
        raise NotImplementedError

    def forget(self, id: str) -> bool:
        """Take a response out; whether it was there."""
        raise NotImplementedError

    def chain(self, id: str | None) -> tuple[StoredResponse, ...]:
        """The response of this id with those before it, the first one first; none if it is not there, or not whole."""
        response = self.get(id) if id else None
        return () if response is None or response.said is None else (*response.earlier, response)

    def recall(self, id: str | None) -> tuple[InputItem, ...] | None:
        """What was said up to the response of this id; None: it is not there, or not whole."""
        chain = self.chain(id)
        return tuple(item for response in chain for item in response.items()) if chain else None


class ResponseStore(StoredResponses):
    """The stored responses of one simulator."""

    def __init__(self) -> None:
        self._stored: OrderedDict[str, StoredResponse] = OrderedDict()
        self._size = 0

    def __len__(self) -> int:
        return len(self._stored)

    @property
    def size(self) -> int:
        """Bytes that the responses hold, those before them counted with each."""
        return self._size

    def keep(self, response: StoredResponse) -> None:
        self.forget(response.id)
        self._stored[response.id] = response
        self._size += response.size
        self._make_room()

    def end(self, response: StoredResponse, said: bytes) -> None:
        before = response.size
        response.end(said)
        if self._stored.get(response.id) is response:
            self._size += response.size - before
            self._make_room()

    def get(self, id: str) -> StoredResponse | None:
        return self._stored.get(id)

    def forget(self, id: str) -> bool:
        response = self._stored.pop(id, None)
        if response is None:
            return False
        self._size -= response.size
        return True

    def clear(self) -> None:
        self._stored.clear()
        self._size = 0

    def _make_room(self) -> None:
        while self._stored and (len(self._stored) > MOST_STORED or self._size > MOST_STORED_BYTES):
            _, oldest = self._stored.popitem(last=False)
            self._size -= oldest.size


def input_items(response: StoredResponse) -> list[dict[str, object]]:
    """The items of a response's request, each with an id, as the API lists them; the first one first."""
    given = orjson.loads(response.asked).get("input") or []
    if isinstance(given, str):
        given = [{"role": "user", "content": given}]
    rest = response.id.removeprefix("resp_")
    return [_listed(item, f"{rest}_{number}") for number, item in enumerate(given)]


_PREFIXES = {"message": "msg", "function_call": "fc", "function_call_output": "fco", "reasoning": "rs"}


def _listed(item: dict[str, object], number: str) -> dict[str, object]:
    kind = str(item.get("type") or "message")
    listed = {"id": f"{_PREFIXES.get(kind, 'item')}_{number}", "type": kind, "status": "completed", **item}
    listed["type"] = kind
    content = item.get("content")
    if kind == "message" and isinstance(content, str):
        part = {"type": "output_text", "annotations": []} if item.get("role") == "assistant" else {"type": "input_text"}
        listed["content"] = [{**part, "text": content}]
    return listed
