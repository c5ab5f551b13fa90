"""What a second worker is worth, and what a shared state costs: ``python -m benchmarks.workers [rounds]``.

Linux, two processors, redis-server. The load is small, so that the generator does not take what the workers need: what
a worker holds is its load over the share of a processor that it takes. Two workers get twice the load, and hold what
the busier one lets them. A run is five seconds of 400 streams of twenty events a second for each worker, or of 3,000
requests a second; each round has one without a state, one with it, and one of two workers.
"""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from benchmarks import machine

STREAMS, RATE, REQUESTS = 400, 20, 3000
SECONDS = 5.0


def run_of(arguments: list[str], line: str) -> list[float]:
    """The processor time that each worker took for one load."""
    server = subprocess.Popen(
        [sys.executable, "-m", "oagw_tornado", "--port=0", *arguments], stderr=subprocess.PIPE, text=True
    )
    try:
        assert server.stderr is not None
        port = next(
            found[1] for each in server.stderr if (found := re.search(r"listening on http://[^:]*:(\d+)", each))
        )
        workers = list(map(int, Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()))
        generator = subprocess.Popen(
            [sys.executable, "-m", "oagw_tornado.commands.load_generator", "127.0.0.1", port, "test-integration-token"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert generator.stdin is not None
        assert generator.stdout is not None
        time.sleep(1.0)
        print(line, file=generator.stdin, flush=True)
        json.loads(generator.stdout.readline())
        time.sleep(2.5)
        pids = workers or [server.pid]
        before = [machine.cpu_seconds(pid) for pid in pids]
        time.sleep(SECONDS)
        spent = [machine.cpu_seconds(pid) - was for pid, was in zip(pids, before, strict=True)]
        generator.kill()
        generator.wait()
        return spent
    finally:
        server.terminate()
        server.wait()


def spread(values: list[float]) -> str:
    return f"{median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


def main(rounds: int) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        redis_port = probe.getsockname()[1]
    redis = subprocess.Popen(
        [shutil.which("redis-server") or "redis-server", "--port", str(redis_port), "--save", ""],
        stdout=subprocess.DEVNULL,
    )
    state = f"--state=redis://127.0.0.1:{redis_port}"
    try:
        time.sleep(0.5)
        for name, line, load, units in (
            ("events", f"streams {{}} {1000 // RATE}ms", STREAMS, STREAMS * RATE * SECONDS),
            ("requests", "requests {}", REQUESTS, REQUESTS * SECONDS),
        ):
            ratios, holds = [], []
            for number in range(rounds):
                given = [[], [state]][:: -1 if number % 2 else 1]
                runs = {bool(each): run_of(each, line.format(load))[0] for each in given}
                two = run_of([state, "--workers=2"], line.format(2 * load))
                ratios.append(runs[True] / runs[False])
                holds.append(2 * runs[True] / max(two))
                plain, shared = (runs[each] / units * 1e6 for each in (False, True))
                print(f"{name}: {shared:.1f} µs each, {plain:.1f} without a state; the busier of two: {max(two):.2f} s")
            print(
                f"{name}: a shared state costs {spread(ratios)} times, two workers hold {spread(holds)} times as much"
            )
    finally:
        redis.kill()
        redis.wait()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
