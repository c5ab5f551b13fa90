"""A server that counts itself: ``python -m benchmarks.soaked_server [OPTION …]`` prints its port, and for each line on
its standard input, as JSON, what it holds: memory, descriptors, tasks, what is under way, and objects by type."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
from collections import Counter
from pathlib import Path

from oagw_tornado.cli import choose_loop
from oagw_tornado.config.config import read_config
from oagw_tornado.simulator import Simulator


def resident() -> float:
    """Megabytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def counts(simulator: Simulator) -> dict[str, int]:
    """What must be as many as before once nobody asks for anything."""
    responder = simulator.responder
    server = simulator._server
    assert server is not None
    return {
        "descriptors": len(os.listdir("/proc/self/fd")),
        "tasks": len(asyncio.all_tasks()),
        "connections": server.open_connections,
        "half_closed": len(server.half_closed),
        "requests_in_flight": responder.ledger.running,
        "streams_open": len(responder.playing),
        "waiting": responder.queues.waiting,
        "gates": sum(len(gate.waiting) for gate in responder.gates._gates.values()),
        "buffered": responder.backlog.held,
    }


def report(simulator: Simulator) -> None:
    line = sys.stdin.readline()
    if not line:
        raise SystemExit
    objects: Counter[str] = Counter()
    if "counts" not in line:
        # The collector comes seldom, so what it would find is no leak.
        gc.collect()
    if "objects" in line:
        objects.update(f"{type(item).__module__}.{type(item).__qualname__}" for item in gc.get_objects())
    print(
        json.dumps({"memory": resident(), "counts": counts(simulator), "objects": objects.most_common(400)}), flush=True
    )


async def serve(arguments: list[str]) -> None:
    simulator = Simulator(read_config(arguments, {}, lambda path: Path(path).read_text()))
    await simulator.start()
    print(simulator.port, flush=True)
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), report, simulator)
    await asyncio.Event().wait()


if __name__ == "__main__":
    gc.set_threshold(500_000, 10, 10)  # as the program itself has it
    with asyncio.Runner(loop_factory=choose_loop("auto")) as runner:
        runner.run(serve(sys.argv[1:]))
