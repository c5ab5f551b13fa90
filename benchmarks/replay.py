"""How true replays are: a recorded stream of lognormal gaps, replayed again and again at several speeds.

    python -m benchmarks.replay [--events 1000] [--replays 100] [--at-once 10] [--median-ms 5] [--realtime]

One recording is made (seeded), a server replays it, and a client in a process of its own reads every byte. What the
server says of each event (`/_sim/replays`) is printed, and what the client saw: no event may arrive before its recorded
offset, counted from before the request was sent, and the bytes must be those that were recorded. One round is one
speed; its figures are those of all events of all its replays, and `starved_share` says for which share of the time the
server waited for a processor that others had. With `--realtime` the server runs with that option of its own, for a
machine that is not idle.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any
from urllib.request import Request, urlopen

from benchmarks import machine
from benchmarks.servers import HOST, TOKEN
from oagw_tornado.recordings.format import (
    End,
    Read,
    RecordedReply,
    RecordedRequest,
    RecordingHead,
    encode_end,
    encode_head,
    encode_read,
)
from oagw_tornado.testing import SimulatorProcess

BODY = b'{"model":"recorded","stream":true,"messages":[{"role":"user","content":"replay"}]}'
SPEEDS = (1.0, 10.0)
_PATH = "v1/chat/completions"


class NotTrue(Exception):
    """A replay was not what was recorded. The text says how."""


def recorded_stream(gaps: int, median: float, seed: int = 7) -> list[Read]:
    """An event, and one more behind each of so many lognormal gaps (sigma 0.6) with this median, in seconds."""
    random = Random(seed)
    at = 250_000
    reads = [Read(at, _event(0))]
    for number in range(1, gaps + 1):
        at += max(1, round(random.lognormvariate(0, 0.6) * median * 1_000_000))
        reads.append(Read(at, _event(number)))
    return reads


def _event(number: int) -> bytes:
    delta = {"choices": [{"index": 0, "delta": {"content": f"word{number} "}}]}
    return b"data: %b\n\n" % json.dumps(delta).encode()


def write(folder: Path, reads: list[Read]) -> None:
    """The recording, as the recorder would have written it."""
    folder.mkdir(parents=True)
    reply = RecordedReply(200, "OK", (("Content-Type", "text/event-stream"),))
    request = RecordedRequest("POST", _PATH, "", (("Content-Type", "application/json"),), BODY, body_bytes=len(BODY))
    head = RecordingHead("openai", "2026-01-01T00:00:00.000000Z", request, reply, reads[0].at, "complete")
    last = encode_end(End(reads[-1].at, "complete"))
    (folder / "stream.jsonl").write_bytes(b"".join((encode_head(head), *map(encode_read, reads), last)))


async def _read(port: int, speed: float, reads: list[Read]) -> float:
    """Ask for one replay and read it; gives how long before its recorded offset an event arrived at most (0: never)."""
    reader, writer = await asyncio.open_connection(HOST, port)
    asked = time.monotonic()
    lines = (
        f"POST /api/oagw/v1/proxy/openai/{_PATH} HTTP/1.1",
        "Host: localhost",
        f"Authorization: Bearer {TOKEN}",
        "Content-Type: application/json",
        f"Content-Length: {len(BODY)}",
        f"X-Sim-Replay-Speed: {speed:g}",
        "Connection: close",
    )
    writer.write("\r\n".join([*lines, "", ""]).encode() + BODY)
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise NotTrue(head.decode("latin-1"))
    early = 0.0
    for read in reads:
        data = await _chunk(reader)
        arrived = time.monotonic() - asked
        if data != read.data:
            raise NotTrue(f"{data[:80]!r} in the place of {read.data[:80]!r}")
        early = max(early, read.at / 1_000_000 / speed - arrived)
    if await _chunk(reader):
        raise NotTrue("more than was recorded")
    writer.close()
    return early


async def _chunk(reader: asyncio.StreamReader) -> bytes:
    size = int(await reader.readline(), 16)
    data = await reader.readexactly(size + 2)
    return data[:-2]


async def _ask(port: int, speed: float, reads: list[Read], replays: int, at_once: int) -> float:
    early = 0.0
    for start in range(0, replays, at_once):
        batch = [_read(port, speed, reads) for _ in range(min(at_once, replays - start))]
        early = max(early, *await asyncio.gather(*batch))
    return early


def client(arguments: list[str]) -> None:
    """The client's part: ``client PORT SPEED EVENTS MEDIAN REPLAYS AT_ONCE``; prints the earliest event, in seconds."""
    port, speed, gaps, median, replays, at_once = arguments
    reads = recorded_stream(int(gaps), float(median))
    print(asyncio.run(_ask(int(port), float(speed), reads, int(replays), int(at_once))))


def measure(
    gaps: int, median: float, replays: int, at_once: int, realtime: bool = False, speeds: tuple[float, ...] = SPEEDS
) -> Iterator[Any]:
    """For each speed what ``/_sim/replays`` says of so many replays, with `early_ms` as the client saw it.

    Raises NotTrue.
    """
    reads = recorded_stream(gaps, median)
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / "openai", reads)
        with SimulatorProcess(replay=folder, realtime=realtime) as server:
            on_server, on_client = machine.processors()
            machine.pin(server.pid, on_server)
            for speed in speeds:
                server.control.reset()
                command = [sys.executable, "-m", "benchmarks.replay", "client", str(server.port), str(speed)]
                command += [str(gaps), str(median), str(replays), str(at_once)]
                running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent.parent)
                machine.pin(running.pid, on_client)
                said, _ = running.communicate(timeout=230)
                if running.returncode:
                    raise NotTrue(f"the client ended with {running.returncode}")
                starved = server.control.call("GET", "/_sim/verdict")["starved_share"]
                yield {
                    "speed": speed,
                    "early_ms": float(said) * 1000,
                    "starved_share": starved,
                    **_told(server.base_url),
                }


def _told(url: str) -> dict[str, Any]:
    with urlopen(Request(f"{url}/_sim/replays?limit=1000"), timeout=60) as reply:  # loopback
        view = json.load(reply)
    worst = [each["error_ms"]["p99"] for each in view["latest"] if each["error_ms"]["p99"] is not None]
    return {name: view[name] for name in ("replays", "events", "error_ms")} | {
        "worst_replay_p99_ms": max(worst, default=None)
    }


def main(arguments: list[str]) -> int:
    """Measure, print a line for each speed, and say whether the bar was met."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--events", type=int, default=1000)
    parser.add_argument("--replays", type=int, default=100)
    parser.add_argument("--at-once", type=int, default=10)
    parser.add_argument("--median-ms", type=float, default=5.0)
    parser.add_argument("--realtime", action="store_true")
    given = parser.parse_args(arguments)
    is_met = True
    for figures in measure(given.events, given.median_ms / 1000, given.replays, given.at_once, given.realtime):
        error = figures["error_ms"]
        is_met = is_met and error["p99"] <= 1.0 and error["earliest"] >= 0 and figures["early_ms"] <= 0
        print(json.dumps(figures))
    print("met: p99 within 1 ms, never early" if is_met else "NOT met: p99 within 1 ms, never early")
    return 0 if is_met else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["client"]:
        client(sys.argv[2:])
    else:
        raise SystemExit(main(sys.argv[1:]))
