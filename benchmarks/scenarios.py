"""What is measured, on which servers, and what is expected of it."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.load import RequestLoad, StreamLoad
from benchmarks.servers import Streams

ALL = ("simulator", "floor", "protocol", "aiohttp", "uvicorn", "tornado")
#: The long runs, and those beyond what most can bear.
FEW = ("simulator", "floor", "protocol", "aiohttp", "tornado")
#: Those that can wait for a client that does not read.
PATIENT = ("simulator", "protocol", "aiohttp", "uvicorn", "tornado")


@dataclass(frozen=True)
class Scenario:
    """One load on some servers. Each of `rounds` runs it on all of them, one after the other."""

    title: str
    load: StreamLoad | RequestLoad
    servers: tuple[str, ...] = ALL
    rounds: int = 1


#: The same 20,000 events a second, 60 a stream, at 1,000 and 4,000 streams: only the number of streams differs.
SCENARIOS = {
    "streams-100": Scenario("100 streams × 20 events/s", StreamLoad(100, Streams(60, 0.05), ramp=1)),
    "streams-1000": Scenario("1,000 streams × 20 events/s", StreamLoad(1000, Streams(60, 0.05), ramp=2), rounds=3),
    "streams-2000": Scenario("2,000 streams × 20 events/s", StreamLoad(2000, Streams(60, 0.05), ramp=2), FEW),
    "streams-4000": Scenario("4,000 streams × 5 events/s", StreamLoad(4000, Streams(60, 0.2), ramp=2), FEW, 2),
    "streams-9500": Scenario("9,500 streams × 1 event/s", StreamLoad(9500, Streams(10, 1.0), ramp=5), FEW),
    "slow-readers": Scenario(
        "800 streams × 20 events/s, beside 200 that stop reading",
        StreamLoad(800, Streams(60, 0.05), ramp=1, slow=200),
        PATIENT,
    ),
    "requests": Scenario("small requests on 32 connections", RequestLoad(32, 1.5), rounds=3),
    "calculations": Scenario(
        "small requests with a body on 32 connections", RequestLoad(32, 1.5, "calculator"), ("simulator", "aiohttp"), 3
    ),
    "chats": Scenario(
        "whole chat replies on 32 connections, beside aiohttp's small ones",
        RequestLoad(32, 1.5, "chat"),
        ("simulator", "aiohttp"),
        3,
    ),
}
