"""Percentiles as HdrHistogram writes them."""

from __future__ import annotations

import io
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import httpx
import pytest
from hdrh.histogram import HdrHistogram

from oagw_tornado.commands.verdict import run
from oagw_tornado.evidence.hgrm import FIGURES, hgrm
from oagw_tornado.testing import ControlError, SimulatorThread


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorThread]:
    with SimulatorThread(inter_token_latency="2ms", output_tokens=9) as server:
        headers = {"Authorization": f"Bearer {server.token}"}
        question = {"stream": True, "messages": [{"role": "user", "content": "hi"}]}
        with httpx.Client(base_url=server.openai_base_url, headers=headers) as client:
            for _ in range(5):
                client.post("/chat/completions", json=question)
        yield server


@pytest.mark.parametrize("values", [[1], [0, 0, 7], [5, 50, 500, 5000, 5_000_000], "many"])
def test_its_lines_are_those_of_the_library(values: list[int] | str) -> None:
    if isinstance(values, str):
        random = Random(7)
        values = [int(random.lognormvariate(7, 1.5)) for _ in range(3000)]
    histogram = HdrHistogram(1, max(2, *values, 2), 3)
    for value in values:
        histogram.record_value(value)
    wanted = io.BytesIO()
    histogram.output_percentile_distribution(wanted, 1000.0)

    def lines(text: bytes) -> list[bytes]:
        return [line for line in text.splitlines() if not line.startswith((b"#[Mean", b"#[Max"))]

    assert lines(b"".join(hgrm(Counter(values)))) == lines(wanted.getvalue())


def test_without_a_value_there_is_a_head_and_a_foot() -> None:
    text = b"".join(hgrm({})).decode()
    assert "Percentile" in text
    assert "TotalCount     =        0.000" in text


def rows(text: str) -> list[list[float]]:
    return [[float(part) for part in line.split()] for line in text.splitlines() if line[:12].strip()[:1].isdigit()]


def test_the_server_writes_all_three(simulator: SimulatorThread, tmp_path: Path) -> None:
    assert run([simulator.base_url, "--late-p99", "10s", "--hgrm", str(tmp_path / "deep" / "er")]) in (0, 3)
    found = {figure: rows((tmp_path / "deep" / "er" / f"{figure}.hgrm").read_text()) for figure in FIGURES}
    timing, streams = simulator.control.timing(), simulator.control.requests(events=True)
    assert found["lateness"][-1][2] == timing["events"]
    assert found["lateness"][-1][0] == pytest.approx(timing["late_ms"]["max"], abs=0.06)
    assert found["first_event"][-1][2] == len(streams) == 5
    assert found["gaps"][-1][2] == sum(len(stream.actual) - 1 for stream in streams)
    assert found["gaps"][-1][0] >= 2.0


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("format=hdr", "expected json or hgrm"),
        ("format=hgrm&figure=late", "expected lateness, first_event, gaps"),
        ("figure=gaps", "with format=hgrm alone"),
    ],
)
def test_what_is_refused(simulator: SimulatorThread, query: str, says: str) -> None:
    with pytest.raises(ControlError, match=says):
        simulator.control.call("GET", f"/_sim/timing?{query}")


def test_without_the_library_it_says_what_to_install(
    simulator: SimulatorThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("hdrh", "hdrh.histogram"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr("oagw_tornado.control.timing_handlers.import_module", _missing)
    with pytest.raises(ControlError, match=r"oagw-tornado\[hdr\]"):
        simulator.control.call("GET", "/_sim/timing?format=hgrm")


def _missing(name: str) -> None:
    raise ModuleNotFoundError(name)
