"""What is measured, on which servers, and how often."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from benchmarks import machine, variants
from benchmarks.load import STEADY, Load, RequestLoad, StreamLoad
from benchmarks.products import COMPARED
from benchmarks.servers import AIOHTTP, FLOOR, PROTOCOL, SERVERS, SIMULATOR, Server, Streams

#: Every server there is: ours, the floor, products of the field, what a framework gives.
ALL = {server.name: server for server in (SIMULATOR, FLOOR, *COMPARED.values(), *SERVERS.values())}

#: Seconds from the spawn of a server to its first healthy reply, and to its end.
START = {"mockserver": 5.0, "aimock": 1.5, "granian": 1.5}
USUAL_START = 0.7


@dataclass(frozen=True)
class Case:
    """One load on one server, so many times."""

    server: Server
    load: Load
    rounds: int = 1

    @property
    def name(self) -> str:
        return self.server.name

    @property
    def seconds(self) -> float:
        """What all its runs take, about."""
        return self.rounds * (self.load.planned + START.get(self.name, USUAL_START) + self.server.settling)


@dataclass(frozen=True)
class Scenario:
    """Cases that are run in turns, round by round, and told in one table."""

    title: str
    cases: tuple[Case, ...]
    ruler: str = "floor"
    """The case that ratios are made to."""
    costs: tuple[str, ...] = ("us_per_event", "us_per_steady_event")
    """The figures that are told with their ratios."""

    @property
    def rounds(self) -> int:
        return max(case.rounds for case in self.cases)

    @property
    def is_requests(self) -> bool:
        return isinstance(self.cases[0].load, RequestLoad)

    @property
    def seconds(self) -> float:
        return sum(case.seconds for case in self.cases)

    def in_turn(self, number: int) -> list[Case]:
        """The cases of a round. Each begins with another, so that none has the machine always cold or always warm."""
        cases = [case for case in self.cases if number < case.rounds]
        start = number % len(cases)
        return cases[start:] + cases[:start]

    def changed(self, change: Callable[[Case], Case]) -> Scenario:
        return replace(self, cases=tuple(map(change, self.cases)))


def on(servers: Iterable[Server], load: Load, rounds: int = 1) -> tuple[Case, ...]:
    return tuple(Case(server, load, rounds) for server in servers)


def leading(load: Load, servers: Iterable[Server], first: tuple[Server, Server], rounds: int = 5) -> tuple[Case, ...]:
    """Pairs of the `first` two, in turns, and the others once."""
    others = [server for server in servers if server not in first]
    return on(first, load, rounds) + on(others, load)


def paced(streams: int, per_second: float, ramp: float = 1.0) -> StreamLoad:
    """So many streams for so long that all of them are open for the seconds that a steady state needs."""
    events = math.ceil((ramp + STEADY + 0.25) * per_second) + 1  # the first is at once
    return StreamLoad(streams, Streams(events, 1 / per_second), ramp)


def as_many_as_fit(streams: int) -> int:
    """Server and client have a descriptor for each stream, and a few more."""
    return min(streams, machine.allow_descriptors() - 100)


PAIR = (SIMULATOR, FLOOR)
TRIO = (SIMULATOR, FLOOR, AIOHTTP)
#: A text of 60 words: an answer of usual length, whose opening weighs as much as it does in use.
USUAL = Streams(60, 0.05)
SHORT = Streams(5, 0.01)
MANY = as_many_as_fit(20_000)

SCENARIOS = {
    "streams-1000": Scenario(
        "1,000 streams × 20 events/s, 60 events each",
        leading(StreamLoad(1000, USUAL, ramp=2), ALL.values(), PAIR),
    ),
    "steady": Scenario(
        "1,000 streams × 20 events/s, at length", leading(paced(1000, 20), (*TRIO, *COMPARED.values()), PAIR)
    ),
    "streams-100": Scenario("100 streams × 20 events/s, 60 events each", on(PAIR, StreamLoad(100, USUAL, ramp=1), 3)),
    "openings": Scenario(
        "2,000 openings a second, streams of 5 events 10 ms apart",
        leading(StreamLoad(15_000, SHORT, ramp=7.5), (*TRIO, PROTOCOL), PAIR, 3),
        costs=("us_per_stream",),
    ),
    "requests": Scenario(
        "small requests on 32 connections",
        leading(RequestLoad(32, 1.5), [server for server in ALL.values() if server.weather], (SIMULATOR, AIOHTTP)),
        ruler="aiohttp",
        costs=("us_per_request",),
    ),
    "calculations": Scenario(
        "small requests with a body on 32 connections",
        on((SIMULATOR, AIOHTTP), RequestLoad(32, 1.5, "calculator"), 2),
        ruler="aiohttp",
        costs=("us_per_request",),
    ),
    "chats": Scenario(
        "whole chat replies on 32 connections, beside aiohttp's small ones",
        on((SIMULATOR, AIOHTTP), RequestLoad(32, 1.5, "chat"), 2),
        ruler="aiohttp",
        costs=("us_per_request",),
    ),
    "gaps": Scenario(
        "1,000 streams × 20 events/s, other gaps than fixed ones",
        on((variants.FIXED,), StreamLoad(1000, USUAL, ramp=2), 3)
        + on((variants.LOGNORMAL,), StreamLoad(1000, USUAL, ramp=2, is_paced=False), 3)
        + on((variants.STREAM_TEST, variants.LATE_FAULT), StreamLoad(1000, USUAL, ramp=2), 3),
        ruler=variants.FIXED.name,
    ),
    "lengths": Scenario(
        "500 streams × 40 events/s, of 200 and of 400 events",
        (
            Case(variants.SHORTER, StreamLoad(500, Streams(200, 0.025), ramp=1)),
            Case(variants.LONGER, StreamLoad(500, Streams(400, 0.025), ramp=1)),
        ),
        ruler=variants.SHORTER.name,
        costs=("us_per_event", "kb_per_stream"),
    ),
    "streams-2000": Scenario("2,000 streams × 20 events/s, 60 events each", on(PAIR, StreamLoad(2000, USUAL, ramp=2))),
    "streams-250": Scenario("250 streams × 80 events/s", on(PAIR, paced(250, 80))),
    "streams-4000": Scenario("4,000 streams × 5 events/s", on(TRIO, paced(4000, 5, ramp=2))),
    "streams-10000": Scenario("10,000 streams × 2 events/s", on(TRIO, paced(10_000, 2, ramp=4))),
    "streams-20000": Scenario(f"{MANY:,} streams × 1 event/s", on(TRIO, paced(MANY, 1, ramp=8))),
    "rate-5": Scenario("1,000 streams × 5 events/s", on(PAIR, paced(1000, 5))),
    "rate-40": Scenario("1,000 streams × 40 events/s", on(PAIR, paced(1000, 40))),
    "resolutions": Scenario(
        "1,000 streams × 20 events/s, by the width of the pacer's slots",
        on((*variants.RESOLUTIONS.values(), FLOOR), paced(1000, 20), 2),
    ),
    "terms": Scenario(
        "small requests on 32 connections, by what is kept and looked up for each",
        on(variants.TERMS.values(), RequestLoad(32, 1.5), 2),
        ruler="plain",
        costs=("us_per_request",),
    ),
    "slow-readers": Scenario(
        "800 streams × 20 events/s, beside 200 that stop reading",
        on((SIMULATOR, AIOHTTP), StreamLoad(800, USUAL, ramp=1, slow=200)),
        ruler="simulator",
        costs=("us_per_event",),
    ),
}
