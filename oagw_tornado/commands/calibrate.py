"""``oagw-tornado calibrate``: how much load this machine carries within a budget of lateness.

It starts a server of its own on loopback and a load generator on another processor, raises the load in steps until the
budget is exceeded, and then narrows the limit down. Exit code 0: the limit was found; 1: not even the smallest load is
within the budget, or the server did not start; 2: wrong arguments.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

from oagw_tornado import __version__
from oagw_tornado.commands.arguments import Arguments, CommandError
from oagw_tornado.commands.calibration import LoadStep, Search, best_of, document, judged, table
from oagw_tornado.commands.remote import Remote
from oagw_tornado.config.defaults import DEFAULT_TOKEN
from oagw_tornado.units.durations import format_duration

#: Seconds of one step: until the load stands, and measured.
SETTLE, MEASURE = 0.6, 1.6
#: The least and the most that are tried.
FIRST_STREAMS, MOST_STREAMS = 50, 20_000
FIRST_REQUESTS, MOST_REQUESTS = 200, 50_000
_BAR = 30

Report = Callable[[float, str], None]


def run(arguments: Sequence[str]) -> int:
    """Calibrate and print the result; returns the exit code."""
    parser = Arguments("calibrate", "Measure how much load this machine carries within a budget of lateness.")
    parser.add_argument(
        "--late-p99", metavar="DURATION", type=parser.duration, default=0.002, help="the budget (default: 2ms)"
    )
    parser.add_argument(
        "--seconds", metavar="N", type=_seconds, default=60.0, help="seconds to take in all (default: 60)"
    )
    parser.add_argument(
        "--rate", metavar="N", type=_rate, default=20.0, help="events per second and stream (default: 20)"
    )
    parser.add_argument("--json", metavar="FILE", help="write the result, for verdict --calibration")
    parser.add_argument("--png", metavar="FILE", help="draw the result; needs matplotlib")
    for option in ("http-server", "loop", "pacer-resolution"):
        parser.add_argument(f"--{option}", metavar="VALUE", help="passed to the server")
    given = parser.parse_args(arguments)
    if given.png and find_spec("matplotlib") is None:
        raise CommandError("--png: matplotlib is not installed (pip install matplotlib)", 2)
    options = [
        f"--{option}={value}"
        for option in ("http-server", "loop", "pacer-resolution")
        if (value := getattr(given, option.replace("-", "_")))
    ]
    streams, requests = _calibrate(given.late_p99, given.seconds, given.rate, options)
    within = format_duration(given.late_p99)
    print(table(f"streams × {given.rate:g}/s", "events/s", streams))  # noqa: T201
    print(table("requests/s asked", "answered/s", requests))  # noqa: T201
    best, most = best_of(streams), best_of(requests)
    if best is not None:
        print(f"this machine holds {best.load:,} streams × {given.rate:g}/s within {within}")  # noqa: T201
    if most is not None:
        print(f"this machine holds {most.load:,} requests/s within {within}")  # noqa: T201
    result = document(given.late_p99, given.rate, streams, requests, _machine())
    if given.json:
        _write(given.json, json.dumps(result, indent=2) + "\n")
    if given.png:
        _draw(given.png, given.late_p99, streams, requests, given.rate)
    return 0 if best is not None and most is not None else 1


class _Load:
    """A server and a generator of load, each a process of its own."""

    def __init__(self, options: Sequence[str]) -> None:
        self._server = subprocess.Popen(
            # It ends when its standard input does: nothing is left behind, however this process ends.
            [sys.executable, "-m", "oagw_tornado.testing.child", "--port=0", "--journal-size=0", *options],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={name: value for name, value in os.environ.items() if not name.startswith("OAGW_SIM_")},
        )
        self._generator: subprocess.Popen[bytes] | None = None
        said = []
        assert self._server.stderr is not None
        port = None
        for line in self._server.stderr:
            said.append(line.decode("utf-8", "replace").strip())
            if found := re.search(rb"listening on http://[^:]*:(\d+)", line):
                port = int(found[1])
                break
        if port is None:
            self.close()
            raise CommandError(f"the server did not start: {said[-1] if said else 'it said nothing'}")
        self._generator = subprocess.Popen(
            [sys.executable, "-m", f"{__package__}.load_generator", "127.0.0.1", str(port), DEFAULT_TOKEN],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.remote = Remote(f"http://127.0.0.1:{port}")
        _keep_apart(self._server.pid, self._generator.pid)

    def tell(self, line: str) -> dict[str, float]:
        """Have the generator obey a line; returns what it has."""
        generator = self._generator
        assert generator is not None and generator.stdin is not None and generator.stdout is not None  # noqa: PT018
        try:
            generator.stdin.write(f"{line}\n".encode())
            generator.stdin.flush()
            answer: dict[str, float] = json.loads(generator.stdout.readline())
        except (OSError, ValueError):
            raise CommandError("the load generator has ended") from None
        return answer

    def close(self) -> None:
        for process in (self._generator, self._server):
            if process is not None:
                process.kill()
                process.wait()
                for stream in (process.stdin, process.stdout, process.stderr):
                    if stream is not None:
                        stream.close()


def _calibrate(
    budget: float, seconds: float, rate: float, options: Sequence[str]
) -> tuple[list[LoadStep], list[LoadStep]]:
    began = time.monotonic()
    report = _progress(began, seconds)
    load = _Load(options)
    try:
        time.sleep(1.0)  # the server loads what the first requests need
        streams = _search(
            Search(FIRST_STREAMS, MOST_STREAMS),
            lambda number: _streams(load, number, rate, budget),
            began + seconds * 0.6,
            lambda number: report(time.monotonic(), f"{number} streams"),
        )
        load.tell("streams 0 1s")
        time.sleep(SETTLE)
        requests = _search(
            Search(FIRST_REQUESTS, MOST_REQUESTS),
            lambda number: _requests(load, number, budget),
            began + seconds,
            lambda number: report(time.monotonic(), f"{number} requests/s"),
        )
    finally:
        load.close()
    report(began + seconds, "")
    return streams, requests


def _search(
    search: Search, measure: Callable[[int], LoadStep], deadline: float, report: Callable[[int], None]
) -> list[LoadStep]:
    steps: list[LoadStep] = []
    while (load := search.next_load()) is not None and time.monotonic() < deadline - SETTLE - MEASURE:
        report(load)
        step = measure(load)
        if step.reasons and search.holds and time.monotonic() < deadline - 2 * (SETTLE + MEASURE):
            again = measure(load)  # once may have been somebody else's fault
            step = again if not again.reasons else step
        steps.append(step)
        search.note(load, not step.reasons)
    return steps


def _streams(load: _Load, number: int, rate: float, budget: float) -> LoadStep:
    interval = format_duration(1 / rate)
    deadline = time.monotonic() + 30
    while load.tell(f"streams {number} {interval}")["streams"] < number and time.monotonic() < deadline:
        time.sleep(0.05)
    verdict, seconds, _, _ = _measure(load, budget)
    late = verdict["late_ms"]
    return judged(number, number * rate, verdict["events"] / seconds, late["p50"], late["p99"], verdict)


def _requests(load: _Load, number: int, budget: float) -> LoadStep:
    load.tell(f"requests {number}")
    verdict, seconds, answered, timing = _measure(load, budget)
    waits = timing["admission_wait_ms"]
    return judged(number, number, answered / seconds, waits["p50"], waits["p99"], verdict)


def _measure(load: _Load, budget: float) -> tuple[dict[str, Any], float, float, dict[str, Any]]:
    time.sleep(SETTLE)
    load.remote.post("/_sim/reset")
    began, before = time.monotonic(), load.tell("look")["answered"]
    time.sleep(MEASURE)
    answered = load.tell("look")["answered"] - before
    seconds = time.monotonic() - began
    verdict = load.remote.get("/_sim/verdict", {"late-p99": format_duration(budget)})
    return verdict, seconds, answered, load.remote.get("/_sim/timing")


def _keep_apart(server: int, generator: int) -> None:
    """Give each a processor of its own, where there are two and the system lets us."""
    if hasattr(os, "sched_getaffinity"):
        processors = sorted(os.sched_getaffinity(0))
        if len(processors) > 1:
            os.sched_setaffinity(server, {processors[-1]})
            os.sched_setaffinity(generator, set(processors[:-1]))


def _progress(began: float, seconds: float) -> Report:
    def report(now: float, text: str) -> None:
        if sys.stderr.isatty():
            done = min(_BAR, int(_BAR * (now - began) / seconds))
            sys.stderr.write(f"\r[{'#' * done}{' ' * (_BAR - done)}] {text:<24}" + ("" if text else "\r\033[K"))
            sys.stderr.flush()

    return report


def _machine() -> dict[str, Any]:
    return {
        "processors": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "oagw-tornado": __version__,
    }


def _write(path: str, text: str) -> None:
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror or error}") from None


def _draw(path: str, budget: float, streams: Sequence[LoadStep], requests: Sequence[LoadStep], rate: float) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained")
    titles = (f"streams × {rate:g}/s", "requests a second")
    for axis, steps, title in zip(axes, (streams, requests), titles, strict=True):
        ordered = sorted(step for step in steps if step.p99 is not None)
        axis.plot([step.load for step in ordered], [step.p99 for step in ordered], "o-", label="p99")
        axis.plot([step.load for step in ordered], [step.p50 for step in ordered], "o-", label="p50")
        axis.axhline(budget * 1000, linestyle="--", color="grey", label="budget")
        axis.set(title=title, ylabel="ms", yscale="log")
        axis.legend()
    try:
        figure.savefig(path, format="png", dpi=120)
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror or error}") from None


def _seconds(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,4}", text) or not 10 <= int(text) <= 3600:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not a whole number of seconds from 10 to 3600")
    return float(text)


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0.1 <= rate <= 1000:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not a number from 0.1 to 1000")
    return rate
