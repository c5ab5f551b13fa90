"""What members leave of their journals with the store: bounded in every way, and forgotten in time."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from redis_server import RedisServer

from oagw_tornado.config.state_address import parse_state
from oagw_tornado.control.leaving import LEAST_OF_A_BODY, MOST_OF_BODIES, MOST_RUNNING, Leaving
from oagw_tornado.evidence.carried import received
from oagw_tornado.evidence.exchange import Exchange
from oagw_tornado.evidence.journal import Journal
from oagw_tornado.state import left_journals
from oagw_tornado.state.journal_scripts import SCRIPTS as JOURNALS
from oagw_tornado.state.left_journals import LeftJournals, Slice
from oagw_tornado.state.link import Link
from oagw_tornado.state.membership_scripts import SCRIPTS as MEMBERS

NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@asynccontextmanager
async def linked(redis: RedisServer) -> AsyncIterator[Link]:
    link = Link(parse_state(f"{redis.url}?prefix=left-{next(NUMBERS)}"), {**MEMBERS, **JOURNALS})
    await link.open(10)
    link.epoch = (await link.call("join", "me", 60, "me", ""))[0].decode()
    try:
        yield link
    finally:
        await link.close()


async def entries(link: Link, journals: LeftJournals) -> dict[str, int]:
    """How many bytes those have left who are not there, which are all."""
    return {each.member: sum([len(one) async for one in journals.slices(each)]) for each in await journals.left(())}


def test_what_one_member_leaves_is_bounded(redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        monkeypatch.setattr(left_journals, "MOST_BYTES", 1000)
        async with linked(redis) as link:
            journals = LeftJournals(link, "me")
            for number in range(1, 21):
                assert await journals.keep([Slice(10, bytes([number]) * 90)], b"", 30)
            (left,) = await journals.left(())
            assert [each[0] async for each in journals.slices(left)] == [18, 19, 20], "the latest 30 entries"
            for _ in range(20):
                assert await journals.keep([Slice(1, b"x" * 90)], b"", 1000)
            assert await entries(link, journals) == {"me": 990}
            ttl = await link.redis.ttl(f"{link.prefix}entries:me")
            assert 0 < ttl <= left_journals.KEPT

    asyncio.run(asyncio.wait_for(main(), 60))


def test_what_all_leave_is_bounded_and_those_who_are_gone_give_way(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        monkeypatch.setattr(left_journals, "MOST_BYTES_OF_ALL", 1000)
        monkeypatch.setattr(left_journals, "MOST_GONE", 3)
        async with linked(redis) as link:
            mine = LeftJournals(link, "me")
            for number in range(5):
                assert await LeftJournals(link, f"gone-{number}").keep([Slice(1, b"x" * 300)], b"", 1000)
            assert await mine.keep([Slice(1, b"x" * 500)], b"", 1000)
            assert await entries(link, mine) == {"gone-2": 0, "gone-3": 0, "gone-4": 300, "me": 500}
            assert await mine.keep([Slice(1, b"x" * 800)], b"", 1000)
            assert (await entries(link, mine))["me"] == 800
            await mine.forget(with_others=False)
            assert set(await entries(link, mine)) == {"gone-2", "gone-3", "gone-4"}
            await mine.forget(with_others=True)
            assert await entries(link, mine) == {}

    asyncio.run(asyncio.wait_for(main(), 60))


def test_what_the_store_has_forgotten_is_left_again(redis: RedisServer) -> None:
    async def main() -> None:
        async with linked(redis) as link:
            journal = Journal(1000)
            leaving, journals = Leaving(journal, LeftJournals(link, "me")), LeftJournals(link, "other")
            exchanges = [noted(journal, number) for number in range(3)]
            await leaving.push()
            await link.redis.flushall()
            await link.redis.set(f"{link.prefix}epoch", link.epoch)
            exchanges.append(noted(journal, 3))
            await leaving.push()
            await leaving.push()
            assert await ids(journals) == ["0", "1", "2", "3"]
            journal.clear()
            noted(journal, 4)
            await journals.forget(with_others=True)
            await leaving.push()
            await leaving.push()
            assert await ids(journals) == ["4"]

    asyncio.run(asyncio.wait_for(main(), 60))


def test_bodies_and_what_runs_are_bounded(redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        monkeypatch.setattr("oagw_tornado.control.leaving.MOST_OF_BODIES", 10_000)
        monkeypatch.setattr("oagw_tornado.control.leaving.MOST_RUNNING", 5)
        async with linked(redis) as link:
            journal = Journal(1000)
            leaving, journals = Leaving(journal, LeftJournals(link, "me")), LeftJournals(link, "other")
            for number in range(20):
                journal.keep_body(noted(journal, number, is_over=False), b"x" * 4000)
            await leaving.push()
            (left,) = await journals.left(())
            sizes = [len(one.body_head) async for each in journals.slices(left) for _, one in received(each)]
            assert sizes == [4000] * 2 + [LEAST_OF_A_BODY] * 18
            assert len(leaving._running) == 5

    assert (MOST_OF_BODIES, MOST_RUNNING) == (2 * 2**20, 10_000)
    asyncio.run(asyncio.wait_for(main(), 60))


def noted(journal: Journal, number: int, is_over: bool = True) -> Exchange:
    exchange = Exchange(str(number), "GET", "/x", "/x", {})
    exchange.wall = 1.7e9 + number
    exchange.ended = 0.1 if is_over else None
    journal.add(exchange)
    return exchange


async def ids(journals: LeftJournals) -> list[str]:
    return [
        exchange.id
        for left in await journals.left(())
        async for written in journals.slices(left)
        for _, exchange in received(written)
    ]
