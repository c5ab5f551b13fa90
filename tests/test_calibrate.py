"""What a machine holds: the search for it as values, and the command against a real server."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from oagw_tornado import testing
from oagw_tornado.commands.calibration import (
    CalibrationError,
    Search,
    best_of,
    document,
    judged,
    load_against,
    read_calibration,
    table,
)

VERDICT = {"reasons": [], "late_ms": {"budget": 2.0}, "cpu_share": 0.5}


@pytest.mark.parametrize("capacity", [1, 49, 50, 51, 700, 3_333, 19_999, 50_000])
def test_the_search_finds_what_holds(capacity: int) -> None:
    search, tried = Search(50, 20_000), []
    while (load := search.next_load()) is not None:
        tried.append(load)
        search.note(load, load <= capacity)
    assert len(tried) <= 22
    assert max(tried) <= 20_000
    assert search.holds <= capacity
    assert min(capacity, 20_000) <= max(search.holds * 1.09, search.holds + 1)


@pytest.mark.parametrize(
    ("there", "p99", "reasons", "why"),
    [
        (1000.0, 1.5, [], ""),
        (960.0, None, [], ""),
        (900.0, 1.5, [], "behind: 900 of 1000"),
        (1000.0, 2.5, [], "waits: p99 is 2.5 ms"),
        (1000.0, 2.5, ["late: p99 of …"], "late: p99 of …"),
    ],
)
def test_a_step_holds_or_says_why_not(there: float, p99: float | None, reasons: list[str], why: str) -> None:
    step = judged(50, 1000.0, there, 0.1, p99, {**VERDICT, "reasons": reasons})
    assert (step.reasons[0] if step.reasons else "").startswith(why)
    assert bool(step.reasons) is bool(why)


def test_what_is_written_is_read_again() -> None:
    good, bad = (judged(load, 1000.0, there, 0.1, 1.0, VERDICT) for load, there in ((50, 1000.0), (80, 10.0)))
    written = document(0.002, 20.0, [bad, good], [good], {"processors": 2})
    read = read_calibration(json.dumps(written))
    assert (read["streams"]["holds"], read["streams"]["per_second"], read["budget_ms"]) == (50, 1000.0, 2.0)
    assert best_of([bad]) is None
    assert "behind" in table("streams", "events/s", [bad, good])
    said = load_against(read, {"seconds": 10.0, "events": 2500})
    assert said == "  load: 250 events/s, 25% of the 1,000 that this machine holds within 2 ms"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"calibration": 2}', '{"calibration": 1, "streams": 3}'])
def test_what_is_no_calibration_is_refused(text: str) -> None:
    with pytest.raises(CalibrationError):
        read_calibration(text)


def run(*arguments: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "oagw_tornado", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_the_command_finds_what_this_machine_holds_and_verdict_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "machine.json"
    done = run("calibrate", "--seconds=10", "--late-p99=2s", "--rate=5", f"--json={file}")
    assert done.stderr == ""
    written = read_calibration(file.read_text())
    assert written["budget_ms"] == 2000.0
    assert written["streams"]["steps"]
    assert written["requests"]["steps"]
    assert "processor" in done.stdout
    with testing.SimulatorProcess() as server:
        judged = run("verdict", server.base_url, f"--calibration={file}")
    assert judged.returncode in (0, 3), judged.stderr
    assert "budget 2e+03 ms" in judged.stdout
    assert "  load: " in judged.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("calibrate", "--seconds=1"), "--seconds"),
        (("calibrate", "--rate=0"), "--rate"),
        (("verdict", "http://127.0.0.1:1", "--calibration=/nowhere"), "--calibration"),
    ],
)
def test_wrong_arguments_are_named_in_one_line(arguments: tuple[str, ...], says: str) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert says in done.stderr
