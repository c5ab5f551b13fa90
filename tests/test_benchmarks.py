"""The benchmark programs work, and the load client notices what is wrong. How fast anything is, is not asked here."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from scripted_server import scripted_server

ROOT = Path(__file__).parent.parent
SIZES = ("streams", "complete", "wrong", "failed", "unfinished", "events")
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
DONE = b"data: [DONE]\n\n"
END = b"0\r\n\r\n"

needs_load_client = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("cc") is None, reason="the load client needs Linux and a C compiler"
)


def run(*arguments: str | Path) -> str:
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def until(happens: Callable[[], Any], seconds: float = 30.0) -> Any:
    """What `happens` gives as soon as that is true."""
    deadline = time.monotonic() + seconds
    while not (given := happens()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return given


@pytest.fixture(scope="module")
def load_client() -> str:
    """The path of the compiled client."""
    return run("-c", "from benchmarks import machine; print(machine.compiled('load_client.c'))").strip()


@pytest.fixture
def request_file(tmp_path: Path) -> Path:
    file = tmp_path / "request"
    file.write_bytes(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return file


def answers(*command: str | Path) -> list[dict]:
    output = subprocess.run(list(map(str, command)), capture_output=True, timeout=60, check=True).stdout
    return [json.loads(line) for line in output.splitlines()]


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def word(number: int) -> bytes:
    return b'data: {"content":"w%d "}\n\n' % number


def stream(*pieces: bytes) -> bytes:
    return b"".join((HEAD, *map(chunk, pieces), END))


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        pytest.param(stream(word(0), word(1), b"data: stop\n\n" + DONE), (1, 1, 0, 0, 0, 3), id="complete"),
        pytest.param(stream(word(0), word(1), b"data: stop\n\n", DONE), (1, 1, 0, 0, 0, 3), id="end mark on its own"),
        pytest.param(stream(word(0) + word(1) + b"data: stop\n\n"), (1, 1, 0, 0, 0, 3), id="in one write"),
        pytest.param(stream(word(0), b"data: stop\n\n" + DONE), (1, 0, 1, 0, 0, 2), id="an event is missing"),
        pytest.param(stream(word(1), word(0), b"data: stop\n\n"), (1, 0, 1, 0, 0, 3), id="out of order"),
        pytest.param(HEAD + chunk(word(0)), (1, 0, 0, 1, 0, 1), id="cut off"),
        pytest.param(
            stream(word(0), word(1), b"data: stop\n\n")[:-2] + b"Server-Timing: total;dur=1\r\n\r\n",
            (1, 1, 0, 0, 0, 3),
            id="trailers",
        ),
        pytest.param(
            stream(word(0), word(1), b"data: stop\n\n").replace(b"200 OK", b"503 No"), (1, 0, 1, 0, 0, 3), id="not 200"
        ),
    ],
)
@needs_load_client
def test_the_load_client_judges_a_stream(load_client, request_file, reply, expected):
    with scripted_server(reply) as server:
        port = server.url.rpartition(":")[2]
        *marks, result = answers(load_client, "streams", port, request_file, "1", "0", "0", "0", "3", "20", "0")

    assert tuple(result[size] for size in SIZES) == expected
    assert marks[0] == {"all_begun": 1}


@needs_load_client
def test_the_load_client_joins_what_comes_in_pieces(load_client, request_file):
    reply = stream(word(0), word(1), b"data: stop\n\n" + DONE)
    with scripted_server(*(reply[index : index + 1] for index in range(len(reply)))) as server:
        port = server.url.rpartition(":")[2]
        *marks, result = answers(load_client, "streams", port, request_file, "1", "0", "0", "0", "3", "20", "0")

    assert (result["complete"], result["events"]) == (1, 3)
    assert marks == [{"all_begun": 1}, {"first_over": 3}]


@needs_load_client
def test_an_event_before_its_time_shows(load_client, request_file):
    """The second event is due 10 s after the first and comes with it."""
    with scripted_server(stream(b"data: 1\n\n", b"data: 2\n\n")) as server:
        port = server.url.rpartition(":")[2]
        *marks, result = answers(load_client, "streams", port, request_file, "1", "0", "0", "10000", "2", "20")

    assert result["complete"] == len(marks) - 1 == 1
    assert result["late_ms"]["min"] < -5000 < 0 < result["late_ms"]["max"]


@needs_load_client
def test_the_scenarios(tmp_path):
    results = tmp_path / "load.json"
    smoke = ("-m", "benchmarks.measure", "--smoke", "--out", results, "--servers")
    run(*smoke, "simulator,floor,tornado", "streams-1000", "requests", "chats", "slow-readers")
    run(*smoke, "fixed,lognormal,stream-test,late-fault", "gaps")
    run(*smoke, "no-journal,rules-100", "terms")
    measured = json.loads(results.read_text())

    assert {name: set(runs) for name, runs in measured.items()} == {
        "streams-1000": {"simulator", "floor", "tornado"},
        "requests": {"simulator", "floor", "tornado"},
        "chats": {"simulator"},
        "slow-readers": {"simulator"},
        "gaps": {"fixed", "lognormal", "stream-test", "late-fault"},
        "terms": {"no-journal", "rules-100"},
    }
    for runs in (*measured["streams-1000"].values(), *measured["gaps"].values()):
        assert [(result["complete"], result["events"]) for result in runs] == [(5, 40)]
    (slow,) = measured["slow-readers"]["simulator"]
    assert (slow["complete"], slow["slow_complete"], slow["slow_events"]) == (5, 2, 80)
    assert measured["requests"]["simulator"][0]["requests"] > 0
    # The server's own view, too; and none of a client's where it cannot know when an event is due.
    (own,) = measured["streams-1000"]["simulator"]
    assert own["own"]["late_ms"]["p99"] > 0
    assert own["own"]["admission_wait_ms"]["p99"] >= 0
    assert "late_ms" not in measured["gaps"]["lognormal"][0]


@needs_load_client
@pytest.mark.parametrize("name", ["go-httpbin", "llm-d-inference-sim", "aimock", "mockserver", "granian"])
def test_a_product_does_the_same_work(name, tmp_path):
    if "not installed" in run("-m", "benchmarks.peers", "list", name):
        pytest.skip(f"{name} is not installed")
    results = tmp_path / "load.json"
    run("-m", "benchmarks.measure", "--smoke", "--out", results, "--servers", name, "streams-1000")

    (result,) = json.loads(results.read_text())["streams-1000"][name]
    assert (result["complete"], result["events"]) == (5, 40)


@needs_load_client
def test_a_measurement_that_is_ended_leaves_no_server(tmp_path):
    command = [sys.executable, "-m", "benchmarks.measure", "--out", str(tmp_path / "load.json"), "--servers", "floor"]
    with subprocess.Popen([*command, "steady"], cwd=ROOT, stdout=subprocess.DEVNULL) as measurement:
        children = Path(f"/proc/{measurement.pid}/task/{measurement.pid}/children")
        # The server and the load client.
        started = until(lambda: len(found := children.read_text().split()) == 2 and found)
        measurement.terminate()
        assert measurement.wait(timeout=30) == 128 + signal.SIGTERM

    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in started))


def test_all_of_it_takes_less_than_twenty_minutes():
    """With those of one client, and with servers that fall behind their plan."""
    *_, total = run("-m", "benchmarks.measure", "--plan").splitlines()
    assert 0 < int(total.split()[1]) <= 18 * 60


def test_what_cannot_be_installed_is_named():
    script = """if True:
        from pathlib import Path
        from benchmarks.peers.installation import Product
        here = Path("no-such-program")
        print(Product("a", "1", "no-such-tool", (), here).install())
        print(Product("b", "1", "sh", (("sh", "-c", "echo gone >&2; exit 3"),), here).install())
        print(Product("c", "1", "sh", (("true",),), here).install())
        print(Product("d", "1", "sh", (), here).lacks())
    """
    assert run("-c", script).splitlines() == [
        "needs no-such-tool",
        "sh -c echo gone >&2; exit 3: gone",
        "no-such-program is not there",
        "d is not installed (python -m benchmarks.peers install d)",
    ]


def test_what_a_server_has_started_counts_as_its_own():
    script = """if True:
        import os, subprocess, sys
        from benchmarks import machine
        busy = "sum(range(4_000_000)); print(flush=True); input()"
        child = subprocess.Popen([sys.executable, "-c", busy], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        child.stdout.readline()
        spent = machine.cpu_seconds(child.pid)
        print(machine.family(os.getpid()) == [os.getpid(), child.pid], spent > 0.01)
        print(machine.cpu_seconds(os.getpid()) > spent)
        print(machine.memory(os.getpid(), "VmRSS") > machine.memory(child.pid, "VmRSS"))
        child.communicate(b"")
    """
    assert run("-c", script).split() == ["True"] * 4


@pytest.mark.skipif(find_spec("pytest_benchmark") is None, reason="pytest-benchmark is not installed")
def test_the_benchmarks_run():
    """Each of them once, with its replies checked and nothing timed."""
    output = run("-m", "pytest", "benchmarks", "--benchmark-disable", "-q", "-p", "no:cacheprovider", "-p", "no:xdist")
    assert " passed" in output
    assert "failed" not in output


@needs_load_client
@pytest.mark.skipif(find_spec("aiohttp") is None, reason="aiohttp is not installed")
def test_the_delay_of_passing_is_measured_from_end_to_end() -> None:
    first, *rest = run("-m", "benchmarks.delay", "3", "20", "1", "1").splitlines()
    measured = json.loads(first)
    for way in ("direct", "passed"):
        assert [measured[way][size] for size in ("streams", "complete", "wrong", "failed")] == [3, 3, 0, 0]
        assert measured[way]["all"]["count"] == 60
        assert 0 < measured[way]["all"]["min"] <= measured[way]["all"]["p50"]
    assert [line.split()[0] for line in rest] == ["added", "p50", "p90", "p99", "p99.9", "max"]


def test_replays_are_measured() -> None:
    command = [sys.executable, "-m", "benchmarks.replay", "--events", "20", "--replays", "2", "--median-ms", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    *figures, verdict = done.stdout.splitlines()
    told = [json.loads(line) for line in figures]
    assert [(each["speed"], each["replays"], each["events"]) for each in told] == [(1.0, 2, 42), (10.0, 2, 42)]
    assert all(each["early_ms"] == 0 and each["error_ms"]["earliest"] >= 0 for each in told)
    assert verdict.endswith("met: p99 within 1 ms, never early")
