"""How measurements are made one by one, and what docs/performance.md says of them. The runs themselves are made up."""

from __future__ import annotations

import json
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from test_benchmarks import run

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
        sums = {"streams": of.count, "complete": of.count, "client_busy": 0.25}
        sums |= {"peak_mb": 2 * cost, "kb_per_stream": cost, "own": own}
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
    assert [run["round"] for run in measured["steady"]["aiohttp"]] == [0]
    assert "terms" in measured


def test_a_measurement_goes_on_where_it_ended(made_up, tmp_path):
    measured = json.loads(made_up[0].read_text())
    del measured["steady"]["floor"][2:]  # where it was interrupted
    part = tmp_path / "part.json"
    part.write_text(json.dumps(measured))

    said = run("-c", MADE_UP, part, "--resume")

    assert {line.split()[0] for line in said.splitlines()[:-1]} == {"steady", "requests", "1"}
    assert set(json.loads(part.read_text())) == set(json.loads(made_up[0].read_text()))


def test_each_round_begins_with_another_server(made_up):
    """So that what the machine does at a time falls on both of a pair alike."""
    lines = [line.split() for line in made_up[1].splitlines() if line.startswith("steady ")]
    pairs = [name for _, name, *_ in lines if name in ("simulator", "floor")]
    assert pairs == ["simulator", "floor", "floor", "simulator"] * 2 + ["simulator", "floor"]


def test_the_report(made_up, tmp_path):
    latencies = tmp_path / "latency.json"
    info = {"median_ms": 300.0, "target_ms": "500", "yardstick_ms": 200.0, "ratio": 1.5, "yardstick": "python -c 0"}
    info["ratios"] = [1.25, 1.5, 1.75]
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
        "| stock Tornado | 3.00 | – | – | – | 0.60 | 3.00 | 60 |",
        "<sup>1</sup> Asked for the same streams as near as it gets. go-httpbin ",
        "Failed in `requests`: tornado: Wrong: every reply was wrong",
        "| … lognormal gaps | 1.00 × a fixed gap | ≤ 1.15 × a fixed gap | yes |",
        "| CPU per stream of 5 events, 2,000 opened/s | 2.00 × floor | ≤ 3 × floor | yes |",
        "| … the server's own p99 | 0.90 ms | ≤ 3 ms | yes |",
        "| start up | 300.00 | 500 | 200.00 | 1.50 (1.25–1.75) |",
        "| Start-up, spawn to first healthy reply | 1.50 (1.25–1.75) × `import tornado.web` | ≤ 1.08 × ",
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
