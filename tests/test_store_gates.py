"""Gates of a `Store`, alike in memory and in Redis: what a release lets pass, and who waits for how long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from redis_server import RedisServer
from test_store import NUMBERS, Reply, in_memory, in_redis, run, until

from oagw_tornado.state.redis_store import RedisStore
from oagw_tornado.state.store import Store


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture(params=["memory", "redis"])
def opened(request: pytest.FixtureRequest) -> Callable[[], Any]:
    """What opens a store that nobody has used yet."""
    if request.param == "memory":
        return in_memory
    server = request.getfixturevalue("redis")
    return lambda: in_redis(server, f"test-{next(NUMBERS)}")


async def released(store: Store, events: int | None) -> Any:
    if isinstance(store, RedisStore):
        state = await store.gates.released("gate", events)
        await store.gates.take_granted()  # a membership does so when it is told
        return state
    return store.gates.release("gate", events)


def test_a_release_lets_so_many_events_pass(opened: Callable[[], Any]) -> None:
    async def test(store: Store) -> None:
        reply = Reply(store, 5)
        reply.go_on()
        await asyncio.sleep(0)
        assert reply.passed == 0
        releasing = asyncio.ensure_future(released(store, 1))
        if isinstance(store, RedisStore):
            while not releasing.done():
                await store.gates.take_granted()
                await asyncio.sleep(0.001)
        await releasing
        await until(lambda: reply.passed == 1)
        # Permits that come before the replies are kept.
        early = Reply(store, 2, "other")
        if isinstance(store, RedisStore):
            await store.gates.released("other", 2)
        else:
            store.gates.release("other", 2)
        early.go_on()
        await until(lambda: early.passed == 2)
        assert reply.passed == 1

    run(opened, test)


def test_an_open_gate_lets_everything_pass(opened: Callable[[], Any]) -> None:
    async def test(store: Store) -> None:
        replies = [Reply(store, 20) for _ in range(5)]
        for reply in replies:
            reply.go_on()
        await asyncio.sleep(0.01)
        releasing = asyncio.ensure_future(released(store, None))
        if isinstance(store, RedisStore):
            while not releasing.done():
                await store.gates.take_granted()
                await asyncio.sleep(0.001)
        assert (await releasing)["open"]
        assert [reply.passed for reply in replies] == [20] * 5

    run(opened, test)


def test_who_leaves_takes_no_permit(opened: Callable[[], Any]) -> None:
    async def test(store: Store) -> None:
        gone, stays = Reply(store, 1), Reply(store, 1)
        gone.go_on()
        stays.go_on()
        store.gates.leave("gate", gone)
        releasing = asyncio.ensure_future(released(store, 1))
        if isinstance(store, RedisStore):
            while not releasing.done():
                await store.gates.take_granted()
                await asyncio.sleep(0.001)
        await releasing
        await until(lambda: stays.passed == 1)
        assert gone.passed == 0

    run(opened, test)


def test_nobody_waits_at_a_gate_for_longer_than_its_time(opened: Callable[[], Any]) -> None:
    async def test(store: Store) -> None:
        store.gates.timeout = 0.05
        reply = Reply(store, 1)
        reply.go_on()
        await until(lambda: reply.timed_out)
        assert reply.passed == 0

    run(opened, test)
