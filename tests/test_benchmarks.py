"""The benchmark programs work, and the load client notices what is wrong. How fast anything is, is not asked here."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

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
def test_the_scenarios_and_their_report(tmp_path):
    results = tmp_path / "load.json"
    run("-m", "benchmarks.measure", "--smoke", "--out", results, "streams-1000", "requests", "chats")
    run("-m", "benchmarks.measure", "--smoke", "--out", results, "--servers", "simulator,tornado", "slow-readers")
    measured = json.loads(results.read_text())

    assert set(measured) == {"streams-1000", "requests", "chats", "slow-readers"}
    assert {"simulator", "floor", "tornado"} <= set(measured["streams-1000"])
    for runs in measured["streams-1000"].values():
        assert [(result["complete"], result["events"]) for result in runs] == [(5, 40)]
    (slow,) = measured["slow-readers"]["simulator"]
    assert (slow["complete"], slow["slow_complete"], slow["slow_events"]) == (5, 2, 80)
    assert measured["requests"]["simulator"][0]["requests"] > 0

    latencies = tmp_path / "latency.json"
    info = {"median_ms": 300.0, "target_ms": "500", "yardstick_ms": 200.0, "ratio": 1.5, "yardstick": "python -c 0"}
    latencies.write_text(json.dumps({"benchmarks": [{"name": "test_start_up", "extra_info": info}]}))
    run("-m", "benchmarks.report", "--load", results, "--latencies", latencies, "--docs", tmp_path)
    page = (tmp_path / "performance.md").read_text()

    assert "| Start-up, spawn to first healthy reply | 1.50 × `import tornado.web` | ≤ 1.08 × " in page
    assert "nan" not in page
    # The results first, and no prose of a person's below "made by".
    assert page.startswith("<!-- Made by scripts/bench")
    assert (
        page.index("| CPU per event, × floor |")
        < page.index("## What it is built for")
        < page.index("## Small requests")
    )
    for line in ("| oagw-tornado |", "| stock Tornado |", "| start up | 300.00 | 500 | 200.00 | 1.50 |"):
        assert line in page
    assert sorted(path.name for path in tmp_path.glob("performance/*.png")) == (
        ["cost.png", "lateness.png"] if find_spec("matplotlib") else []
    )


def test_the_report_says_what_is_not_met():
    script = """if True:
        from benchmarks.bars import bars
        late = {"p50": 0.5, "p99": 2.6, "min": -0.001}
        nothing = {"us_per_steady_event": None}
        runs = {"simulator": [{"us_per_event": 18.0, "late_ms": late, **nothing}], "floor": [{"us_per_event": 10.0}]}
        for bar in bars({"streams-1000": runs}, {}): print(bar.figure, bar.is_met, sep=": ")
    """
    assert run("-c", script).splitlines() == [
        "1.80 × floor: True",
        "0.50 ms: True",
        "2.60 ms: False",
        "-0.00 ms late: False",
    ]


def test_a_figure_has_its_spread_and_what_is_none_a_dash():
    script = """if True:
        from benchmarks.figures import ratios, text, values
        runs = {
            "a": [{"x": 2.0, "y": None}, {"x": 4.0}, {"x": float("nan")}],
            "b": [{"x": 1.0}, {"x": 1.0}, {"x": 1.0}],
        }
        print(text(values(runs, "a", "x")), text(ratios(runs, "a", "b", "x")), text(values(runs, "a", "y")))
        print(text(values(runs, "a", "late", "p50")), text(values(runs, "c", "x")), text([0.001, 0.002]))
    """
    assert run("-c", script).splitlines() == ["3.00 (2.00–4.00) 3.00 (2.00–4.00) –", "– – 0.00"]


@pytest.mark.skipif(find_spec("pytest_benchmark") is None, reason="pytest-benchmark is not installed")
def test_the_benchmarks_run():
    """Each of them once, with its replies checked and nothing timed."""
    output = run("-m", "pytest", "benchmarks", "--benchmark-disable", "-q", "-p", "no:cacheprovider", "-p", "no:xdist")
    assert " passed" in output
    assert "failed" not in output


def test_replays_are_measured() -> None:
    command = [sys.executable, "-m", "benchmarks.replay", "--events", "20", "--replays", "2", "--median-ms", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    *figures, verdict = done.stdout.splitlines()
    told = [json.loads(line) for line in figures]
    assert [(each["speed"], each["replays"], each["events"]) for each in told] == [(1.0, 2, 42), (10.0, 2, 42)]
    assert all(each["early_ms"] == 0 and each["error_ms"]["earliest"] >= 0 for each in told)
    assert verdict.endswith("met: p99 within 1 ms, never early")
