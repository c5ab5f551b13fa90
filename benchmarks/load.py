"""One run of load: a server on one processor, the load client on another, and what both have to say."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.servers import Server, Streams, Wrong, running


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

    @property
    def longest(self) -> float:
        """When to give up: a server that is far behind its plan is let finish."""
        return 3 * (self.ramp + self.streams.events * self.streams.gap + self.pause) + 10


@dataclass(frozen=True)
class RequestLoad:
    """`connections`, each with the next request as soon as it has its reply, for `seconds`.

    They ask the simulator for what `ours` names (`Server.requests`), and any other server for its small reply.
    """

    connections: int
    seconds: float
    ours: str = "weather"


Result = dict[str, Any]


def measure(server: Server, load: StreamLoad | RequestLoad) -> Result:
    """What the client counted, with the server's processor time and memory. Raises Wrong if a reply was."""
    return measure_streams(server, load) if isinstance(load, StreamLoad) else measure_requests(server, load)


def measure_streams(server: Server, load: StreamLoad) -> Result:
    """One run; its `us_per_event` counts all that the server did for it, the opening of connections included."""
    streams = load.streams
    on_server, _ = machine.processors()
    with running(server, on_server) as (port, pid):
        warm = Streams(5, 0.001)
        _client("streams", port, [server.stream(warm)], [1, 0, 0, 1, warm.events, 10])
        resident, used = machine.memory(pid, "VmRSS"), machine.cpu_seconds(pid)
        plan = [load.count, load.ramp, 0, streams.gap * 1000, streams.events]
        arguments: list[Any] = [*plan, load.longest, server.words_from]
        requests = [server.stream(streams)]
        if load.slow:
            requests.append(server.stream(load.slow_streams))
            arguments += ["@1", load.slow, load.slow_streams.events, load.stop_after, load.pause * 1000]
        marks: list[tuple[int, float]] = []
        result = _client("streams", port, requests, arguments, lambda n: marks.append((n, machine.cpu_seconds(pid))))
        used = machine.cpu_seconds(pid) - used
        peak = machine.memory(pid, "VmHWM")
    if result["wrong"] or result["failed"] or result["unfinished"]:
        raise Wrong(f"{server.name}: {_sums(result)}")
    result |= {
        "us_per_event": used * 1e6 / (result["events"] + result["slow_events"]),
        "us_per_steady_event": _steady(marks),
        "peak_mb": peak / 2**20,
        "kb_per_stream": (peak - resident) / 1024 / (load.count + load.slow),
    }
    return result


def measure_requests(server: Server, load: RequestLoad) -> Result:
    """One run, after a short one to warm up."""
    on_server, _ = machine.processors()
    request = (server.requests or {}).get(load.ours, server.weather)
    with running(server, on_server) as (port, pid):
        _client("requests", port, [request], [load.connections, min(0.5, load.seconds)])
        used = machine.cpu_seconds(pid)
        result = _client("requests", port, [request], [load.connections, load.seconds])
        used = machine.cpu_seconds(pid) - used
    if result["wrong"] or result["failed"] or not result["requests"]:
        raise Wrong(f"{server.name}: {_sums(result)}")
    return result | {
        "us_per_request": used * 1e6 / result["requests"],
        "requests_per_second": result["requests"] / result["seconds"],
    }


def _steady(marks: list[tuple[int, float]]) -> float | None:
    """µs per event between two marks; None where there was no time between them."""
    if len(marks) < 2 or marks[1][0] - marks[0][0] < 100:
        return None
    return (marks[1][1] - marks[0][1]) * 1e6 / (marks[1][0] - marks[0][0])


def _sums(result: Result) -> str:
    return ", ".join(f"{name} {value}" for name, value in result.items() if not isinstance(value, dict))


def _client(
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
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, str(number)) for number in range(len(requests))]
        for file, request in zip(files, requests, strict=True):
            file.write_bytes(request)
        given = [str(files[1] if argument == "@1" else argument) for argument in arguments]
        command = [str(machine.compiled("load_client.c")), kind, str(port), str(files[0]), *given]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as client:
            machine.pin(client.pid, on_client)
            assert client.stdout is not None
            for line in client.stdout:
                result = json.loads(line)
                if len(result) == 1:
                    at_mark(*result.values())
    if client.returncode:
        raise Wrong(f"the load client ended with {client.returncode}")
    return result
