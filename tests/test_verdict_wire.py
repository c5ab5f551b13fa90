"""The verdict of a running server, against what is done to it from outside."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from oagw_tornado.client import OagwClient
from oagw_tornado.commands.arguments import CommandError
from oagw_tornado.commands.verdict import as_text
from oagw_tornado.testing import SimulatorProcess

# Whatever else this machine does: nothing here is as late as that.
GENEROUS = "1s"


@pytest.fixture(scope="module")
def server() -> Iterator[SimulatorProcess]:
    with SimulatorProcess() as running:
        yield running


@pytest.fixture
def fresh(server: SimulatorProcess) -> SimulatorProcess:
    server.control.reset()
    return server


def verdict(server: SimulatorProcess, **query: str) -> Any:
    return server.control.call(
        "GET", "/_sim/verdict", query={name.replace("_", "-"): text for name, text in query.items()}
    )


def until(condition: Callable[[], bool], within: float = 10.0) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def causes(said: Any) -> set[str]:
    return {reason.partition(":")[0] for reason in said["reasons"]}


def stream(server: SimulatorProcess, query: str) -> int:
    with OagwClient(server.base_url, server.token) as client:
        path = f"/v1/chat/completions?{query}"
        body = {"messages": [{"role": "user", "content": "hi"}], "stream": True}
        with client.execute("openai", "POST", path, json=body) as response:
            return sum(1 for _ in response.iter_events())


def test_a_run_within_its_budget_is_innocent_and_its_figures_are_the_timings(fresh: SimulatorProcess) -> None:
    stream(fresh, "sim-output-tokens=40&sim-itl=2ms")
    said = verdict(fresh, late_p99=GENEROUS)
    assert (said["verdict"], said["reasons"]) == ("innocent", [])
    timing = fresh.control.timing()
    assert said["events"] == timing["events"]
    assert said["late_ms"]["p99"] == pytest.approx(timing["late_ms"]["p99"], abs=0.001)
    assert said["late_ms"]["budget"] == 1000.0
    assert said["memory_bytes"] > 10_000_000


def test_a_budget_that_no_server_keeps_voids_it(fresh: SimulatorProcess) -> None:
    stream(fresh, "sim-output-tokens=40&sim-itl=2ms")
    said = verdict(fresh, late_p99="1us")
    assert said["verdict"] == "void"
    assert "late" in causes(said)


def test_a_process_that_was_stopped_says_so(fresh: SimulatorProcess) -> None:
    os.kill(fresh.pid, signal.SIGSTOP)
    time.sleep(0.5)  # the standstill itself
    os.kill(fresh.pid, signal.SIGCONT)
    until(lambda: verdict(fresh)["loop_lag_ms"]["max"] > 400)
    said = verdict(fresh, late_p99="100ms")
    assert said["verdict"] == "void"
    assert causes(said) >= {"standstill", "stopped"}
    fresh.control.reset()
    assert "stopped" not in causes(verdict(fresh))


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processors can not be chosen here")
def test_a_server_whose_processor_others_take_says_so(fresh: SimulatorProcess) -> None:
    before = os.sched_getaffinity(fresh.pid)
    one = {min(before)}
    burn = "import time\nend = time.monotonic() + 5\nwhile time.monotonic() < end: pass"
    burners = [subprocess.Popen([sys.executable, "-c", burn]) for _ in range(8)]
    try:
        for pid in (fresh.pid, *(burner.pid for burner in burners)):
            os.sched_setaffinity(pid, one)
        stream(fresh, "sim-output-tokens=400&sim-itl=2ms")
        said = verdict(fresh, late_p99="200us")
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()
        os.sched_setaffinity(fresh.pid, before)
    assert said["verdict"] == "void"
    assert "starved" in causes(said)
    assert said["starved_share"] > 0.05


def test_clients_that_do_not_read_void_nothing(fresh: SimulatorProcess) -> None:
    request = (
        "GET /api/oagw/v1/proxy/stream-test/events?count=2000&size=64KiB&sim-event-interval=1ms HTTP/1.1\r\n"
        f"Host: x\r\nAuthorization: Bearer {fresh.token}\r\n\r\n"
    )
    with socket.create_connection((fresh.host, fresh.port)) as client:
        client.sendall(request.encode())
        until(lambda: verdict(fresh)["blocked_by_client"] > 0)
        said = verdict(fresh, late_p99=GENEROUS)
    assert said["verdict"] == "innocent"


def test_a_window_leaves_out_what_was_before(fresh: SimulatorProcess) -> None:
    stream(fresh, "sim-output-tokens=20&sim-itl=1ms")
    assert verdict(fresh)["events"] > 0
    until(lambda: verdict(fresh, window="500ms")["events"] == 0)
    assert verdict(fresh)["events"] > 0


def test_the_history_adds_up(fresh: SimulatorProcess) -> None:
    stream(fresh, "sim-output-tokens=20&sim-itl=1ms")
    said = verdict(fresh, history="1")
    assert sum(row["events"] for row in said["history"]) == said["events"]


@pytest.mark.parametrize(
    ("query", "named"),
    [({"late_p99": "2"}, "late-p99"), ({"window": "soon"}, "window"), ({"late_p99": "0"}, "late-p99"),
     ({"history": "yes"}, "history"), ({"budget": "2ms"}, "budget")],
)  # fmt: skip
def test_a_question_that_is_wrong_is_told_what_was_expected(fresh: SimulatorProcess, query: Any, named: str) -> None:
    with pytest.raises(Exception, match=rf"{named}: .*\(status 400\)"):
        verdict(fresh, **query)


def program(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "oagw_tornado", "verdict", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_the_program_tells_the_verdict_by_its_exit_code(fresh: SimulatorProcess) -> None:
    stream(fresh, "sim-output-tokens=20&sim-itl=1ms")
    innocent = program(fresh.base_url, "--late-p99", GENEROUS)
    assert (innocent.returncode, innocent.stderr) == (0, "")
    assert innocent.stdout.startswith("innocent\n")
    void = program(fresh.base_url, "--late-p99", "1us")
    assert void.returncode == 3
    assert void.stdout.startswith("void\n  late: p99 of the lateness of ")


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ((), 2, "URL"),
        (("http://127.0.0.1:1", "--late-p99", "2"), 2, "--late-p99"),
        (("ftp://127.0.0.1",), 2, "is not the URL of a server"),
        (("http://127.0.0.1:1",), 1, "http://127.0.0.1:1: "),
        (("http://127.0.0.1:1", "--nonsense"), 2, "--nonsense"),
    ],
)
def test_what_the_program_cannot_do_is_one_line(arguments: tuple[str, ...], status: int, said: str) -> None:
    result = program(*arguments)
    assert result.returncode == status
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert said in result.stderr


def test_the_text_says_what_is_not_known_by_a_dash() -> None:
    nothing = {
        "verdict": "innocent", "reasons": [], "events": 0, "seconds": 1.0, "blocked_by_client": 0, "cpu_share": 0.0,
        "late_ms": {"p50": None, "p99": None, "max": None, "budget": 2.0}, "loop_lag_ms": {"p99": None, "max": None},
    }  # fmt: skip
    assert "p50 -, p99 -, max - ms" in as_text(nothing)


def test_a_reply_that_is_no_verdict_is_said_to_be_none(fresh: SimulatorProcess) -> None:
    from oagw_tornado.commands.remote import Remote

    with pytest.raises(CommandError, match="status 404"):
        Remote(fresh.base_url).get("/_sim/nothing")
