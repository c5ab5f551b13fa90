"""Run the load scenarios: ``python -m benchmarks.measure [--smoke] [--rounds N] [--out FILE] [SCENARIO ...]``

Each result is added to FILE as soon as it is there, so a long measurement may be made in pieces.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.load import RequestLoad, Result, measure
from benchmarks.scenarios import SCENARIOS, Scenario
from benchmarks.servers import SERVERS, Server, Streams

RESULTS = machine.CACHE / "load.json"


def smoke(scenario: Scenario) -> Scenario:
    """The same in a second and with next to no load: it shows that the programs work."""
    load = scenario.load
    if isinstance(load, RequestLoad):
        return replace(scenario, load=RequestLoad(2, 0.5), rounds=1)
    small = replace(load, count=5, streams=Streams(8, 0.01), ramp=0.02)
    if load.slow:
        small = replace(small, slow=2, slow_streams=Streams(40, 0.002, 8192), stop_after=3, pause=0.2)
    return replace(scenario, load=small, rounds=1)


def in_turn(servers: tuple[str, ...], round_number: int) -> list[Server]:
    """Each round begins with another server, so that none has the machine always cold or always warm."""
    start = round_number % len(servers)
    return [SERVERS[name] for name in servers[start:] + servers[:start]]


def summary(result: Result) -> str:
    if "us_per_request" in result:
        return f"{result['us_per_request']:7.1f} us/request {result['requests_per_second']:8.0f} requests/s"
    late = result["late_ms"]
    return (
        f"{result['us_per_event']:6.1f} us/event, steady {result['us_per_steady_event'] or 0:5.1f}   late"
        f" p50 {late['p50']:8.2f} p99 {late['p99']:8.2f} max {late['max']:8.2f} earliest {late['min']:6.3f} ms"
        f"   {result['peak_mb']:6.1f} MB"
    )


def load_results(path: Path) -> dict[str, dict[str, list[Result]]]:
    """Scenario → server → its runs."""
    try:
        results: dict[str, dict[str, list[Result]]] = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    return results


def run(name: str, scenario: Scenario, out: Path) -> None:
    results = load_results(out)
    results[name] = {}
    for number in range(scenario.rounds):
        for server in in_turn(scenario.servers, number):
            if reason := server.missing():
                print(f"{name:14} {server.name:10} skipped: {reason}", flush=True)
                continue
            result = measure(server, scenario.load)
            results[name].setdefault(server.name, []).append(result)
            print(f"{name:14} {server.name:10} {summary(result)}", flush=True)
            out.parent.mkdir(exist_ok=True)
            out.write_text(json.dumps(results))


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.measure", description="Run the load scenarios.")
    parser.add_argument("scenario", nargs="*", choices=[[], *SCENARIOS], help="all of them, if none is named")
    parser.add_argument("--smoke", action="store_true", help="next to no load: do the programs work?")
    parser.add_argument("--rounds", type=int, help="rounds of each scenario")
    parser.add_argument("--servers", help="comma-separated names, in place of a scenario's own")
    parser.add_argument("--out", type=Path, default=RESULTS, help="JSON file that the results are added to")
    options = parser.parse_args(arguments)
    try:
        machine.compiled("load_client.c")
    except machine.NoCompiler as reason:
        print(f"no load is measured: {reason}")
        return 0
    machine.allow_descriptors()
    if None in machine.processors():
        print("one processor for both: the client disturbs what it measures")
    for name in options.scenario or SCENARIOS:
        scenario: Any = SCENARIOS[name]
        if options.smoke:
            scenario = smoke(scenario)
        if options.servers:
            scenario = replace(scenario, servers=tuple(options.servers.split(",")))
        if options.rounds:
            scenario = replace(scenario, rounds=options.rounds)
        run(name, scenario, options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
