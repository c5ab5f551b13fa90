"""A report holds what the API says, needs nothing else, and lets nothing that a client chose become markup."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from oagw_tornado.commands.arguments import CommandError
from oagw_tornado.commands.report import run
from oagw_tornado.evidence.percentiles import percentile_points
from oagw_tornado.page.report import document
from oagw_tornado.testing import ControlError, Oagw, SimulatorThread
from oagw_tornado.testing.session import SessionServer

pytest_plugins = ["pytester"]

EVIL = "</script><script>document.title='owned'</script><!--<script><img src=x onerror=alert(1)>"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorThread]:
    """One that has had a run with faults, and somebody with bad intentions."""
    with SimulatorThread(inter_token_latency="2ms") as server:
        headers = {"Authorization": f"Bearer {server.token}"}
        with httpx.Client(base_url=server.openai_base_url, headers=headers) as client:
            for fault in ("none", "truncate;at-event=2", "status;code=503;retry-after=1s", "error-event;at-event=1"):
                question = {"stream": True, "messages": [{"role": "user", "content": f"one two three {fault}"}]}
                client.post("/chat/completions", json=question, headers={"X-Sim-Fault": fault})
            url = httpx.URL(server.base_url, path="/api/oagw/v1/proxy/openai/v1/" + EVIL)
            client.post(url, json={"model": EVIL}, headers={"X-Request-Id": EVIL.replace(" ", "-"), "User-Agent": EVIL})
            client.get(f"{server.base_url}/api/oagw/v1/proxy/weather/current?api_key=sk-1234567890abcdefgh")
        server.control.mark(EVIL)
        yield server


@pytest.fixture(scope="module")
def report(simulator: SimulatorThread, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    file, events, lines = folder / "report.html", folder / "events.csv", folder / "events.ndjson"
    arguments = [simulator.base_url, "-o", str(file), "--label", EVIL, "--csv", str(events), "--ndjson", str(lines)]
    assert run(arguments) == 0
    return file


def data_of(html: str) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def test_its_figures_are_those_of_the_api(simulator: SimulatorThread, report: Path) -> None:
    (told,) = data_of(report.read_text())["runs"]
    control = simulator.control
    assert told["label"] == EVIL
    assert told["timing"] == control.timing()
    assert told["config"] == control.call("GET", "/_sim/config")
    conduct = control.conduct(final=True)
    assert told["conduct"] == conduct
    assert "cut-taken-for-whole" in {finding["rule"] for finding in conduct["findings"]}
    verdict = control.call("GET", "/_sim/verdict")
    assert (told["verdict"]["events"], told["verdict"]["late_ms"]) == (verdict["events"], verdict["late_ms"])
    requests = {request.id: request for request in control.requests(events=True)}
    assert told["counts"]["requests"] == len(requests) == 6
    assert told["counts"]["faults"] == {"truncate": 1, "status": 1, "error-event": 1}
    assert sum(told["counts"]["outcomes"].values()) == 6
    slowest = [each["ended"] for each in told["slowest"]]
    assert slowest == sorted((request.ended or 0.0 for request in requests.values()), reverse=True)
    for each in told["slowest"]:
        assert each["actual"] == requests[each["id"]]["events"]["actual"] if each["actual"] else True
    late = told["percentiles"]["lateness"]
    assert late[-1][0] == 100.0
    assert min(value for share, value in late if share >= 50) == pytest.approx(
        told["timing"]["late_ms"]["p50"], abs=0.06
    )
    assert len(told["percentiles"]["first_event"]) <= 3


def test_events_are_written_as_csv_and_lines(simulator: SimulatorThread, report: Path) -> None:
    rows = list(csv.DictReader((report.parent / "events.csv").read_text().splitlines()))
    lines = [json.loads(line) for line in (report.parent / "events.ndjson").read_text().splitlines()]
    kept = sum(len(request["events"]["actual"]) for request in simulator.control.requests(events=True))
    assert len(rows) == len(lines) == kept > 5
    assert all(
        float(row["actual"]) >= float(row["planned"]) == line["planned"] for row, line in zip(rows, lines, strict=True)
    )


def test_nothing_of_a_client_becomes_markup(report: Path) -> None:
    html = report.read_text()
    assert html.count("<script") == html.count("</script>") == 2
    assert "onerror=alert(1)>" not in html
    assert "<img" not in html
    policy = re.search(r'content="(default-src[^"]*)"', html)
    assert policy is not None
    assert "unsafe" not in policy[1]
    assert "http" not in policy[1]
    assert not re.search(r"(?:src|href)=[\"']?(?:https?:)?//", html)
    assert "sk-1234567890abcdefgh" not in html
    assert "test-integration-token" not in html


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_it_opens_from_disk_without_network(report: Path, tmp_path: Path) -> None:
    """Drawn by a browser that can reach nothing: its figures are there as text."""
    command = [
        *(str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--dump-dom"),
        *(f"--user-data-dir={tmp_path}", "--proxy-server=127.0.0.1:9", "--virtual-time-budget=5000", report.as_uri()),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    drawn = done.stdout.partition("</noscript>")[0] if "<main>" not in done.stdout else done.stdout
    assert "<main>" in drawn, done.stderr[-2000:]
    assert "Was the fixture on time?" in drawn
    assert "cut-taken-for-whole" in drawn
    assert drawn.count("<svg") >= 2
    assert "<img" not in drawn
    assert "<title>oagw-tornado: report of a run</title>" in drawn


def test_what_the_command_cannot_do(
    tmp_path: Path, simulator: SimulatorThread, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(CommandError, match="cannot write"):
        run([simulator.base_url, "-o", str(tmp_path / "none" / "report.html")])
    with pytest.raises(CommandError, match="expected at most 500 characters"):
        run([simulator.base_url, "-o", str(tmp_path / "report.html"), "--label", "x" * 501])
    assert not (tmp_path / "report.html").exists()
    assert run([simulator.base_url, "--csv", str(tmp_path / "events.csv")]) == 0
    assert "events.csv" in capsys.readouterr().out
    assert not Path("report.html").exists()


def test_many_values_are_few_points() -> None:
    points = percentile_points([(float(value), 1) for value in range(100_000)], 50)
    assert len(points) <= 60
    assert points[-1] == [100.0, 99_999.0]
    assert points == sorted(points)
    assert percentile_points([]) == []


def test_several_runs_are_one_file() -> None:
    html = document("t", [{"label": EVIL}, {"label": "b"}]).decode()
    assert [one["label"] for one in data_of(html)["runs"]] == [EVIL, "b"]


def test_the_plugin_writes_one(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # others take long to load
    pytester.makepyfile(
        """
    def ask(client):
        question = {"messages": [{"role": "user", "content": "a"}]}
        return client.execute("openai", "POST", "/v1/chat/completions", json=question)

    def test_one(oagw, oagw_client):
        ask(oagw_client).json()

    def test_two(oagw, oagw_client):
        ask(oagw_client).json()
        ask(oagw_client).json()

    def test_without(): pass
"""
    )
    result = pytester.runpytest_subprocess(
        "-p", "no:cacheprovider", "-p", "oagw_tornado.testing.plugin", "--oagw-report=report.html"
    )
    result.assert_outcomes(passed=3)
    runs = data_of((pytester.path / "report.html").read_text())["runs"]
    assert [(run["label"].partition("::")[2], run["counts"]["requests"]) for run in runs] == [
        ("test_one", 1),
        ("test_two", 2),
    ]


def test_a_report_is_bounded(simulator: SimulatorThread, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLOWEST", "EVENTS", "RULES", "COUNTED"):
        monkeypatch.setattr(f"oagw_tornado.control.report_data.MOST_{name}", 1)
    for name in ("a", "b"):
        simulator.control.add_rule(name=name, match={"path": "/none"}, latency="1ms")
        simulator.control.mark(name)
    told = simulator.control.call("GET", "/_sim/report", query={"format": "json"})
    assert [len(each["actual"]) <= 1 for each in told["slowest"]] == [True]
    assert (len(told["rules"]), told["rules_in_all"], len(told["marks"])) == (1, 2, 1)
    assert len(told["percentiles"]["first_event"]) == 1
    simulator.control.call("DELETE", "/_sim/rules")


def test_the_longest_tests_are_kept(simulator: SimulatorThread, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oagw_tornado.testing.session.MOST_RUNS", 2)
    session = SessionServer("thread", [], 10.0)
    lengths = iter((3.0, 1.0, 2.0))
    monkeypatch.setattr(simulator.control.__class__, "call", lambda *_, **__: {"verdict": {"seconds": next(lengths)}})
    for _ in range(3):
        session.keep_for_report(Oagw(simulator))
    assert [run["verdict"]["seconds"] for run in session._runs] == [3.0, 2.0]


@pytest.mark.parametrize(
    ("query", "says"),
    [("format=pdf", "expected html or json"), ("late-p99=2", "2ms or 2s"), ("lable=x", "did you mean label")],
)
def test_what_no_report_can_be_made_of(simulator: SimulatorThread, query: str, says: str) -> None:
    with pytest.raises(ControlError, match=says):
        simulator.control.call("GET", f"/_sim/report?{query}")
