"""What upstreams have given out, where one process alone decides about it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from math import inf
from time import monotonic
from typing import NamedTuple

from oagw_tornado.reply.prompt_cache import PromptCache, Use
from oagw_tornado.state.store import Entry, Kind

#: Keys whose places `LocalEntries.advance` knows, the latest.
MOST_COUNTED = 100_000


class _Held(NamedTuple):
    value: bytes
    ends: float
    is_open: bool


class _Shelf:
    """The entries of one kind, the oldest first."""

    __slots__ = ("kind", "held", "size")

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.held: OrderedDict[str, _Held] = OrderedDict()
        self.size = 0

    def put(self, key: str, held: _Held) -> None:
        self.pop(key)
        self.held[key] = held
        self.size += len(held.value)
        self.make_room()

    def pop(self, key: str) -> _Held | None:
        held = self.held.pop(key, None)
        if held is not None:
            self.size -= len(held.value)
        return held

    def make_room(self) -> None:
        while len(self.held) > self.kind.most or (self.size > self.kind.most_bytes and self.held):
            self.size -= len(self.held.popitem(last=False)[1].value)


class LocalEntries:
    """An `oagw_tornado.state.store.Entries` that knows its answers."""

    def __init__(self, clock: Callable[[], float] = monotonic, most_counted: int = MOST_COUNTED) -> None:
        self._clock = clock
        self._most_counted = most_counted
        self._shelves: dict[str, _Shelf] = {}
        self._agreed: dict[str, bytes] = {}
        self._places: OrderedDict[str, int] = OrderedDict()
        # What was said to models lately, under the option prompt-cache.
        self._prompts = PromptCache()

    def put(self, kind: Kind, key: str, value: bytes, lifetime: float = inf, is_open: bool = False) -> None:
        self._shelf(kind).put(key, _Held(value, self._clock() + lifetime, is_open))

    def replace(self, kind: Kind, key: str, value: bytes) -> None:
        shelf = self._shelf(kind)
        held = shelf.held.get(key)
        if held is not None:
            shelf.size += len(value) - len(held.value)
            shelf.held[key] = _Held(value, held.ends, False)
            shelf.make_room()

    def get(self, kind: Kind, key: str) -> Entry | None:
        held = self._shelf(kind).held.get(key)
        return None if held is None else self._entry(held)

    def take(self, kind: Kind, key: str) -> Entry | None:
        held = self._shelf(kind).pop(key)
        return None if held is None else self._entry(held)

    def drop(self, name: str, key: str) -> None:
        """Take an entry out of the kind of this name."""
        if name in self._shelves:
            self._shelves[name].pop(key)

    def agree(self, name: str, make: Callable[[], bytes]) -> bytes:
        if name not in self._agreed:
            self._agreed[name] = make()
        return self._agreed[name]

    def advance(self, key: str, most: int) -> int:
        place = self._places.get(key, 0)
        self.advanced(key, min(place + 1, most - 1))
        return min(place, most - 1)

    def advanced(self, key: str, place: int) -> None:
        """Know where a key is."""
        self._places[key] = place
        self._places.move_to_end(key)
        if len(self._places) > self._most_counted:
            self._places.popitem(last=False)

    def prompts(self) -> Use:
        return lambda some: self._prompts.use(some, self._clock())

    def clear(self) -> None:
        self._prompts.clear()
        self._shelves.clear()
        self._places.clear()

    def all(self) -> Iterator[tuple[Kind, str, Entry]]:
        """Every entry, of each kind the oldest first."""
        for shelf in list(self._shelves.values()):
            for key, held in list(shelf.held.items()):
                yield shelf.kind, key, self._entry(held)

    def places(self) -> list[tuple[str, int]]:
        """Where each key is."""
        return list(self._places.items())

    def agreed(self) -> dict[str, bytes]:
        """What is agreed, by name."""
        return self._agreed

    def _shelf(self, kind: Kind) -> _Shelf:
        shelf = self._shelves.get(kind.name)
        if shelf is None:
            shelf = self._shelves[kind.name] = _Shelf(kind)
        return shelf

    def _entry(self, held: _Held) -> Entry:
        return Entry(held.value, held.ends - self._clock(), held.is_open)
