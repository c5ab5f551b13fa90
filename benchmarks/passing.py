"""What it costs to pass a stream on, beside making one: ``python -m benchmarks.passing [STREAMS [ROUNDS]]``.

The upstream is a simulator too, which shares a processor with the load client; the one under measurement has the other
to itself. The rounds alternate. Processor time is of the simulator under measurement alone; the delay is between the
instant at which an event had come and the one at which it had left, as that simulator itself tells them;
``python -m benchmarks.delay`` measures it from end to end.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from benchmarks import machine
from benchmarks.load import Mark, StreamLoad, marking, play, steady
from benchmarks.servers import HOST, SIMULATOR, TOKEN, Streams, Wrong, free_port, running, spawn, wait_until_healthy

KINDS = ("plain", "passed", "recorded")


@contextmanager
def serving(kind: str) -> Iterator[tuple[int, int]]:
    """Port and process of a simulator that makes the streams itself, or has them from another."""
    on_server, elsewhere = machine.processors()
    if kind == "plain":
        with running(SIMULATOR, on_server) as server:
            yield server
        return
    with ExitStack() as stack:
        upstream, _ = stack.enter_context(running(SIMULATOR, elsewhere))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = f"http://{HOST}:{upstream}/api/oagw/v1/proxy/openai"
        real = {"url": url, "authorization": f"Bearer {TOKEN}"}
        if kind == "recorded":
            real["record"] = str(folder / "recordings")
        (folder / "sim.json").write_text(json.dumps({"upstreams": {"openai": real}}))
        port = free_port()
        process = spawn(
            [sys.executable, "-m", "oagw_tornado", "--port", str(port), "--config", str(folder / "sim.json")]
        )
        stack.callback(process.wait)
        stack.callback(process.kill)
        machine.pin(process.pid, on_server)
        wait_until_healthy(process, port)
        yield port, process.pid


def measured(kind: str, load: StreamLoad) -> dict[str, Any]:
    """One run. Raises Wrong if a stream was not complete and in order."""
    streams = load.streams
    with serving(kind) as (port, pid):
        warm = Streams(5, streams.gap)
        play("streams", port, [SIMULATOR.stream(warm)], [1, 0, 0, warm.gap * 1000, warm.events, 10])
        used = machine.cpu_seconds(pid)
        marks: list[Mark] = []
        plan = [load.count, load.ramp, 0, streams.gap * 1000, streams.events, load.longest, SIMULATOR.words_from]
        request = [SIMULATOR.stream(streams)]
        result = play("streams", port, request, plan, marking(marks, pid))
        used = machine.cpu_seconds(pid) - used
        with urlopen(f"http://{HOST}:{port}/_sim/timing") as reply:
            late = json.load(reply)["late_ms"]
    if result["complete"] != load.count or result["wrong"]:
        raise Wrong(f"{kind}: {result}")
    return {
        "us_per_event": used * 1e6 / result["events"],
        "us_per_steady_event": steady(marks),
        "delay_ms": late,
    }


def main(count: int = 500, rounds: int = 3) -> None:
    load = StreamLoad(count, Streams(60, 0.05), ramp=2)
    costs: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for _ in range(rounds):
        for kind in KINDS:
            run = measured(kind, load)
            costs[kind].append(run["us_per_event"])
            print(kind, json.dumps(run), flush=True)
    for kind in KINDS[1:]:
        ratios = sorted(cost / plain for cost, plain in zip(costs[kind], costs["plain"], strict=True))
        print(f"{kind} / plain: {', '.join(f'{ratio:.2f}' for ratio in ratios)}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
