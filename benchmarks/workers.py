"""What a second worker is worth: ``python -m benchmarks.workers`` (Linux, two processors, redis-server).

The load is small, so that the generator does not take what the workers need: what a worker holds is its load over the
share of a processor that it takes. Two workers get twice the load, and hold what the busier one lets them. One round is
five seconds of 400 streams of twenty events a second for each worker, or of 1,000 requests a second. The same for one
process with and without ``--state``: the processor time of an event and of a request.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

STREAMS, RATE, REQUESTS = 400, 20, 1000
SECONDS = 5.0


def processor_time(pid: int) -> float:
    """Seconds, of user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def round_of(arguments: list[str], line: str) -> list[float]:
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
        before = [processor_time(pid) for pid in pids]
        time.sleep(SECONDS)
        spent = [processor_time(pid) - was for pid, was in zip(pids, before, strict=True)]
        generator.kill()
        generator.wait()
        return spent
    finally:
        server.terminate()
        server.wait()


def main() -> None:
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
            plain, one = (round_of(each, line.format(load)) for each in ([], [state]))
            two = round_of([state, "--workers=2"], line.format(2 * load))
            cost, costs_plain = one[0] / units * 1e6, plain[0] / units * 1e6
            print(f"{name}: {cost:.1f} µs each, {costs_plain:.1f} without a state: {cost / costs_plain:.3f} x")
            print(f"{name}: two workers hold {2 * one[0] / max(two):.2f} x as many ({two[0]:.2f} s, {two[1]:.2f} s)")
    finally:
        redis.kill()
        redis.wait()


if __name__ == "__main__":
    main()
