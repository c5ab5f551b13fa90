"""A server in a process of its own that tells what one request cost: the longest turn of its loop, and memory.

``python watched_server.py ENGINE LOOP``: prints its port; for each line on its standard input it prints the two since
the line before, as JSON.
"""

from __future__ import annotations

import asyncio
import gc
import json
import pkgutil
import re
import resource
import sys
from importlib import import_module
from time import thread_time

import oagw_tornado
from oagw_tornado.config.config import read_config
from oagw_tornado.simulator import Simulator

TICK = 0.0005


class Watch:
    """The most processor time between two ticks. A machine that is busy elsewhere makes a turn longer, not dearer."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.last = thread_time()
        self.longest = 0.0
        self.tick()

    def tick(self) -> None:
        now = thread_time()
        self.longest = max(self.longest, now - self.last)
        self.last = now
        self.loop.call_later(TICK, self.tick)

    def report(self) -> None:
        if not sys.stdin.readline():
            self.loop.stop()
            return
        print(json.dumps({"turn": self.longest, "peak": memory("VmHWM"), "now": memory("VmRSS")}), flush=True)
        # The next request's peak is counted from here.
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
        self.longest = 0.0
        self.last = thread_time()


def memory(field: str) -> int:
    with open("/proc/self/status") as file:
        found = re.search(rf"{field}:\s+(\d+) kB", file.read())
    assert found is not None
    return int(found[1]) * 1024


async def serve(engine: str) -> None:
    for module in pkgutil.walk_packages(oagw_tornado.__path__, "oagw_tornado."):
        if not module.name.endswith(("__main__", "plugin")):
            import_module(module.name)
    gc.freeze()
    gc.set_threshold(500_000, 10, 10)  # as the program itself has it
    config = read_config([f"--http-server={engine}", "--port=0", "--gate-timeout=5s"], {}, lambda path: "")
    simulator = Simulator(config)
    await simulator.start()
    print(simulator.port, flush=True)
    watch = Watch()
    watch.loop.add_reader(sys.stdin.fileno(), watch.report)
    await asyncio.Event().wait()


def main(engine: str, loop: str) -> None:
    # What goes wrong here must not take the machine with it.
    resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
    factory = None
    if loop == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        try:
            runner.run(serve(engine))
        except (RuntimeError, KeyboardInterrupt):
            pass  # its input has ended


if __name__ == "__main__":
    main(*sys.argv[1:])
