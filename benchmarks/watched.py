"""What the live page costs those who are watched: the same load with nobody, one page and ten that do not read.

``python -m benchmarks.watched [rounds]`` takes turns, so that whatever else the machine does falls on all alike.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

from benchmarks import machine
from benchmarks.load import Mark, Result, marking, play, steady, sums
from benchmarks.servers import SERVERS, Streams, Wrong, running

ALL = "streams,requests,gates,rules"
#: Name: what the viewers watch, how many there are, whether they read.
WATCHING = {
    "nobody": ("", 0, True),
    "Overview": ("", 1, True),
    "Streams": ("streams", 1, True),
    "everything": (ALL, 1, True),
    "ten that do not read": (ALL, 10, False),
}
STREAMS = Streams(60, 0.05)
COUNT = 1000
#: Seconds until a server has loaded what it loads when idle, and a page was told of what was before.
SETTLED = 1.5


@contextmanager
def viewers(port: int, show: str, count: int, read: bool) -> Iterator[list[int]]:
    """So many pages are open; gives a list that the bytes of each reader are added to."""
    sockets = []
    taken: list[int] = []

    def reading(viewer: socket.socket) -> None:
        try:
            while data := viewer.recv(1 << 16):
                taken.append(len(data))
        except OSError:
            pass

    for _ in range(count):
        viewer = socket.create_connection(("127.0.0.1", port), timeout=60)
        if not read:
            viewer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        viewer.sendall(f"GET /_sim/live?show={show} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        sockets.append(viewer)
        if read:
            threading.Thread(target=reading, args=(viewer,), daemon=True).start()
    try:
        yield taken
    finally:
        for viewer in sockets:
            viewer.close()


def measured(name: str) -> Result:
    """One run; processor time per event counts all that the server did from the first connection on."""
    show, count, read = WATCHING[name]
    server = SERVERS["simulator"]
    on_server, _ = machine.processors()
    with running(server, on_server) as (port, pid):
        play("streams", port, [server.stream(Streams(5, 0.001))], [1, 0, 0, 1, 5, 10])
        with viewers(port, show, count, read) as taken:
            time.sleep(SETTLED)
            used = machine.cpu_seconds(pid)
            marks: list[Mark] = []
            plan = [COUNT, 2.0, 0, STREAMS.gap * 1000, STREAMS.events, 60, server.words_from]
            result = play("streams", port, [server.stream(STREAMS)], plan, marking(marks, pid))
            used = machine.cpu_seconds(pid) - used
        if result["wrong"] or result["failed"] or result["unfinished"]:
            raise Wrong(f"{name}: {sums(result)}")
    return result | {
        "us": used * 1e6 / result["events"],
        "steady": steady(marks),
        "kb": sum(taken) / 1024,
    }


def main(rounds: int) -> None:
    machine.allow_descriptors()
    results: dict[str, list[Result]] = {name: [] for name in WATCHING}
    for _ in range(rounds):
        for name in WATCHING:
            results[name].append(result := measured(name))
            print(f"{name:22} {result['us']:9.2f}", flush=True)
    base = median(result["us"] for result in results["nobody"])
    print(f"{COUNT} streams x {1 / STREAMS.gap:.0f} events/s, {rounds} rounds, medians")
    print(
        f"{'watched by':22} {'us/event':>9} {'more':>7} {'steady':>7} {'late p50':>9} {'late p99':>9} {'KiB read':>9}"
    )
    for name, runs in results.items():
        us = median(run["us"] for run in runs)
        steady = median(run["steady"] or float("nan") for run in runs)
        p50, p99 = (median(run["late_ms"][key] for run in runs) for key in ("p50", "p99"))
        kb = median(run["kb"] for run in runs)
        print(f"{name:22} {us:9.2f} {us / base - 1:+7.1%} {steady:7.2f} {p50:9.2f} {p99:9.2f} {kb:9.0f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
