"""One run of load: a server on one processor, the load client on another, and what both have to say."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any, NamedTuple
from urllib.request import urlopen

from benchmarks import machine
from benchmarks.servers import HOST, Server, Streams, Wrong, running, warm_up

#: Seconds for which all streams are open, at the least, where the cost of an event in the steady state is told.
STEADY = 7.0


@dataclass(frozen=True)
class StreamLoad:
    """`count` streams, opened evenly over `ramp` seconds; `slow` more stop reading in mid-stream and go on later."""

    count: int
    streams: Streams
    ramp: float
    slow: int = 0
    slow_streams: Streams = Streams(60, 0.05, 4096)
    stop_after: int = 10
    pause: float = 2.0
    is_paced: bool = True
    """Whether the client knows when each event is due: it does not know gaps that the server draws."""

    @property
    def planned(self) -> float:
        """Seconds from the first opening to the last event of all, if nothing is late."""
        longest = max(
            self.streams.events * self.streams.gap,
            self.slow and self.slow_streams.events * self.slow_streams.gap + self.pause,
        )
        return self.ramp + longest

    @property
    def longest(self) -> float:
        """When to give up: a server that is far behind its plan is let finish."""
        return 3 * self.planned + 16


@dataclass(frozen=True)
class RequestLoad:
    """`connections`, each with the next request as soon as it has its reply, for `seconds`.

    They ask the simulator for what `ours` names (`Server.requests`), and any other server for its small reply.
    """

    connections: int
    seconds: float
    ours: str = "weather"

    @property
    def planned(self) -> float:
        """Seconds, those of the warming up included."""
        return self.seconds + min(0.5, self.seconds)


Load = StreamLoad | RequestLoad
Result = dict[str, Any]


class Mark(NamedTuple):
    """How many events there have been and how much processor time they have taken, at an instant of a run."""

    events: int
    used: float
    at: float


def marking(marks: list[Mark], pid: int) -> Callable[[int], None]:
    """What adds a mark of process `pid` when it is told a number of events."""
    return lambda events: marks.append(Mark(events, machine.cpu_seconds(pid), monotonic()))


def measure(server: Server, load: Load) -> Result:
    """What the client counted, with the server's processor time and memory. Raises Wrong if a reply was."""
    return measure_streams(server, load) if isinstance(load, StreamLoad) else measure_requests(server, load)


def measure_streams(server: Server, load: StreamLoad) -> Result:
    """One run; its `us_per_event` counts all that the server did for it, the opening of connections included."""
    streams = load.streams
    on_server, _ = machine.processors()
    with running(server, on_server, streams) as (port, pid):
        _warm_up(server, port, streams)
        resident, used = machine.memory(pid, "VmRSS"), machine.cpu_seconds(pid)
        marks: list[Mark] = []
        result = play("streams", port, *_plan(server, load), marking(marks, pid))
        used = machine.cpu_seconds(pid) - used
        peak = machine.memory(pid, "VmHWM")
        own = _told(port, server)
    if result["wrong"] or result["failed"] or result["unfinished"]:
        raise Wrong(sums(result))
    if not load.is_paced:
        del result["late_ms"]
    return result | {
        "us_per_event": used * 1e6 / (result["events"] + result["slow_events"]),
        "us_per_steady_event": steady(marks, STEADY),
        "us_per_stream": used * 1e6 / (load.count + load.slow),
        "peak_mb": peak / 2**20,
        "kb_per_stream": (peak - resident) / 1024 / (load.count + load.slow),
        "own": own,
    }


def _warm_up(server: Server, port: int, streams: Streams) -> None:
    warm = warm_up(server, streams)
    count = round(server.warming * 300) or 1
    play("streams", port, [server.stream(warm)], [count, server.warming, 0, warm.gap * 1000, warm.events, 60])
    sleep(server.settling)


def _told(port: int, server: Server) -> dict[str, Any]:
    """What the server says itself: how late its events left it, and how long requests waited for their admission."""
    if not server.timing:
        return {}
    with urlopen(f"http://{HOST}:{port}{server.timing}") as reply:
        figures = json.load(reply)
    return {name: figures[name] for name in ("late_ms", "admission_wait_ms")}


def _plan(server: Server, load: StreamLoad) -> tuple[list[bytes], list[Any]]:
    """The requests and the arguments of the load client."""
    streams = load.streams
    requests = [server.stream(streams)]
    plan: list[Any] = [load.count, load.ramp, 0, streams.gap * 1000, streams.events, load.longest, server.words_from]
    if load.slow:
        requests.append(server.stream(load.slow_streams))
        plan += ["@1", load.slow, load.slow_streams.events, load.stop_after, load.pause * 1000]
    return requests, plan


def measure_requests(server: Server, load: RequestLoad) -> Result:
    """One run, after a short one to warm up."""
    on_server, _ = machine.processors()
    request = server.requests.get(load.ours, server.weather)
    with running(server, on_server) as (port, pid):
        play("requests", port, [request], [load.connections, min(0.5, load.seconds) + server.warming])
        sleep(server.settling)
        used = machine.cpu_seconds(pid)
        result = play("requests", port, [request], [load.connections, load.seconds])
        used = machine.cpu_seconds(pid) - used
    if result["wrong"] or result["failed"] or not result["requests"]:
        raise Wrong(sums(result))
    return result | {
        "us_per_request": used * 1e6 / result["requests"],
        "requests_per_second": result["requests"] / result["seconds"],
    }


def steady(marks: list[Mark], least: float = 0.0) -> float | None:
    """µs per event between two marks; None where they are not `least` seconds and a hundred events apart."""
    if len(marks) < 2:
        return None
    begun, over = marks[:2]
    if over.events - begun.events < 100 or over.at - begun.at < least:
        return None
    return (over.used - begun.used) * 1e6 / (over.events - begun.events)


def sums(result: Result) -> str:
    """What a run counted, in one line."""
    return ", ".join(f"{name} {value}" for name, value in result.items() if not isinstance(value, dict))


def play(
    kind: str,
    port: int,
    requests: list[bytes],
    arguments: list[Any],
    at_mark: Callable[[int], object] = lambda events: None,
) -> Result:
    """Run the load client with `requests` as files: the first comes first, ``@1`` in `arguments` is the second.

    `at_mark` is called with the number of events so far when all streams have begun, and when the first has ended.
    """
    result: Result = {}
    _, on_client = machine.processors()
    used, begun = machine.cpu_seconds_of_children(), monotonic()
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, str(number)) for number in range(len(requests))]
        for file, request in zip(files, requests, strict=True):
            file.write_bytes(request)
        given = [str(files[1] if argument == "@1" else argument) for argument in arguments]
        command = [str(machine.compiled("load_client.c")), kind, str(port), str(files[0]), *given]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as client:
            machine.pin(client.pid, on_client)
            assert client.stdout is not None
            try:
                for line in client.stdout:
                    result = json.loads(line)
                    if len(result) == 1:
                        at_mark(*result.values())
            except BaseException:  # of whoever ends the measurement, too: nobody waits for the end of the load
                client.kill()
                raise
    if client.returncode:
        raise Wrong(f"the load client ended with {client.returncode}")
    used, seconds = machine.cpu_seconds_of_children() - used, monotonic() - begun
    return result | {"client_busy": used / seconds}
