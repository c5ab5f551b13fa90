"""Many streams at once, in small: what an event costs and how late it is, ours beside the peers in the same run.

`python -m benchmarks.measure` does it at length. A benchmark fails if a stream is wrong, never because of its time.
"""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks import machine
from benchmarks.load import Result, StreamLoad, measure_streams
from benchmarks.servers import FLOOR, SERVERS, Streams

try:
    machine.compiled("load_client.c")
except machine.NoCompiler as no_compiler:
    pytest.skip(str(no_compiler), allow_module_level=True)

pytestmark = pytest.mark.benchmark(group="streams: the time is the plan's, the figures are in the table above")

#: µs per event of the floor, at each number of streams: the yardstick of those that come after it.
floor: dict[int, float] = {}


@pytest.fixture(scope="module", autouse=True)
def descriptors() -> None:
    machine.allow_descriptors()


@pytest.mark.parametrize("count", [100, 1000])
@pytest.mark.parametrize("name", [FLOOR.name, *(name for name in SERVERS if name != FLOOR.name)])
def test_streams(name: str, count: int, benchmark: Any, request: pytest.FixtureRequest) -> None:
    """A round: the server's start, `count` streams of 20 events at 20 events a second, all read to their end.

    Its duration says nothing (it is the plan's); the figures are in the extra info: processor time per event, its ratio
    to that of the floor, a C program with one write() per event, and the lateness of the events in milliseconds.
    """
    server = SERVERS[name]
    if reason := server.lacks():
        pytest.skip(reason)
    results: list[Result] = []
    # Where nothing is measured, next to no load shows that it would work.
    is_measured = not request.config.getoption("benchmark_disable")
    load = StreamLoad(count, Streams(20, 0.05), ramp=1) if is_measured else StreamLoad(5, Streams(8, 0.01), ramp=0)

    benchmark.pedantic(lambda: results.append(measure_streams(server, load)), rounds=1, iterations=1)

    (result,) = results
    assert result["complete"] == load.count
    if server is FLOOR:
        floor[count] = result["us_per_event"]
    late = {key: result["late_ms"][key] for key in ("min", "p50", "p99", "max")}
    benchmark.extra_info.update(
        {
            **late,
            "us_per_event": round(result["us_per_event"], 2),
            "ratio_to_floor": round(result["us_per_event"] / floor.get(count, float("nan")), 2),
            "kb_per_stream": round(result["kb_per_stream"], 2),
            "target": "cost <= 1.8 x floor, p50 <= 0.7 ms, p99 <= 3 ms, never early",
        }
    )
