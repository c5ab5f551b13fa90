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


#: A run of each case of each scenario, made up: twice the floor's figures for ours.
MADE_UP = """if True:
    import json, sys
    from benchmarks import load, measure
    from benchmarks.servers import SIMULATOR, Wrong

    def made_up(server, of):
        cost = {"simulator": 20.0, "floor": 10.0}.get(server.name, 30.0)
        if server.name == "tornado" and isinstance(of, load.RequestLoad):
            raise Wrong("every reply was wrong")
        if isinstance(of, load.RequestLoad):
            late = {"p50": 1.0, "p99": 2.0}
            return {"us_per_request": cost, "requests_per_second": 1e6 / cost, "latency_ms": late}
        late = {"min": 0.1, "p50": cost / 50, "p99": cost / 10, "p99.9": cost, "max": 2 * cost}
        late["percentiles"] = [[10 ** (-step / 10), step] for step in range(40)]
        kept = {"late_ms": late} if of.is_paced else {}
        own = {"late_ms": {"p99": 0.9}, "admission_wait_ms": {"p99": 0.4}} if server.timing else {}
        sums = {"streams": of.count, "complete": of.count, "peak_mb": 2 * cost, "kb_per_stream": cost, "own": own}
        steady = None if of.streams.events == 60 else cost
        costs = {"us_per_event": cost, "us_per_steady_event": steady, "us_per_stream": 5 * cost}
        return {**sums, **costs, **kept}

    for case in measure.SCENARIOS["streams-1000"].cases:
        object.__setattr__(case.server, "lacks", lambda: "")
        if case.name == "aimock":
            object.__setattr__(case.server, "lacks", lambda: "not installed")
    measure.measure = made_up
    print(measure.main(["--out", sys.argv[1], *sys.argv[2:]]))
"""


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The results of all scenarios, and what was said of them."""
    if sys.platform != "linux" or shutil.which("cc") is None:
        pytest.skip("the load client needs Linux and a C compiler")
    results = tmp_path_factory.mktemp("made-up") / "load.json"
    return results, run("-c", MADE_UP, results)


def test_a_run_that_fails_is_told_and_loses_no_other(made_up):
    results, said = made_up
    measured = json.loads(results.read_text())

    assert said.endswith("1 run failed\n1\n")
    assert measured["requests"]["tornado"] == [{"error": "Wrong: every reply was wrong", "round": 0}]
    assert "requests       tornado      FAILED: Wrong: every reply was wrong" in said
    assert "requests       aimock" not in said  # it has no small reply
    assert "steady         aimock       skipped: not installed" in said
    assert len(measured["requests"]["simulator"]) == len(measured["requests"]["aiohttp"]) == 5
    assert [run["round"] for run in measured["steady"]["floor"]] == [0, 1, 2, 3, 4]
    assert [run["round"] for run in measured["steady"]["uvicorn"]] == [0]
    assert "terms" in measured


def test_a_measurement_goes_on_where_it_ended(made_up, tmp_path):
    measured = json.loads(made_up[0].read_text())
    del measured["steady"]
    part = tmp_path / "part.json"
    part.write_text(json.dumps(measured))

    said = run("-c", MADE_UP, part, "--resume")

    assert {line.split()[0] for line in said.splitlines()[:-1]} == {"steady"}
    assert set(json.loads(part.read_text())) == set(json.loads(made_up[0].read_text()))


def test_each_round_begins_with_another_server(made_up):
    """So that what the machine does at a time falls on both of a pair alike."""
    lines = [line.split() for line in made_up[1].splitlines() if line.startswith("steady ")]
    pairs = [name for _, name, *_ in lines if name in ("simulator", "floor")]
    assert pairs == ["simulator", "floor", "floor", "simulator"] * 2 + ["simulator", "floor"]


def test_all_of_it_takes_less_than_twenty_minutes():
    *_, total = run("-m", "benchmarks.measure", "--plan").splitlines()
    assert 0 < int(total.split()[1]) <= 19 * 60


def test_the_report(made_up, tmp_path):
    latencies = tmp_path / "latency.json"
    info = {"median_ms": 300.0, "target_ms": "500", "yardstick_ms": 200.0, "ratio": 1.5, "yardstick": "python -c 0"}
    latencies.write_text(json.dumps({"benchmarks": [{"name": "test_start_up", "extra_info": info}]}))
    said = run("-m", "benchmarks.report", "--load", made_up[0], "--latencies", latencies, "--docs", tmp_path)
    page = (tmp_path / "performance.md").read_text()

    assert "nan" not in page
    assert "NOT    CPU per event, 1,000 streams × 20/s: 2.00 × floor (≤ 1.8 × floor)" in said
    # The results first: one table of all servers, the pictures, the bars; and no prose of a person's below "made by".
    assert page.startswith("<!-- Made by scripts/bench")
    order = ["| CPU per event, × floor |", "## What it is built for", "## 1,000 streams", "## Small requests"]
    assert [page.index(each) for each in order] == sorted(page.index(each) for each in order)
    for line in (
        "| oagw-tornado | 2.00 | 2.00 | 2.00 | 0.67 | 0.40 | 2.00 | 40 |",
        "| stock Tornado | 3.00 | 3.00 | – | – | 0.60 | 3.00 | 60 |",
        "<sup>1</sup> Asked for the same streams as near as it gets. go-httpbin ",
        "Failed in `requests`: tornado: Wrong: every reply was wrong",
        "| … lognormal gaps | 1.00 × a fixed gap | ≤ 1.15 × a fixed gap | yes |",
        "| CPU per stream of 5 events, 2,000 opened/s | 2.00 × floor | ≤ 3 × floor | yes |",
        "| … the server's own p99 | 0.90 ms | ≤ 3 ms | yes |",
        "| start up | 300.00 | 500 | 200.00 | 1.50 |",
        "| Start-up, spawn to first healthy reply | 1.50 × `import tornado.web` | ≤ 1.08 × `import tornado.web` | **no** |",
    ):
        assert line in page
    pictures = sorted(path.name for path in tmp_path.glob("performance/*.png"))
    assert pictures == (
        ["lateness.png", "rates.png", "resolutions.png", "streams.png", "terms.png"] if find_spec("matplotlib") else []
    )
    assert all(f"](performance/{picture})" in page for picture in pictures)


def test_the_report_says_what_is_not_met():
    script = """if True:
        from benchmarks.bars import bars
        late = {"p50": 0.5, "p99": 2.6, "min": -0.001}
        runs = {"simulator": [{"us_per_event": 18.0, "late_ms": late}], "floor": [{"us_per_event": 10.0}]}
        gone = {"simulator": [{"error": "no more descriptors"}]}
        for bar in bars({"streams-1000": runs, "streams-20000": gone}, {}):
            print(bar.figure, bar.is_met, sep=": ")
    """
    assert run("-c", script).splitlines() == [
        "1.80 × floor: True",
        "0.50 ms: True",
        "2.60 ms: False",
        "-0.00 ms late: False",
        "0 of 1 runs: False",
        "–: False",
        "–: False",
    ]


def test_ratios_are_of_the_same_round():
    script = """if True:
        from benchmarks.figures import errors, ratios
        ours, ruler = [{"round": 0, "error": "gone"}, {"round": 1, "x": 6.0}], [{"x": 1.0}, {"x": 2.0}]
        runs = {"a": ours, "b": ruler}
        print(ratios(runs, "a", "b", "x"), errors(runs))
    """
    assert run("-c", script) == "[3.0] [('a', 'gone')]\n"


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
