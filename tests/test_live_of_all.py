"""``/_sim/live`` where several processes share a state: whichever somebody watches at, the feed is of all."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from raw_http import CHAT, chat, request, talk
from redis_server import RedisServer
from test_live import Watching, watching
from wire import EVENTS, VisibleServer

from oagw_tornado.page.numbering import MOST_PLACES, Numbering
from oagw_tornado.page.others import OtherMembers
from oagw_tornado.page.samples import MOST_AT_ONCE, Sample, SeriesOfAll
from oagw_tornado.page.together import gates_together, summed

NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture(scope="module")
def members(redis: RedisServer) -> Iterator[list[VisibleServer]]:
    options: dict[str, Any] = {"event_interval": "5ms", "gate_timeout": "60s"}
    state = f"{redis.url}?prefix=live"
    with VisibleServer(state=state, **options) as one, VisibleServer(state=state, **options) as other:
        yield [one, other]


@pytest.fixture
def two(members: list[VisibleServer]) -> list[VisibleServer]:
    members[0].control.reset()
    return members


def answered(page: Watching) -> dict[str, int]:
    found: dict[str, int] = page.now.get("now", {}).get("answered", {})
    return found


def test_requests_and_figures_of_all_are_told(two: list[VisibleServer]) -> None:
    one, other = two
    talk(other.port, request(CHAT, chat(), headers={"X-Request-Id": "before"}))
    with watching(one) as page:
        page.until(lambda page: [row["id"] for row in page.rows.values()] == ["before"])
        for server, id in ((one, "a"), (other, "b"), (other, "c")):
            talk(server.port, request(CHAT, chat(), headers={"X-Request-Id": id}))
        page.until(lambda page: {row["id"] for row in page.rows.values() if row["ended"]} == {"before", "a", "b", "c"})
        page.until(lambda page: answered(page) == {"openai": 4})
        assert len(page.now["now"]["members"]) == 2
        page.until(lambda page: len(page.now["verdict"]["members"]) == 2)
        page.until(lambda page: sum(second["requests"] or 0 for second in samples(page).values()) >= 2)
        other.control.reset()
        page.until(lambda page: any(update.get("reset") for update in page.updates))
        page.until(lambda page: answered(page) == {})
        page.rows.clear()
        talk(other.port, request(CHAT, chat(), headers={"X-Request-Id": "d"}))
        page.until(lambda page: [row["id"] for row in page.rows.values()] == ["d"])


def samples(page: Watching) -> dict[float, dict[str, Any]]:
    return {second["t"]: second for update in page.updates for second in update.get("samples", ())}


def test_a_stream_elsewhere_is_told_event_by_event(two: list[VisibleServer]) -> None:
    one, other = two
    with watching(one, "/_sim/live?show=streams,requests&alias=stream-test") as page:
        page.until(lambda page: len(page.now.get("now", {}).get("members", ())) == 2)
        talk(other.port, request(CHAT, chat()))
        talk(other.port, request(f"{EVENTS}?count=300"))
        page.until(lambda page: any(lane.get("outcome") for lane in page.lanes.values()))
        ((number, lane),) = page.lanes.items()
        (entry,) = other.control.requests(events=True, alias="stream-test")
        assert lane["planned"] == [round(at, 5) for at in entry["events"]["planned"]]
        assert lane["actual"] == [round(at, 5) for at in entry["events"]["actual"]]
        assert sum("lanes" in update for update in page.updates) > 3, "it came as it went"
        page.until(lambda page: page.rows.get(number, {}).get("ended"))
        assert {row["alias"] for row in page.rows.values()} == {"stream-test"}
        gaps = [then["at"] - now["at"] for now, then in zip(page.updates[1:], page.updates[2:], strict=False)]
        assert min(gaps) > 0.05


def test_gates_and_rules_are_those_of_all(two: list[VisibleServer]) -> None:
    one, other = two
    one.control.add_rule(name="mine", match={"alias": "openai"})
    with watching(one) as page:
        for server in (one, other, other):
            talk(server.port, request(CHAT, chat()))
        page.until(lambda page: page.now.get("rules") == [["mine", 3, 3]])
        with talking(other, request(EVENTS, headers={"X-Sim-Gate": "door", "X-Request-Id": "far"})):
            page.until(lambda page: page.now.get("gates", {}).get("door", {}).get("waiting") == 1)
            assert page.now["gates"]["door"]["who"][0]["id"] == "far"
            one.control.release("door", 2)
            page.until(lambda page: any(who["events"] == 2 for who in page.now["gates"].get("door", {}).get("who", ())))
            one.control.release("door")


def talking(server: VisibleServer, data: bytes) -> Any:
    import socket

    client = socket.create_connection(("127.0.0.1", server.port))
    client.sendall(data)
    return client


def viewers(server: VisibleServer) -> int:
    return int(server.inside(lambda simulator: len(simulator.control.live.viewers)))


def test_nobody_works_where_nobody_watches(two: list[VisibleServer]) -> None:
    one, other = two
    assert [viewers(server) for server in two] == [0, 0]
    with watching(one) as page:
        page.until(lambda page: len(page.now.get("now", {}).get("members", ())) == 2)
        until(lambda: viewers(other) == 2)  # this page, and what all pages have in common
    until(lambda: [viewers(server) for server in two] == [0, 0])
    for server in two:
        assert server.inside(lambda simulator: simulator.responder.ledger.counters.first_event_times) is None


def test_a_message_that_is_lost_is_told_again(two: list[VisibleServer], monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = two
    monkeypatch.setattr("oagw_tornado.page.far_viewer.LOST", 0.2)
    with watching(one) as page:
        page.until(lambda page: len(page.now.get("now", {}).get("members", ())) == 2)
        other.inside(lambda simulator: list(map(lose, simulator.control.live.viewers)))
        talk(other.port, request(CHAT, chat(), headers={"X-Request-Id": "lost"}))
        page.until(lambda page: any(row["id"] == "lost" for row in page.rows.values()))


def lose(far: Any) -> bool:
    """Have its next message be lost."""
    channel = far._channel
    publish = channel._publish

    def once(message: bytes) -> None:
        channel._publish = publish

    channel._publish = once
    return True


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_pages_elsewhere_are_bounded(two: list[VisibleServer], monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = two
    monkeypatch.setattr("oagw_tornado.control.watching.MOST_FAR", 1)
    with watching(one) as page:
        until(lambda: viewers(other) == 1)
        talk(one.port, request(CHAT, chat()))
        page.until(lambda page: len(page.rows) == 1)
        assert viewers(other) == 1


# Without a socket.


def test_members_that_a_page_tells_apart_are_bounded() -> None:
    def say(asked: dict[str, Any]) -> None:
        pass

    others = OtherMembers("me", "here/0", say, lambda is_watched: None, lambda: "1")
    others.present({str(number): "" for number in range(MOST_PLACES + 10)})
    assert sorted(others._places.values()) == list(range(MOST_PLACES))
    numbers = {Numbering(place).of(number) for place in (0, 1, MOST_PLACES - 1) for number in (1, 2, 3)}
    assert len(numbers) == 9


def test_seconds_are_added_some_at_a_time() -> None:
    series = SeriesOfAll()
    for number in range(50):
        series.add("one", sample(101.0 + number, 1))
    series.look(200.0, ("one",))
    assert [second["t"] for second in series.made] == list(range(131, 151)), "the latest first"
    for _ in range(2):
        series.look(200.0, ("one",))
    assert len(series.made) == 50
    assert MOST_AT_ONCE == 20


def sample(ended: float, requests: int, late: int = 0, length: float = 1.0) -> Sample:
    return Sample(ended, length, {late: requests}, late / 20_000, 0, 0.25, requests, {}, 0.0, 0, 0)


def test_seconds_are_added_whatever_their_phase() -> None:
    series = SeriesOfAll()
    for number in range(10):
        series.add("one", sample(100.2 + number * 1.05, 105, length=1.05))
        series.add("other", sample(100.9 + number * 1.0, 50, late=40))
    series.look(200.0, ("one", "other"))
    inner = [second for second in series.made if 102 <= second["t"] <= 108]
    assert {second["requests"] for second in inner} == {150.0}
    assert {second["cpu"] for second in inner} == {round(0.25 / 1.05 + 0.25, 4)}
    assert {tuple(second["late"]) for second in inner} == {(0.05, 2.0, 2.0)}


def test_a_second_waits_for_those_who_are_there() -> None:
    series = SeriesOfAll()
    series.add("one", sample(101.0, 1))
    series.look(101.5, ("one", "other"))
    assert series.made == []
    series.add("other", sample(101.4, 2))
    series.look(101.5, ("one", "other"))
    assert [second["requests"] for second in series.made] == [3.0]
    series.add("late", sample(101.4, 4))
    series.look(104.5, ("one", "other", "late"))
    assert [second["requests"] for second in series.made] == [3.0, 7.0], "the same second, with all of them"


def test_what_stands_is_added() -> None:
    assert summed([{"a": 1, "b": {"x": 1}}, {"a": 2, "b": {"y": 2}, "c": 3}]) == {
        "a": 3, "b": {"x": 1, "y": 2}, "c": 3,
    }  # fmt: skip
    here = {"door": {"open": False, "permits": 0, "waiting": 1, "who": [{"id": "a"}]}}
    there = {"door": {"open": False, "permits": 0, "waiting": 2, "who": [{"id": "b"}]}}
    state = {"door": {"open": False, "permits": 0, "waiting": 3}, "left": {"open": True, "permits": 2, "waiting": 0}}
    shown = gates_together([here, there], state)
    assert (shown["door"]["waiting"], [who["id"] for who in shown["door"]["who"]]) == (3, ["a", "b"])
    assert (shown["left"]["open"], shown["left"]["permits"], shown["left"]["who"]) == (True, 2, [])
