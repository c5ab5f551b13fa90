"""What upstreams have given out, in the store for all members.

Each member keeps a copy of what it has given out itself, and of tokens that it was shown: it goes by that while the
store is away, and tells it to one that has forgotten.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterator, Sequence
from functools import partial
from itertools import count
from math import inf
from typing import Any

from oagw_tornado.reply.prompt_cache import LIFETIME, MOST_KEPT, Use
from oagw_tornado.state.link import Argument, Link
from oagw_tornado.state.local_entries import MOST_COUNTED, LocalEntries
from oagw_tornado.state.store import Entry, Kind, StateAway, Undecided

#: Bytes of a value that others gave out up to which it is copied here.
_SMALL = 1024
#: Entries, and bytes of them, that are told again at once.
_TOGETHER = 500
_PIECE = 2**20


class SharedEntries:
    """An `oagw_tornado.state.store.Entries` for one of several processes.

    `settle` waits until what another member has changed is in the store; it is false if that member is gone.
    """

    def __init__(self, link: Link, member: str) -> None:
        self.answers: dict[Hashable, Any] = {}
        self.settle: Callable[[str], Awaitable[bool]]
        self._link = link
        self._member = member
        self._copies = LocalEntries()
        # What the store could not be told, and how it is to take that: see `entry_scripts.KEEP`.
        self._untold: dict[tuple[str, str], str] = {}

    def put(
        self, kind: Kind, key: str, value: bytes, lifetime: float = inf, is_open: bool = False
    ) -> Awaitable[None] | None:
        self._copies.put(kind, key, value, lifetime, is_open)
        return self._telling(kind, key, self._keep("-", kind, key, Entry(value, lifetime, is_open)))

    def replace(self, kind: Kind, key: str, value: bytes) -> None:
        self._copies.replace(kind, key, value)
        asked = self._keep("XX", kind, key, Entry(value))
        asked.add_done_callback(partial(self._told, kind, key, "XX"))

    def get(self, kind: Kind, key: str) -> Entry | None:
        question = ("get", kind.name, key)
        answer: tuple[Entry | None] | None = self.answers.get(question)
        if answer is not None:
            return answer[0]
        if self._link.is_away and (known := self._copies.get(kind, key)) is not None:
            return known
        raise Undecided(question, partial(self._get, kind, key))

    def take(self, kind: Kind, key: str) -> Entry | None:
        question = ("take", kind.name, key)
        answer: tuple[Entry | None] | None = self.answers.get(question)
        if answer is None:
            raise Undecided(question, partial(self._take, kind, key))
        return answer[0]

    def agree(self, name: str, make: Callable[[], bytes]) -> bytes:
        agreed = self._copies.agreed()
        if name not in agreed:
            raise Undecided(("agree", name), partial(self._agree, name, make))
        return agreed[name]

    def advance(self, key: str, most: int) -> int:
        answer: tuple[int] | None = self.answers.get(("advance", key))
        if answer is None:
            raise Undecided(("advance", key), partial(self._advance, key, most))
        return answer[0]

    def prompts(self) -> Use:
        numbers = count()
        return lambda some: self._use(next(numbers), some)

    def _use(self, number: int, some: Sequence[tuple[bytes, bool]]) -> list[bool]:
        answer: list[bool] | None = self.answers.get(("prompts", number))
        if answer is None:
            raise Undecided(("prompts", number), partial(self._look_up, some))
        return answer

    def clear(self) -> None:
        self._copies.clear()
        self._untold.clear()

    def gone(self, name: str, key: str) -> None:
        """Another member has taken an entry out."""
        self._copies.drop(name, key)

    async def came_back(self) -> None:
        """The store was away, and may have forgotten what it was told."""
        is_forgotten = not await self._link.ask("mirrored", self._member)
        untold, self._untold = self._untold, {}
        try:
            for batch in _batches(self._to_tell(untold, is_forgotten)):
                mode, kind = batch[0][:2]
                described = [part for _, kind, key, entry in batch for part in _described(key, entry)]
                await self._link.ask("keep-entries", self._member, mode, *kind, *described)
            if is_forgotten:
                await self._tell_rest()
        except BaseException:
            self._untold = {**untold, **self._untold}
            raise

    def _to_tell(self, untold: dict[tuple[str, str], str], all_of_it: bool) -> Iterator[tuple[str, Kind, str, Entry]]:
        for kind, key, entry in self._copies.all():
            mode = "NX" if all_of_it else untold.get((kind.name, key))
            if mode is not None:
                yield mode, kind, key, entry

    async def _tell_rest(self) -> None:
        places = self._copies.places()
        for start in range(0, len(places), _TOGETHER):
            some = [part for pair in places[start : start + _TOGETHER] for part in pair]
            await self._link.ask("advanced", MOST_COUNTED, *some)
        agreed = self._copies.agreed()
        for name, value in list(agreed.items()):
            agreed[name] = await self._link.ask("agree", name, value)

    def _keep(self, mode: str, kind: Kind, key: str, entry: Entry) -> asyncio.Future[Any]:
        return self._link.call("keep-entries", self._member, mode, *kind, *_described(key, entry))

    async def _telling(self, kind: Kind, key: str, asked: asyncio.Future[Any]) -> None:
        try:
            await asyncio.wait([asked])
        finally:
            self._told(kind, key, "NX", asked)

    def _told(self, kind: Kind, key: str, mode: str, asked: asyncio.Future[Any]) -> None:
        if not asked.done() or asked.cancelled() or asked.exception() is None:
            return
        # An entry that was never told is told as it is by then.
        self._untold.setdefault((kind.name, key), mode)
        if len(self._untold) > MOST_COUNTED:
            del self._untold[next(iter(self._untold))]

    async def _get(self, kind: Kind, key: str) -> tuple[Entry | None]:
        try:
            told = await self._link.call("get-entry", kind.name, key)
            if told and told[2] == b"1" and (maker := told[3].decode()) != self._member and await self.settle(maker):
                told = await self._link.call("get-entry", kind.name, key)
        except StateAway:
            known = self._copies.get(kind, key)
            if known is None:
                raise
            return (known,)
        entry = _entry(told)
        if entry is None:
            self._copies.take(kind, key)
        elif len(entry.value) <= _SMALL and self._copies.get(kind, key) is None:
            self._copies.put(kind, key, entry.value, entry.remaining)
        return (entry,)

    async def _take(self, kind: Kind, key: str) -> tuple[Entry | None]:
        told = await self._link.call("take-entry", kind.name, key)
        self._copies.take(kind, key)
        return (_entry(told),)

    async def _agree(self, name: str, make: Callable[[], bytes]) -> bytes:
        agreed: bytes = await self._link.call("agree", name, make())
        self._copies.agree(name, lambda: agreed)
        return agreed

    async def _look_up(self, some: Sequence[tuple[bytes, bool]]) -> list[bool]:
        given = [part for beginning, is_kept in some for part in (beginning, int(is_kept))]
        try:
            return [bool(each) for each in await self._link.call("prompts", LIFETIME, MOST_KEPT, *given)]
        except StateAway:
            return [False] * len(some)  # a cache may be empty

    async def _advance(self, key: str, most: int) -> tuple[int]:
        place: int = await self._link.call("advance", key, most, MOST_COUNTED)
        self._copies.advanced(key, min(place + 1, most - 1))
        return (place,)


def _described(key: str, entry: Entry) -> tuple[Argument, ...]:
    lifetime = -1.0 if entry.remaining == inf else max(0.0, entry.remaining)
    return key, entry.value, lifetime, int(entry.is_open)


def _entry(told: list[bytes]) -> Entry | None:
    return Entry(told[0], float(told[1]), told[2] == b"1") if told else None


def _batches(told: Iterator[tuple[str, Kind, str, Entry]]) -> Iterator[list[tuple[str, Kind, str, Entry]]]:
    """In pieces of one mode and kind."""
    batch: list[tuple[str, Kind, str, Entry]] = []
    size = 0
    for each in told:
        if batch and (each[:2] != batch[0][:2] or len(batch) == _TOGETHER or size > _PIECE):
            yield batch
            batch, size = [], 0
        batch.append(each)
        size += len(each[3].value)
    if batch:
        yield batch
