"""The files in docs/load do what docs/load-testing.md says, with the tools that are installed here."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from oagw_tornado.testing import SimulatorProcess

LOAD = Path(__file__).parent.parent / "docs" / "load"


@pytest.fixture
def simulator():
    with SimulatorProcess(time_to_first_token="40ms", inter_token_latency="20ms", output_tokens=5) as server:
        yield server


def run(*command: str | Path, code: int = 0, budget: str = "1h") -> str:
    """Run a tool; `budget` is the lateness that the simulator is allowed, of which a busy machine takes a lot."""
    environment = {**os.environ, "OAGW_LATE_P99": budget}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environment)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def json_documents(text: str) -> Iterator[list]:
    """The JSON arrays in the output: each worker writes one, too, which is empty."""
    decoder = json.JSONDecoder()
    for start in re.finditer(r"^\[", text, re.MULTILINE):
        yield decoder.raw_decode(text, start.start())[0]


@pytest.mark.skipif(find_spec("locust") is None, reason="locust is not installed")
def test_locust_with_two_workers(simulator):
    output = run(
        *(sys.executable, "-m", "locust", "-f", LOAD / "locustfile.py", "--headless", "--json"),
        *("--host", simulator.base_url, "--users", "10", "--spawn-rate", "10", "--run-time", "3s", "--processes", "2"),
    )

    (rows,) = (document for document in json_documents(output) if document)
    measured = {row["name"]: row for row in rows}
    assert set(measured) == {"headers", "time to first event", "inter-token latency", "whole stream"}
    assert not any(row["num_failures"] for row in rows)
    streams = measured["whole stream"]["num_requests"]
    assert streams >= 10
    assert measured["time to first event"]["num_requests"] >= streams
    assert measured["inter-token latency"]["num_requests"] >= 5 * streams  # five words and a chunk that ends them
    assert measured["time to first event"]["min_response_time"] >= 40
    assert measured["whole stream"]["min_response_time"] >= 40 + 5 * 20

    # No two requests draw the same times, whichever worker sent them.
    seeds = [request["knobs"]["seed"] for request in simulator.control.requests(alias="openai")]
    assert len(set(seeds)) == len(seeds) >= streams

    told = re.search(r"^simulator: (.*)$", output, re.MULTILINE)
    assert told
    timing = json.loads(told[1])
    assert timing["events"] >= streams  # it is asked while the last streams still run
    assert timing["earliest_ms"] >= 0


@pytest.mark.skipif(find_spec("locust") is None, reason="locust is not installed")
def test_locust_ends_a_run_as_void_in_which_the_simulator_was_late(simulator):
    output = run(
        *(sys.executable, "-m", "locust", "-f", LOAD / "locustfile.py", "--headless", "--only-summary"),
        *("--host", simulator.base_url, "--users", "2", "--spawn-rate", "10", "--run-time", "3s"),
        code=3,
        budget="1ns",
    )
    assert re.search(r"^verdict: void\n  late: p99 of the lateness of ", output, re.MULTILINE)


@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
def test_wrk(simulator):
    output = run("wrk", "-t1", "-c8", "-d1s", "-s", LOAD / "wrk.lua", simulator.base_url)

    counted = re.search(r"requests (\d+), not 2xx (\d+), socket errors (\d+)", output)
    assert counted
    requests, refused, broken = map(int, counted.groups())
    assert requests > 100
    assert (refused, broken) == (0, 0)
    aliases = {request["alias"] for request in simulator.control.requests()}
    assert aliases == {"weather", "github", "openai"}


@pytest.mark.skipif(shutil.which("k6") is None, reason="k6 is not installed")
def test_k6(simulator):
    output = run(
        *("k6", "run", "--no-usage-report", "--env", f"BASE_URL={simulator.base_url}", "--env", "LATE_P99=1h"),
        *("--vus", "4", "--duration", "2s", LOAD / "k6.js"),
    )

    assert "✓ the stream is complete" in output
    assert "✗" not in output
    seeds = [request["knobs"]["seed"] for request in simulator.control.requests(alias="openai")]
    assert len(set(seeds)) == len(seeds)
    assert len(simulator.control.requests(alias="openai", status=200)) >= 8


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
@pytest.mark.parametrize("name", ["k6.js", "k6-sse.js"])
def test_k6_files_are_well_formed(name, tmp_path):
    module = tmp_path / f"{name}.mjs"
    module.write_text((LOAD / name).read_text())
    run("node", "--check", module)


def test_every_file_is_in_the_docs():
    page = (LOAD.parent / "load-testing.md").read_text()
    for file in LOAD.iterdir():
        if file.is_file():
            assert f"](load/{file.name})" in page
