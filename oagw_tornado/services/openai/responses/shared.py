"""The stored responses of processes that share a state: each one whole, with all that came before it, as one entry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from oagw_tornado.gateway.given_out import Kind
from oagw_tornado.services.openai.responses.store import (
    MOST_STORED,
    MOST_STORED_BYTES,
    ResponseStore,
    StoredResponse,
    StoredResponses,
)

if TYPE_CHECKING:
    from oagw_tornado.gateway.given_out import Entries
    from oagw_tornado.gateway.service_states import ServiceStates

_RESPONSES = Kind("responses", MOST_STORED, MOST_STORED_BYTES)

#: A response as it travels: its id, what came, and its document if it is whole.
_Turn = tuple[str, bytes, bytes | None]


class _Packed(msgspec.Struct, array_like=True):
    """One with those before it, the first one first."""

    turns: list[_Turn]
    begun: bytes
    """Its document until it is whole."""


class SharedResponses(StoredResponses):
    """Those that `entries` hold, for one request."""

    def __init__(self, entries: Entries) -> None:
        self._entries = entries

    def keep(self, response: StoredResponse) -> None:
        is_open = response.said is None
        self.waiting = self._entries.put(_RESPONSES, response.id, _packed(response), is_open=is_open)

    def end(self, response: StoredResponse, said: bytes) -> None:
        response.end(said)
        self._entries.replace(_RESPONSES, response.id, _packed(response))

    def get(self, id: str) -> StoredResponse | None:
        entry = self._entries.get(_RESPONSES, id)
        return None if entry is None else _unpacked(entry.value)

    def forget(self, id: str) -> bool:
        return self._entries.take(_RESPONSES, id) is not None


def responses_of(states: ServiceStates) -> StoredResponses:
    """The stored responses of a simulator, or of all that share its state. Those raise Undecided."""
    if states.store is None:
        return states.of(ResponseStore)
    return SharedResponses(states.entries)


def _packed(response: StoredResponse) -> bytes:
    turns = [(each.id, each.asked, each.said) for each in (*response.earlier, response)]
    return msgspec.msgpack.encode(_Packed(turns, b"" if response.said is not None else response.document))


def _unpacked(value: bytes) -> StoredResponse:
    packed = msgspec.msgpack.decode(value, type=_Packed)
    earlier = tuple(_turn(each, (), packed.begun) for each in packed.turns[:-1])
    return _turn(packed.turns[-1], earlier, packed.begun)


def _turn(turn: _Turn, earlier: tuple[StoredResponse, ...], begun: bytes) -> StoredResponse:
    id, asked, said = turn
    response = StoredResponse(id, asked, earlier, lambda: begun)
    if said is not None:
        response.end(said)
    return response
