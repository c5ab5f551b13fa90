"""Put each figure beside its target and its yardstick, and print the table at the end."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from benchmarks import machine
from benchmarks.servers import SIMULATOR, STOCK, running

pytest.importorskip("pytest_benchmark", reason="pytest-benchmark is not installed (extra bench)")

Measure = Callable[..., None]


@pytest.fixture(scope="session")
def simulator() -> Iterator[int]:
    """The port of a simulator that runs for all benchmarks."""
    with running(SIMULATOR, machine.processors()[0]) as (port, _):
        yield port


@pytest.fixture(scope="session")
def stock() -> Iterator[int]:
    """The port of a bare Tornado server, the yardstick."""
    with running(STOCK, machine.processors()[0]) as (port, _):
        yield port


@pytest.fixture
def apart() -> Iterator[None]:
    """Keep this process, the client, off the server's processor."""
    _, processor = machine.processors()
    if processor is None:
        yield
        return
    before = os.sched_getaffinity(0)
    machine.pin(0, processor)
    yield
    os.sched_setaffinity(0, before)


def quartiles(figures: list[float]) -> list[float]:
    """The lower one, the median, the upper one."""
    return [round(each, 3) for each in statistics.quantiles(figures, n=4)]


@pytest.fixture
def compare(benchmark: Any) -> Measure:
    """Time `ours` in rounds, and `theirs` before each of them; note both medians with the target."""

    def measure(
        ours: Callable[[], object], theirs: Callable[[], float], *, yardstick: str, target_ms: str, rounds: int
    ) -> None:
        yardsticks: list[float] = []

        def setup() -> None:
            yardsticks.append(theirs())

        benchmark.pedantic(ours, setup=setup, rounds=rounds, warmup_rounds=min(rounds - 1, 5), iterations=1)
        of = [seconds * 1000 for seconds in yardsticks[-rounds:]]  # those before belong to rounds that warm up
        info = {"target_ms": target_ms, "yardstick": yardstick, "yardstick_ms": round(statistics.median(of), 3)}
        if benchmark.stats is not None:  # there are none with --benchmark-disable
            taken = [seconds * 1000 for seconds in benchmark.stats.stats.data]
            ms, ratios = quartiles(taken), quartiles([each / ruler for each, ruler in zip(taken, of, strict=True)])
            info |= {"median_ms": ms[1], "ms": ms, "ratio": ratios[1], "ratios": ratios}
        benchmark.extra_info.update(info)

    return measure


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    session = getattr(config, "_benchmarksession", None)
    rows = [bench for bench in getattr(session, "benchmarks", []) if bench.extra_info and bench]
    if not rows:
        return
    terminalreporter.section("figures beside their targets and yardsticks")
    latencies = [(bench.name, bench.extra_info) for bench in rows if "ratio" in bench.extra_info]
    loads = [(bench.name, bench.extra_info) for bench in rows if "us_per_event" in bench.extra_info]
    if latencies:
        line = "{:<34} {:>10} {:>10} {:>11} {:>7}  {}".format
        terminalreporter.write_line(line("", "median ms", "target ms", "yardst. ms", "ratio", "yardstick"))
        for name, info in latencies:
            measured = f"{info['median_ms']:.2f}", info["target_ms"], f"{info['yardstick_ms']:.2f}"
            terminalreporter.write_line(line(name, *measured, f"{info['ratio']:.2f}", info["yardstick"]))
    if loads:
        line = "{:<34} {:>10} {:>9} {:>9} {:>9} {:>9} {:>10}".format
        terminalreporter.write_line("")
        terminalreporter.write_line(line("", "µs/event", "× floor", "p50 ms", "p99 ms", "max ms", "earliest"))
        for name, info in loads:
            figures = [f"{info[key]:.2f}" for key in ("us_per_event", "ratio_to_floor", "p50", "p99", "max", "min")]
            terminalreporter.write_line(line(name, *figures))
