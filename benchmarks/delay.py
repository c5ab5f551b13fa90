"""How much later an event arrives for being passed on.

    python -m benchmarks.delay [--realtime] [STREAMS [EVENTS_PER_S [ROUNDS [SECONDS]]]]

The source is a program of its own, in C, which stamps each event with the instant at which it sends it; a client in C
notes when it arrives, through the simulator and directly, in alternation. The simulator has a processor to itself; the
source and the client share the other. Added is the difference between the two ways at the same percentile, of the
events that were sent while all streams ran. `waited_s` is the time for which other programs had the simulator's
processor, which is in the delays; with ``--realtime``, an option of the simulator, they have to wait.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.servers import HOST, Wrong, free_port, get, proxied, spawn, wait_until_healthy

PERCENTILES = ("p50", "p90", "p99", "p99.9", "max")


@contextmanager
def serving(*options: str) -> Iterator[tuple[int, int, int]]:
    """The ports of the source and of a simulator in front of it, which knows it as ``real``, and that one's process."""
    on_server, elsewhere = machine.processors()
    with ExitStack() as stack:
        source, port = free_port(), free_port()
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        file = folder / "sim.json"
        file.write_text(json.dumps({"upstreams": {"real": {"url": f"http://{HOST}:{source}"}}}))
        for command, listening, processor in (
            ([str(machine.compiled("stamped.c")), "source", str(source)], source, elsewhere),
            (
                [sys.executable, "-m", "oagw_tornado", "--port", str(port), "--config", str(file), *options],
                port,
                on_server,
            ),
        ):
            process = spawn(command)
            stack.callback(process.wait)
            stack.callback(process.kill)
            machine.pin(process.pid, processor)
            wait_until_healthy(process, listening)
        yield source, port, process.pid


def delays(port: int, path: str, streams: int, rate: float, seconds: float) -> dict[str, Any]:
    """What the client counted of streams that take so long, and are opened in the first third of it. Raises Wrong if
    one was not complete and in order."""
    _, elsewhere = machine.processors()
    events, ramp = round(rate * seconds), seconds / 3
    with tempfile.NamedTemporaryFile() as request:
        request.write(get(f"{path}?count={events}&gap={1 / rate:g}"))
        request.flush()
        plan = [streams, ramp, events, 3 * (seconds + ramp) + 10]
        command = [str(machine.compiled("stamped.c")), "client", str(port), request.name, *map(str, plan)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as client:
            machine.pin(client.pid, elsewhere)
            assert client.stdout is not None
            found: dict[str, Any] = json.load(client.stdout)
    if found["complete"] != streams:
        raise Wrong(str(found))
    return found


def main(*options: str, streams: int = 500, rate: int = 10, rounds: int = 3, seconds: int = 6) -> None:
    added: dict[str, list[float]] = {name: [] for name in PERCENTILES}
    with serving(*options) as (source, port, pid):
        delays(port, proxied("real/warm"), 5, rate, 1)
        for _ in range(rounds):
            direct = delays(source, "/stream", streams, rate, seconds)
            used, waited = machine.cpu_seconds(pid), machine.waited_seconds(pid)
            passed = delays(port, proxied("real/stream"), streams, rate, seconds)
            passed["us_per_event"] = round((machine.cpu_seconds(pid) - used) * 1e6 / passed["all"]["count"], 1)
            # Time for which others had the processor: it is in the delays, and not the simulator's.
            passed["waited_s"] = round(machine.waited_seconds(pid) - waited, 3)
            print(json.dumps({"direct": direct, "passed": passed}), flush=True)
            for name in PERCENTILES:
                added[name].append(passed["steady"][name] - direct["steady"][name])
    print(f"added by the simulator, ms, {streams} streams of {rate} events a second, the median of {rounds} rounds:")
    for name, values in added.items():
        print(f"  {name} {statistics.median(values):.3f} ({min(values):.3f} to {max(values):.3f})")


if __name__ == "__main__":
    given = [argument for argument in sys.argv[1:] if argument != "--realtime"]
    numbers = dict(zip(("streams", "rate", "rounds", "seconds"), map(int, given), strict=False))
    main(*(argument for argument in sys.argv[1:] if argument == "--realtime"), **numbers)
