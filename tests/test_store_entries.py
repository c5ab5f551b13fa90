"""What upstreams give out, as a `Store` has it: alike in memory and in Redis, which is told again what it forgets."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from redis_server import RedisServer
from test_store import NUMBERS, in_memory, in_redis, run

from oagw_tornado.state.store import Entry, Kind, StateAway, Store, decided


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


SMALL = Kind("small", 3, 100)


async def settle(waiting: Awaitable[None] | None) -> None:
    if waiting is not None:
        await waiting


def test_an_entry_is_there_until_it_is_taken_by_one(opened: Callable[[], Any]) -> None:
    async def test(store: Store) -> None:
        entries = store.entries
        await settle(entries.put(SMALL, "a", b"one"))
        await settle(entries.put(SMALL, "a", b"two"))
        assert (await decided(store, lambda: entries.get(SMALL, "a"))) == Entry(b"two", math.inf)
        taken = await asyncio.gather(*(decided(store, lambda: entries.take(SMALL, "a")) for _ in range(5)))
        assert [entry.value for entry in taken if entry is not None] == [b"two"]
        assert await decided(store, lambda: entries.get(SMALL, "a")) is None

    run(opened, test)


def test_an_open_entry_is_replaced_unless_it_is_gone(opened: Callable[[], Any]) -> None:
    async def test(store: Store) -> None:
        entries = store.entries
        for key in ("kept", "taken"):
            await settle(entries.put(SMALL, key, b"begun", is_open=True))
        assert (await decided(store, lambda: entries.get(SMALL, "kept"))) == Entry(b"begun", math.inf, True)
        await decided(store, lambda: entries.take(SMALL, "taken"))
        for key in ("kept", "taken"):
            entries.replace(SMALL, key, b"ended")
        assert (await decided(store, lambda: entries.get(SMALL, "kept"))) == Entry(b"ended", math.inf)
        assert await decided(store, lambda: entries.get(SMALL, "taken")) is None

    run(opened, test)


def test_an_entry_is_good_for_its_lifetime_and_stale_from_then_on(opened: Callable[[], Any]) -> None:
    async def test(store: Store) -> None:
        entries = store.entries
        for key, lifetime in (("long", 60.0), ("over", 60.0), ("over", 0.0)):
            await settle(entries.put(SMALL, key, b"", lifetime))
        long, over = await decided(store, lambda: (entries.get(SMALL, "long"), entries.get(SMALL, "over")))
        assert long is not None
        assert over is not None
        assert 50 < long.remaining <= 60
        assert over.remaining <= 0

    run(opened, test)


def test_entries_of_a_kind_are_bounded_in_number_and_in_bytes(opened: Callable[[], Any]) -> None:
    async def test(store: Store) -> None:
        entries = store.entries

        async def there() -> str:
            keys = "abcdefgh"
            found = await decided(store, lambda: [entries.get(SMALL, key) for key in keys])
            return "".join(key for key, entry in zip(keys, found, strict=True) if entry is not None)

        for key in "abcd":
            await settle(entries.put(SMALL, key, b"x" * 20))
        assert await there() == "bcd"
        await settle(entries.put(SMALL, "b", b"y"))  # the latest again
        await settle(entries.put(SMALL, "e", b"x" * 60))
        assert await there() == "bde"
        entries.replace(SMALL, "e", b"x" * 95)
        assert await there() == "be"
        await settle(entries.put(SMALL, "f", b"x" * 101))
        assert await there() == ""
        # Of another kind there is as much as that may have.
        await settle(entries.put(Kind("other", 9, 999), "g", b"x" * 200))
        entries.clear()

    run(opened, test)


def test_all_agree_on_what_came_first(opened: Callable[[], Any]) -> None:
    async def test(store: Store) -> None:
        entries = store.entries
        assert await decided(store, lambda: entries.agree("key", lambda: b"first")) == b"first"
        assert await decided(store, lambda: entries.agree("key", lambda: b"second")) == b"first"
        store.clear()
        assert await decided(store, lambda: entries.agree("key", lambda: b"third")) == b"first"

    run(opened, test)


def test_places_follow_each_other_and_the_last_one_repeats(opened: Callable[[], Any]) -> None:
    async def test(store: Store) -> None:
        entries = store.entries
        places = [await decided(store, lambda: entries.advance("key", 3)) for _ in range(5)]
        assert places == [0, 1, 2, 2, 2]
        assert await decided(store, lambda: entries.advance("other", 3)) == 0
        assert await decided(store, lambda: entries.advance("key", 9)) == 2

    run(opened, test)


def test_beginnings_of_prompts_are_seen_where_they_were_used(opened: Callable[[], Any]) -> None:
    async def test(store: Store) -> None:
        async def used(*some: tuple[bytes, bool]) -> list[bool]:
            def use() -> list[bool]:
                return store.entries.prompts()(some)

            return await decided(store, use)

        assert await used((b"a", True), (b"b", False)) == [False, False]
        assert await used((b"a", False), (b"b", True)) == [True, False]
        assert await used((b"b", True), (b"c", False), (b"a", True)) == [True, False, True]
        store.clear()

    run(opened, test)


def test_a_store_that_has_forgotten_is_told_again_what_it_was_told(redis: RedisServer) -> None:
    async def main() -> None:
        async with in_redis(redis, "forgets") as store, in_redis(redis, "forgets", "other") as other:
            kind, entries = Kind("told", 5000, 10**7), store.entries
            for number in range(1200):
                await settle(entries.put(kind, str(number), b"v" * 3000, 60.0 if number else 0.0))
            await decided(other, lambda: other.entries.take(kind, "7"))
            entries.gone("told", "7")  # as the bus says
            assert await decided(store, lambda: entries.agree("key", lambda: b"agreed")) == b"agreed"
            assert [await decided(store, lambda: entries.advance("key", 9)) for _ in range(3)] == [0, 1, 2]
            await store._link._execute("FLUSHALL")
            await entries.came_back()
            ids = [str(number) for number in range(1200)]
            found = [await decided(other, lambda id=id: other.entries.get(kind, id)) for id in ids]  # type: ignore[misc]
            assert [number for number, entry in enumerate(found) if entry is None] == [7]
            assert [number for number, entry in enumerate(found) if entry and entry.remaining <= 0] == [0]
            assert await decided(other, lambda: other.entries.agree("key", lambda: b"another")) == b"agreed"
            assert await decided(other, lambda: other.entries.advance("key", 9)) == 3
            # One that has forgotten nothing is not told all of it again.
            await store._link._execute("DEL", "{forgets}:given:told")
            await entries.came_back()
            assert await decided(other, lambda: other.entries.get(kind, "8")) is None

    asyncio.run(asyncio.wait_for(main(), 60))


def test_what_is_given_out_while_the_store_is_away_is_told_when_it_is_back() -> None:
    async def main() -> None:
        with RedisServer() as server:
            async with in_redis(server, "away") as store:
                entries = store.entries
                await settle(entries.put(SMALL, "before", b"1", is_open=True))
                server.kill()
                with pytest.raises(StateAway):
                    await decided(store, lambda: entries.take(SMALL, "before"))
                await settle(entries.put(SMALL, "meanwhile", b"2"))
                entries.replace(SMALL, "before", b"3")
                known = await decided(store, lambda: (entries.get(SMALL, "before"), entries.get(SMALL, "meanwhile")))
                assert [entry.value for entry in known if entry is not None] == [b"3", b"2"]
                with pytest.raises(StateAway):
                    await decided(store, lambda: entries.get(SMALL, "unknown"))
                store._link.came_back = entries.came_back
                server.start()
                while store._link.is_away:
                    await asyncio.sleep(0.02)
                for key, value in (("before", b"3"), ("meanwhile", b"2")):
                    assert (await store._link.call("get-entry", "small", key))[0] == value

    asyncio.run(asyncio.wait_for(main(), 60))
