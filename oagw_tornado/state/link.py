"""One connection to Redis for all decisions: those of one turn of the loop are sent together.

A request that has to wait for the store waits for one round trip. Meanwhile others queue up for the next batch, so a
busy process sends few, large batches. Nothing waits for an unreachable store: calls fail at once, and a task retries
until the store is back.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from hashlib import sha1
from typing import TYPE_CHECKING, Any

from oagw_tornado.state.failures import in_words
from oagw_tornado.state.store import StateAway

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from oagw_tornado.config.state_address import StateAddress

log = logging.getLogger(__name__)

#: Seconds that a round trip may take, and that connecting may.
PATIENCE = 2.0
#: Seconds between two tries to reach a store that is away.
RETRY = 0.25
#: Calls in one batch, and calls that may wait for theirs.
MOST_TOGETHER = 256
MOST_WAITING = 20_000

Argument = str | bytes | int | float


class Link:
    """Runs scripts in the store, between `open` and `close`.

    `scripts` are Lua texts by name. `came_back` is awaited whenever the store is there again, before anything else is
    asked; what it raises counts as the store being away.
    """

    def __init__(self, address: StateAddress, scripts: Mapping[str, str]) -> None:
        self.address = address
        #: Of all keys. In braces, so that a cluster of Redis servers keeps them together.
        self.prefix = f"{{{address.prefix}}}:"
        #: The state as this process knows it: a reset begins another epoch.
        self.epoch = ""
        self.came_back: Callable[[], Awaitable[None]] | None = None
        #: Why it is away, and since when (Unix time); empty while it is there.
        self.error = "not connected yet"
        self.since = time.time()
        self.redis: Redis
        self._texts = scripts
        self._names = {name: sha1(text.encode(), usedforsecurity=False).hexdigest() for name, text in scripts.items()}
        self._waiting: deque[tuple[tuple[Argument, ...], asyncio.Future[Any]]] = deque()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._is_closing = False

    @property
    def is_away(self) -> bool:
        return bool(self.error)

    async def open(self, patience: float) -> None:
        """Connect, trying for `patience` seconds. Raises StateAway."""
        self.redis = self.connect(PATIENCE)
        deadline = time.monotonic() + patience
        while not await self._try():
            if time.monotonic() > deadline or self.error.startswith("refused: "):
                await self.redis.aclose()
                raise StateAway(self.error)
            await asyncio.sleep(RETRY)
        self._task = asyncio.create_task(self._run(), name="state-link")

    def connect(self, patience: float | None) -> Redis:
        """A client of its own, whose replies may take `patience` seconds."""
        from redis.asyncio import Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff

        return Redis.from_url(
            self.address.url,
            socket_timeout=patience,
            socket_connect_timeout=PATIENCE,
            retry=Retry(NoBackoff(), 0),
            health_check_interval=0,
            protocol=2,
        )

    def decide(self, script: str, *arguments: Argument) -> asyncio.Future[Any]:
        """As `call`, for a script that gets the epoch."""
        return self.call(script, self.epoch, *arguments)

    def send_decision(self, script: str, *arguments: Argument) -> None:
        """As `decide`, where nobody waits for the result."""
        self.decide(script, *arguments).add_done_callback(_forget)

    def call(self, script: str, *arguments: Argument) -> asyncio.Future[Any]:
        """What the script gives, as a future that raises StateAway."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if self.error:
            future.set_exception(StateAway(self.error))
        elif len(self._waiting) >= MOST_WAITING:
            future.set_exception(StateAway(f"{MOST_WAITING} calls wait for it already"))
        else:
            self._waiting.append((self._command(script, arguments), future))
            self._wake.set()
        return future

    def publish(self, channel: str, word: bytes) -> None:
        """Say something to all who listen on a channel; nobody waits for it."""
        self.call("tell", channel, word).add_done_callback(_forget)

    async def ask(self, script: str, *arguments: Argument) -> Any:
        """As `call`, at once and ahead of all that waits: for who brings the store up to date when it is back.

        Raises what redis-py does.
        """
        return await self._execute(*self._command(script, arguments))

    def _command(self, script: str, arguments: tuple[Argument, ...]) -> tuple[Argument, ...]:
        return ("EVALSHA", self._names[script], 0, self.prefix, *arguments)

    async def close(self) -> None:
        task, self._task = self._task, None
        if task is None:
            return
        self._is_closing = True
        task.cancel()
        await asyncio.wait([task], timeout=PATIENCE)
        self._fail("the server ends")
        await self.redis.aclose()

    async def _run(self) -> None:
        # redis-py may make an error of its own of a cancellation.
        while not self._is_closing:
            if self.error:
                await asyncio.sleep(RETRY)
                if await self._try():
                    log.warning("the state is back: %s", self.address)
                continue
            if not self._waiting:
                self._wake.clear()
                await self._wake.wait()
            batch = [self._waiting.popleft() for _ in range(min(MOST_TOGETHER, len(self._waiting)))]
            try:
                results = await self._send([command for command, _ in batch])
            except asyncio.CancelledError:
                self._waiting.extendleft(reversed(batch))
                raise
            except Exception as error:
                self._lost(error, batch)
                continue
            self._hand_out(batch, results)

    async def _execute(self, *command: Argument) -> Any:
        return await self.redis.execute_command(*command)  # type: ignore[no-untyped-call]

    async def _send(self, commands: list[tuple[Argument, ...]]) -> list[Any]:
        if len(commands) == 1:
            try:
                return [await self._execute(*commands[0])]
            except Exception as error:
                if _is_answer(error):
                    return [error]
                raise
        pipeline = self.redis.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        return await pipeline.execute(raise_on_error=False)

    def _hand_out(self, batch: list[tuple[tuple[Argument, ...], asyncio.Future[Any]]], results: list[Any]) -> None:
        for (_, future), result in zip(batch, results, strict=True):
            if future.done():
                continue
            if isinstance(result, Exception):
                # A store that was started anew knows no scripts; one that is out of memory, or read-only, says so.
                future.set_exception(StateAway(in_words(result, self.address)))
                self._lost(result)
            else:
                future.set_result(result)

    async def _try(self) -> bool:
        """Whether the store is there, with its scripts and all that it is to know."""
        try:
            for text in self._texts.values():
                await self._execute("SCRIPT", "LOAD", text)
            if self.came_back is not None:
                await self.came_back()
        except Exception as error:
            self._lost(error)
            return False
        self.error, self.since = "", time.time()
        return True

    def _lost(
        self, error: Exception, batch: list[tuple[tuple[Argument, ...], asyncio.Future[Any]]] | None = None
    ) -> None:
        said = in_words(error, self.address)
        if not self.error:
            self.since = time.time()
            log.error("the state is away: %s: %s", self.address, said)
        self.error = said
        self._waiting.extendleft(reversed(batch or []))
        self._fail(said)

    def _fail(self, reason: str) -> None:
        while self._waiting:
            _, future = self._waiting.popleft()
            if not future.done():
                future.set_exception(StateAway(reason))
                future.add_done_callback(_forget)


def _is_answer(error: Exception) -> bool:
    from redis.exceptions import ResponseError

    return isinstance(error, ResponseError)


def _forget(future: asyncio.Future[Any]) -> None:
    if not future.cancelled():
        future.exception()
