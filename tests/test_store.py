"""The protocol `Store`, held by both of its implementations alike: in memory, and in Redis."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from random import Random
from typing import Any

import pytest
from redis_server import RedisServer

from oagw_tornado.config.state_address import parse_state
from oagw_tornado.control.gathering import MOST_DEPARTED
from oagw_tornado.knobs.facts import Facts
from oagw_tornado.knobs.rate_limit import parse_rate_limit
from oagw_tornado.knobs.rules import Rules, finished
from oagw_tornado.state.decision_scripts import SCRIPTS as DECISIONS
from oagw_tornado.state.entry_scripts import SCRIPTS as ENTRIES
from oagw_tornado.state.link import MOST_TOGETHER, MOST_WAITING, Link
from oagw_tornado.state.membership_scripts import SCRIPTS as MEMBERS
from oagw_tornado.state.memory import MemoryStore
from oagw_tornado.state.redis_store import RedisStore
from oagw_tornado.state.store import StateAway, Store, decided

NUMBERS = itertools.count()


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


@asynccontextmanager
async def in_memory() -> AsyncIterator[Store]:
    yield MemoryStore()


@asynccontextmanager
async def in_redis(server: RedisServer, prefix: str, member: str = "one") -> AsyncIterator[RedisStore]:
    link = Link(parse_state(f"{server.url}?prefix={prefix}"), {**DECISIONS, **MEMBERS, **ENTRIES})
    await link.open(10)
    link.epoch = (await link.call("join", member, 60, member, ""))[0].decode()
    try:
        yield RedisStore(link, member)
    finally:
        await link.close()


def facts(session: str = "") -> Facts:
    return Facts("openai", "v1/models", "GET", {"X-Session": session}, b"", "", lambda: None)


def never(rule: Any) -> Random:
    raise AssertionError("no die is to be thrown")


async def chosen(store: Store, rules: Rules, session: str = "", by_count: bool = False, die: Any = never) -> str | None:
    applied = await decided(store, lambda: finished(store.choosing(rules, facts(session), die, by_count)))
    return None if applied.rule is None else applied.rule.name


def run(opened: Callable[[], Any], test: Callable[[Store], Awaitable[None]]) -> None:
    async def main() -> None:
        async with opened() as store:
            await asyncio.wait_for(test(store), 60)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("when", "applies"),
    [
        ({"first": 2}, [1, 1, 0, 0, 0, 0]),
        ({"after": 2}, [0, 0, 1, 1, 1, 1]),
        ({"every": 2}, [0, 1, 0, 1, 0, 1]),
        ({"after": 1, "first": 3, "every": 3}, [0, 0, 0, 1, 0, 0]),
        ({}, [1, 1, 1, 1, 1, 1]),
    ],
)
def test_a_rule_applies_as_often_as_its_when_says(
    opened: Callable[[], Any], when: dict[str, Any], applies: list[int]
) -> None:
    async def test(store: Store) -> None:
        rules = Rules([{"name": "counted", "when": when, "latency": "1ms"}, {"name": "rest", "latency": "2ms"}])
        names = [await chosen(store, rules) for _ in applies]
        assert names == ["counted" if each else "rest" for each in applies]

    run(opened, test)


def test_sessions_are_counted_apart(opened: Callable[[], Any]) -> None:
    async def test(store: Store) -> None:
        rules = Rules([{"name": "once", "when": {"first": 1, "per": "header:X-Session"}, "latency": "1ms"}])
        names = [await chosen(store, rules, session) for session in ("a", "b", "a", "b", "c")]
        assert names == ["once", "once", None, None, "once"]

    run(opened, test)


def test_rules_that_are_passed_over_are_counted_too(opened: Callable[[], Any]) -> None:
    async def test(store: Store) -> None:
        rules = Rules(
            [
                {"name": "first", "when": {"first": 1}, "latency": "1ms"},
                {"name": "second", "when": {"after": 1, "first": 1}, "latency": "1ms"},
                {"name": "never", "when": {"probability": 0}, "latency": "1ms"},
                {"name": "rest", "latency": "2ms"},
            ]
        )
        # The second has not seen the request that the first took.
        die = lambda rule: Random(1)  # noqa: E731
        assert [await chosen(store, rules, die=die) for _ in range(4)] == ["first", "rest", "second", "rest"]

    run(opened, test)


def test_a_die_that_depends_on_the_count_is_thrown_for_the_right_count(opened: Callable[[], Any]) -> None:
    async def test(store: Store) -> None:
        rules = Rules(
            [{"name": "half", "when": {"probability": 0.5}, "latency": "1ms"}, {"name": "rest", "latency": "2ms"}]
        )
        thrown = []

        def die(rule: Any) -> Random:
            thrown.append(rule.fitted)
            return Random(rule.fitted)

        names = [await chosen(store, rules, by_count=True, die=die) for _ in range(8)]
        assert thrown == list(range(1, 9))
        assert names == ["half" if Random(number).random() < 0.5 else "rest" for number in range(1, 9)]

    run(opened, test)


def test_a_limit_admits_its_burst_and_says_when_to_come_again(opened: Callable[[], Any]) -> None:
    async def test(store: Store) -> None:
        limit = parse_rate_limit("60/h;burst=3")
        verdicts = [await decided(store, lambda: store.take("openai", "key", limit, 0)) for _ in range(5)]
        assert [verdict.allowed for verdict in verdicts] == [True, True, True, False, False]
        assert [verdict.budgets[0].remaining for verdict in verdicts] == [2, 1, 0, 0, 0]
        assert verdicts[-1].limited == "requests"
        assert 50 < verdicts[-1].retry_after <= 60
        other = await decided(store, lambda: store.take("openai", "another key", limit, 0))
        assert other.allowed

    run(opened, test)


def test_tokens_are_a_budget_of_their_own(opened: Callable[[], Any]) -> None:
    async def test(store: Store) -> None:
        limit = parse_rate_limit("100/h;tokens=1000/h")
        verdicts = [await decided(store, lambda: store.take("openai", "key", limit, 600)) for _ in range(2)]
        assert [verdict.allowed for verdict in verdicts] == [True, False]
        assert verdicts[1].limited == "tokens"
        assert verdicts[1].retry_after == pytest.approx(200 / (1000 / 3600), rel=0.01)
        too_many = await decided(store, lambda: store.take("openai", "key", limit, 2000))
        assert too_many.limited == "tokens"

    run(opened, test)


class Reply:
    """A reply that waits at a gate for each of its events."""

    def __init__(self, store: Store, events: int, gate: str = "gate") -> None:
        self._gates, self._left, self._gate = store.gates, events, gate
        self.passed = 0
        self.timed_out = False

    def go_on(self) -> None:
        while self._left:
            if not self._gates.enter(self._gate, self):
                return
            self._pass()

    def _pass(self) -> None:
        self.passed += 1
        self._left -= 1

    def released(self) -> None:
        self._pass()
        self.go_on()

    def gate_timed_out(self) -> None:
        self.timed_out = True


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


def test_two_stores_decide_together(redis: RedisServer) -> None:
    async def main() -> None:
        prefix = f"test-{next(NUMBERS)}"
        async with in_redis(redis, prefix) as one, in_redis(redis, prefix, "two") as two:
            rules = Rules([{"name": "few", "when": {"first": 7}, "latency": "1ms"}])
            tried = [chosen(store, rules) for _ in range(20) for store in (one, two)]
            assert (await asyncio.gather(*tried)).count("few") == 7
            limit = parse_rate_limit("60/h;burst=5")
            taken = [decided(store, partial(store.take, "a", "b", limit, 0)) for _ in range(10) for store in (one, two)]
            assert sum(verdict.allowed for verdict in await asyncio.gather(*taken)) == 5
            here, there = Reply(one, 1), Reply(two, 1)
            here.go_on()
            there.go_on()
            await until_waiting(one, 2)
            releasing = asyncio.ensure_future(one.gates.released("gate", 1))
            while not releasing.done():
                await asyncio.gather(one.gates.take_granted(), two.gates.take_granted())
                await asyncio.sleep(0.001)
            assert here.passed + there.passed == 1

    asyncio.run(asyncio.wait_for(main(), 60))


async def until_waiting(store: RedisStore, number: int) -> None:
    async with asyncio.timeout(20):
        while (await store.gates.state_of("gate"))["waiting"] != number:
            await asyncio.sleep(0.005)


def test_a_store_that_is_away_is_said_to_be_and_comes_back() -> None:
    with RedisServer() as server:

        async def main() -> None:
            async with in_redis(server, "away") as store:
                rules = Rules([{"name": "few", "when": {"first": 7}, "latency": "1ms"}])
                assert await chosen(store, rules) == "few"
                server.kill()
                with pytest.raises(StateAway):
                    await chosen(store, rules)
                with pytest.raises(StateAway):
                    await decided(store, store.pass_gate)
                server.start()
                link = store._link
                await until(lambda: not link.is_away)
                await decided(store, store.pass_gate)

        asyncio.run(asyncio.wait_for(main(), 60))


def test_what_waits_for_the_store_is_bounded(redis: RedisServer) -> None:
    async def main() -> None:
        async with in_redis(redis, f"test-{next(NUMBERS)}") as store:
            link = store._link
            together: list[int] = []
            send = link._send

            async def counted(commands: Any) -> Any:
                together.append(len(commands))
                return await send(commands)

            link._send = counted  # type: ignore[method-assign]
            asked = [link.decide("counts") for _ in range(MOST_WAITING + 1)]
            with pytest.raises(StateAway, match=f"{MOST_WAITING} calls wait"):
                await asked[-1]
            assert await asyncio.gather(*asked[:-1]) == [[]] * MOST_WAITING
            assert max(together) <= MOST_TOGETHER

    asyncio.run(asyncio.wait_for(main(), 60))


def test_measurements_of_so_many_members_are_kept(redis: RedisServer) -> None:
    async def main() -> None:
        async with in_redis(redis, f"test-{next(NUMBERS)}") as store:
            pushed = [
                store._link.decide("push", f"m{number}", b"x", 600, MOST_DEPARTED)
                for number in range(MOST_DEPARTED + 1)
            ]
            assert await asyncio.gather(*pushed) == [1] * MOST_DEPARTED + [0]

    asyncio.run(asyncio.wait_for(main(), 60))
