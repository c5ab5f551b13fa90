"""One process among those that share a state: who the members are, and every change in the same order for all of them.

A change is an entry in a log in the store. Every member applies the log entry by entry, and reports how far it is. The
member that makes a change waits for all others, so that a request that begins after the answer sees the change
wherever it arrives. New entries are announced by publish/subscribe; a heartbeat twice a second finds missed ones. The
heartbeat is also a lease: a member that was stopped for longer reads the log before it decides anything.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from secrets import token_hex
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from oagw_tornado.state.link import PATIENCE, RETRY, Link
from oagw_tornado.state.questions import Questions
from oagw_tornado.state.store import StateAway

if TYPE_CHECKING:
    from oagw_tornado.state.redis_store import RedisStore

log = logging.getLogger(__name__)

#: Seconds between two beats, and that a member is taken to be there after one.
BEAT = 0.5
LEASE = 3.0
#: Seconds that a change waits for all members to follow it.
FOLLOW_PATIENCE = 10.0
#: Changes in the log, and their bytes, before the state as it is stands for them.
MOST_CHANGES = 256
MOST_BYTES = 16 * 2**20
#: Changes that are read at once.
_AT_ONCE = 64


class Change(NamedTuple):
    """One line of the log."""

    seq: int
    epoch: str
    by: str
    """The member that made it; ``-``: the state as it was then."""
    document: Any

    @classmethod
    def read(cls, line: bytes) -> Change:
        """From ``seq epoch member JSON``."""
        seq, epoch, by, text = line.split(b" ", 3)
        return cls(int(seq), epoch.decode(), by.decode(), orjson.loads(text))


class Membership:
    """This process as a member.

    `perform` makes a change here, `snapshot` gives the document of a change that leads to the state as it is, `answer`
    gives what this member knows for a question, piece by piece; `push` tells the store with each beat what has
    happened, and once a second (True) what was measured.
    """

    def __init__(self, link: Link, store: RedisStore, member: str, label: str) -> None:
        self.member = member
        self.label = label
        self.perform: Callable[[Change], Awaitable[Any]]
        self.snapshot: Callable[[], Any]
        self.push: Callable[[bool], Awaitable[None]]
        self.questions = Questions(link, member)
        store.entries.settle = self.questions.settle
        #: What else is said to this member or to all, by its first word: it gets the rest.
        self.words: dict[bytes, Callable[[bytes], None]] = {}
        #: Seconds since the state began, by this process' clock (monotonic).
        self.began = time.monotonic()
        self._link = link
        self._store = store
        self._applied = 0
        self._log_bytes = 0
        self._lease = 0.0
        self._results: dict[int, asyncio.Future[Any]] = {}
        self._turn = asyncio.Lock()
        self._followed = asyncio.Event()
        self._hears = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._standing: list[asyncio.Task[None]] = []

    def is_current(self, now: float) -> bool:
        """Whether what this member knows is what holds, as far as can be known; `now` is of `time.monotonic`."""
        return now < self._lease or self._link.is_away

    async def join(self, patience: float, predecessor: str = "") -> None:
        """Come in, in the place of `predecessor` if there is one, trying for so many seconds. Raises StateAway."""
        await self._link.open(patience)
        try:
            await self._come_in(predecessor)
        except StateAway:
            await self._link.close()
            raise
        self._standing = [asyncio.create_task(each, name="state") for each in (self._beats(), self._listen())]
        try:
            await asyncio.wait_for(self._hears.wait(), PATIENCE)
        except TimeoutError:
            pass  # whatever must not be missed is looked for, too

    async def _come_in(self, predecessor: str) -> None:
        sent = time.monotonic()
        told = await self._link.call("join", self.member, LEASE, self.label, predecessor)
        self._link.epoch, seq, passed = told[0].decode(), told[1], float(told[2])
        self.began = sent - passed
        self._link.came_back = self._came_back
        await self.follow()
        self._applied = max(self._applied, seq)
        self._lease = sent + LEASE

    async def leave(self) -> None:
        """Go, and say so if anybody can hear it."""
        for task in (*self._standing, *self._tasks):
            task.cancel()
        if self._standing:
            await asyncio.wait([*self._standing, *self._tasks])
        if not self._link.is_away:
            try:
                await asyncio.wait_for(self.push(True), 1.0)
                await asyncio.wait_for(self._link.call("leave", self.member), 1.0)
            except (StateAway, TimeoutError):
                pass
        await self._link.close()

    def hold(self, task: asyncio.Task[Any]) -> None:
        """Keep a task until it is done: the loop alone would not."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def change(self, document: Any, is_reset: bool = False) -> Any:
        """Make a change everywhere; returns what `perform` gave here once all have followed it. Raises StateAway."""
        seq, length, members = await self._submit(orjson.dumps(document), is_reset)
        result = self._results.setdefault(seq, asyncio.get_running_loop().create_future())
        try:
            await self.follow()
            performed = await asyncio.wait_for(asyncio.shield(result), FOLLOW_PATIENCE)
            await self._all_follow(seq, members)
        except TimeoutError:
            raise StateAway("the change was not made here in time") from None
        finally:
            self._results.pop(seq, None)
        if (length > MOST_CHANGES or self._log_bytes > MOST_BYTES) and self._applied == seq:
            await self._link.call("compact", seq, orjson.dumps(self.snapshot()))
            self._log_bytes = 0
        return performed

    async def caught_up(self) -> None:
        """Follow what others have changed, if the store can be reached."""
        try:
            await self._beat()
        except StateAway:
            pass

    async def follow(self) -> None:
        """Make all changes that others have made. Raises StateAway."""
        async with self._turn:
            while lines := await self._link.call("follow", self._applied, _AT_ONCE):
                before = self._applied
                for line in lines:
                    await self._follow_one(Change.read(line))
                    self._log_bytes += len(line)
                if self._applied == before:
                    return

    async def members(self) -> list[tuple[str, str, int]]:
        """Who is there: name, label, the last change that it followed. Raises StateAway."""
        return [(name.decode(), label.decode(), int(seq)) for name, label, seq in await self._link.call("members")]

    async def _submit(self, document: bytes, is_reset: bool) -> tuple[int, int, list[bytes]]:
        for _ in range(10):
            told = await self._link.decide("submit", self.member, document, int(is_reset))
            if told:
                return told[0], told[2], told[3]
            await self._beat()
        raise StateAway("the state is reset again and again")

    async def _all_follow(self, seq: int, members: list[bytes]) -> None:
        missing = {member.decode() for member in members}
        deadline = time.monotonic() + FOLLOW_PATIENCE
        while True:
            self._followed.clear()
            there = {name: applied for name, _, applied in await self.members()}
            missing = {member for member in missing if there.get(member, seq) < seq}
            if not missing:
                return
            if time.monotonic() > deadline:
                raise StateAway(f"the change is made, but {', '.join(sorted(missing))[:200]} did not follow in time")
            try:
                await asyncio.wait_for(self._followed.wait(), 0.2)
            except TimeoutError:
                pass

    async def _follow_one(self, change: Change) -> None:
        if change.seq <= self._applied and change.epoch == self._link.epoch:
            return
        if change.epoch != self._link.epoch:
            self._link.epoch = change.epoch
            self._store.clear()
        try:
            result: Any = await self.perform(change)
        except Exception:
            log.exception("a change of the shared state could not be made")
            result = None
        self._applied = change.seq
        if change.by == self.member:
            future = self._results.setdefault(change.seq, asyncio.get_running_loop().create_future())
            if not future.done():
                future.set_result(result)
        self._link.call("acknowledge", self.member, change.seq, change.by).add_done_callback(_forget)

    async def _beats(self) -> None:
        pushed = 0.0
        while True:
            try:
                await self._beat()
                is_whole = time.monotonic() - pushed >= 1.0
                if is_whole:
                    pushed = time.monotonic()
                await self.push(is_whole)
            except StateAway:
                pass
            except Exception:
                log.exception("the shared state could not be looked after")
            await asyncio.sleep(BEAT)

    async def _beat(self) -> None:
        sent = time.monotonic()
        epoch, seq, granted = await self._link.call("beat", self.member, LEASE, self.label)
        if not epoch:
            await self._rejoin()
        if epoch and epoch.decode() != self._link.epoch:
            await self._follow_epoch(epoch.decode(), seq)
        elif seq > self._applied:
            await self.follow()
        if granted:
            await self._store.gates.take_granted()
        self._lease = sent + LEASE

    async def _follow_epoch(self, epoch: str, seq: int) -> None:
        """Another epoch has begun: all of it is news."""
        async with self._turn:
            self._applied = 0
        await self.follow()
        if self._link.epoch != epoch:  # it began while this member was taken to be gone, and nothing was changed since
            async with self._turn:
                await self._follow_one(Change(seq, epoch, "-", {"reset": True}))

    async def _came_back(self) -> None:
        await self._rejoin()
        await self._store.gates.came_back()
        self.hold(asyncio.create_task(self.caught_up()))

    async def _rejoin(self) -> None:
        """Tell a store that has forgotten what this member knows."""
        began = time.monotonic() - self.began
        snapshot = orjson.dumps(self.snapshot())
        known = (LEASE, self.label, self._link.epoch, self._applied, snapshot, began)
        await self._link.ask("rejoin", self.member, *known, *self._store.seen())
        await self._store.entries.came_back()

    async def _listen(self) -> None:
        prefix = self._link.prefix
        while True:
            client = self._link.connect(None)
            try:
                async with client.pubsub() as channels:
                    await channels.subscribe(f"{prefix}bus", f"{prefix}to:{self.member}")
                    async for message in channels.listen():
                        if message["type"] == "message":
                            self._heard(message["data"])
                        else:
                            self._hears.set()
                            self._do(self.caught_up())  # what was said before anybody listened
            except asyncio.CancelledError:
                raise
            except Exception:  # the link tells of a store that is away
                await asyncio.sleep(RETRY)
            finally:
                await client.aclose()

    def _heard(self, word: bytes) -> None:
        if word == b"log":
            self._do(self.follow())
        elif word == b"granted":
            self._do(self._store.gates.take_granted())
        elif word == b"followed":
            self._followed.set()
        elif word.startswith(b"gone "):
            self._store.entries.gone(*word.decode().split(" ", 2)[1:])
        elif word.startswith(b"ask "):
            self._do(self.questions.answer_to(orjson.loads(word[4:])))
        else:
            name, _, rest = word.partition(b" ")
            if name in self.words:
                self.words[name](rest)

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        self.hold(asyncio.create_task(_quietly(work)))


async def _quietly(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except StateAway:
        pass
    except Exception:
        log.exception("a word of another member could not be followed")


def _forget(future: asyncio.Future[Any]) -> None:
    if not future.cancelled():
        future.exception()


def new_member() -> str:
    """A name that no other member has."""
    return token_hex(8)
