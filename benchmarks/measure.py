"""Run the load scenarios: ``python -m benchmarks.measure [--smoke] [--resume] [--out FILE] [SCENARIO ...]``

Each result is added to FILE as soon as it is there, so a long measurement may be made in pieces. A run that fails is
noted there with its reason, and does not keep the others from being made.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from dataclasses import replace
from pathlib import Path

from benchmarks import machine
from benchmarks.load import RequestLoad, Result, measure
from benchmarks.scenarios import SCENARIOS, Case, Scenario
from benchmarks.servers import Streams

RESULTS = machine.CACHE / "load.json"


def smoke(case: Case) -> Case:
    """The same in a second and with next to no load: it shows that the programs work."""
    load, server = case.load, replace(case.server, warming=0, settling=0)
    if isinstance(load, RequestLoad):
        return replace(case, server=server, load=replace(load, connections=2, seconds=0.2), rounds=1)
    small = replace(load, count=5, streams=Streams(8, 0.01), ramp=0.02)
    if load.slow:
        small = replace(small, slow=2, slow_streams=Streams(40, 0.002, 8192), stop_after=3, pause=0.2)
    return replace(case, server=server, load=small, rounds=1)


def summary(result: Result) -> str:
    if "error" in result:
        return f"FAILED: {result['error']}"
    if "us_per_request" in result:
        return f"{result['us_per_request']:7.1f} us/request {result['requests_per_second']:8.0f} requests/s"
    line = f"{result['us_per_event']:6.1f} us/event, steady {result['us_per_steady_event'] or 0:5.1f}"
    if late := result.get("late_ms"):
        line += f"   late p50 {late['p50']:8.2f} p99 {late['p99']:8.2f} max {late['max']:8.2f}"
        line += f" earliest {late['min']:6.3f} ms"
    return f"{line}   {result['peak_mb']:6.1f} MB   client busy {result['client_busy']:4.0%}"


def load_results(path: Path) -> dict[str, dict[str, list[Result]]]:
    """Scenario → case → its runs."""
    try:
        results: dict[str, dict[str, list[Result]]] = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    return results


def keep(results: dict[str, dict[str, list[Result]]], path: Path) -> None:
    """Write all of it, or leave the file as it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    unfinished.write_text(json.dumps(results))
    unfinished.replace(path)


def once(case: Case) -> Result:
    """The result of a run, or why there is none."""
    try:
        return measure(case.server, case.load)
    except Exception as error:  # whatever it is: an hour of results must not be lost for one run
        return {"error": f"{type(error).__name__}: {error}"}


def run(name: str, scenario: Scenario, out: Path) -> int:
    """Make all runs of a scenario; gives the number of those that failed."""
    results = load_results(out)
    results[name] = {}
    failed = 0
    for number in range(scenario.rounds):
        for case in scenario.in_turn(number):
            if reason := case.server.lacks():
                print(f"{name:14} {case.name:12} skipped: {reason}", flush=True)
                continue
            result = once(case) | {"round": number}
            failed += "error" in result
            results[name].setdefault(case.name, []).append(result)
            print(f"{name:14} {case.name:12} {summary(result)}", flush=True)
            keep(results, out)
    return failed


def is_whole(scenario: Scenario, runs: dict[str, list[Result]]) -> bool:
    """Whether there is a result of each run that can be made here."""
    good = {name: sum("error" not in run for run in of) for name, of in runs.items()}
    return all(good.get(case.name, 0) >= case.rounds or case.server.lacks() for case in scenario.cases)


def chosen(options: argparse.Namespace) -> dict[str, Scenario]:
    """The scenarios that were asked for, changed as was asked."""
    there = load_results(options.out) if options.resume else {}
    found = {}
    for name in options.scenario or SCENARIOS:
        scenario = SCENARIOS[name]
        if is_whole(scenario, there.get(name, {})):
            continue
        if options.servers:
            named = options.servers.split(",")
            scenario = replace(scenario, cases=tuple(case for case in scenario.cases if case.name in named))
        if options.smoke:
            scenario = scenario.changed(smoke)
        if options.rounds:
            scenario = scenario.changed(lambda case: replace(case, rounds=options.rounds))
        if scenario.cases:
            found[name] = scenario
    return found


def parsed(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.measure", description="Run the load scenarios.")
    parser.add_argument("scenario", nargs="*", choices=[[], *SCENARIOS], help="all of them, if none is named")
    parser.add_argument("--smoke", action="store_true", help="next to no load: do the programs work?")
    parser.add_argument("--rounds", type=int, help="rounds of each case")
    parser.add_argument("--servers", help="comma-separated names of the cases to run, of a scenario's own")
    parser.add_argument(
        "--resume", action="store_true", help="leave out the scenarios that FILE has a result of each run of"
    )
    parser.add_argument("--plan", action="store_true", help="say what would be run, and how long it takes")
    parser.add_argument("--out", type=Path, default=RESULTS, help="JSON file that the results are added to")
    return parser.parse_args(arguments)


def _stop(number: int, frame: object) -> None:
    """End the server that runs, too: what was measured is in the file."""
    sys.exit(128 + number)


def main(arguments: list[str]) -> int:
    options = parsed(arguments)
    scenarios = chosen(options)
    if options.plan:
        for name, scenario in scenarios.items():
            print(f"{name:14} {scenario.seconds:5.0f} s   {', '.join(case.name for case in scenario.cases)}")
        print(f"{'all':14} {sum(scenario.seconds for scenario in scenarios.values()):5.0f} s")
        return 0
    try:
        machine.compiled("load_client.c")
    except machine.NoCompiler as reason:
        print(f"no load is measured: {reason}")
        return 0
    machine.allow_descriptors()
    signal.signal(signal.SIGTERM, _stop)
    if None in machine.processors():
        print("one processor for both: the client disturbs what it measures")
    failed = sum(run(name, scenario, options.out) for name, scenario in scenarios.items())
    if failed:
        print(f"{failed} run{'s' if failed > 1 else ''} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
