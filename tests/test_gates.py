"""Gates: who passes, in which order, and what is left when nobody waits."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from oagw_tornado.playback.gates import MOST_GATES, Gates


class Waiting:
    """A reply of so many events that comes back to its gate after each."""

    def __init__(self, gates: Gates, name: str, events: int) -> None:
        self.gates = gates
        self.name = name
        self.events = events
        self.passed = 0
        self.timed_out = asyncio.Event()

    def go(self) -> None:
        while self.passed < self.events and self.gates.enter(self.name, self):
            self.passed += 1

    def released(self) -> None:
        self.passed += 1
        self.go()

    def gate_timed_out(self) -> None:
        self.timed_out.set()


def in_loop(test: object) -> None:
    async def run() -> None:
        test()  # type: ignore[operator]

    asyncio.run(run())


def test_events_pass_as_they_are_released() -> None:
    @in_loop
    def _() -> None:
        gates = Gates()
        reply = Waiting(gates, "door", 5)
        reply.go()
        assert reply.passed == 0
        assert gates.release("door", 2) == {"open": False, "permits": 0, "waiting": 1}
        assert reply.passed == 2
        assert gates.release("door", 100) == {"open": False, "permits": 97, "waiting": 0}
        assert reply.passed == 5


def test_it_does_not_matter_who_comes_first() -> None:
    @in_loop
    def _() -> None:
        gates = Gates()
        gates.release("door", 3)
        reply = Waiting(gates, "door", 5)
        reply.go()
        assert reply.passed == 3


def test_an_open_gate_lets_everything_pass() -> None:
    @in_loop
    def _() -> None:
        gates = Gates()
        first, later = Waiting(gates, "door", 1000), Waiting(gates, "door", 7)
        first.go()
        assert gates.release("door", None) == {"open": True, "permits": 0, "waiting": 0}
        later.go()
        assert (first.passed, later.passed) == (1000, 7)
        gates.reset()
        shut = Waiting(gates, "door", 1)
        shut.go()
        assert shut.passed == 0


def test_several_at_one_gate_are_served_in_turn() -> None:
    @in_loop
    def _() -> None:
        gates = Gates()
        replies = [Waiting(gates, "door", 10) for _ in range(3)]
        for reply in replies:
            reply.go()
        gates.release("door", 4)
        assert [reply.passed for reply in replies] == [2, 1, 1]


def test_who_has_left_takes_nothing() -> None:
    @in_loop
    def _() -> None:
        gates = Gates()
        gone, there = Waiting(gates, "door", 5), Waiting(gates, "door", 5)
        gone.go()
        there.go()
        gates.leave("door", gone)
        gates.leave("nowhere", gone)
        gates.release("door", 1)
        assert (gone.passed, there.passed) == (0, 1)
        gates.leave("door", there)
        assert gates.as_json() == {}


def test_reset_releases_and_forgets() -> None:
    @in_loop
    def _() -> None:
        gates = Gates()
        reply = Waiting(gates, "door", 3)
        reply.go()
        gates.release("other", 9)
        gates.reset()
        assert reply.passed == 3
        assert gates.as_json() == {}


def test_patience_ends() -> None:
    async def run() -> None:
        gates = Gates(timeout=0.01)
        reply, kept = Waiting(gates, "door", 3), Waiting(gates, "other", 3)
        reply.go()
        kept.go()
        gates.release("other", 3)
        await reply.timed_out.wait()
        assert not kept.timed_out.is_set()
        assert gates.as_json() == {}

    asyncio.run(asyncio.wait_for(run(), 5))


def test_gates_are_bounded() -> None:
    @in_loop
    def _() -> None:
        gates = Gates()
        for number in range(MOST_GATES + 50):
            gates.release(str(number), 1)
        assert len(gates.as_json()) == MOST_GATES
        assert str(MOST_GATES + 49) in gates.as_json()


@given(st.lists(st.integers(1, 5), max_size=20), st.lists(st.integers(0, 6), min_size=1, max_size=5))
def test_as_many_pass_as_are_released(releases: list[int], sizes: list[int]) -> None:
    @in_loop
    def _() -> None:
        gates = Gates()
        replies = [Waiting(gates, "door", size) for size in sizes]
        for reply in replies:
            reply.go()
        released = 0
        for events in releases:
            gates.release("door", events)
            released += events
            assert sum(reply.passed for reply in replies) == min(released, sum(sizes))
