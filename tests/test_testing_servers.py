"""The simulator as tests start it: both kinds alike, what each owes alone, and what is left when it has gone."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pytest

from oagw_tornado import testing
from oagw_tornado.testing import SimulatorError, SimulatorProcess, SimulatorThread


@pytest.fixture(params=[SimulatorProcess, SimulatorThread])
def kind(request):
    return request.param


def get(url: str, token: str | None = None) -> tuple[int, dict]:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(condition, seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_it_serves_from_start_to_end(kind):
    with kind() as oagw:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", oagw.base_url)
        assert get(f"{oagw.base_url}/health")[0] == 200
        status, models = get(f"{oagw.openai_base_url}/models", oagw.token)
        assert (status, models["object"]) == (200, "list")
    assert not is_listening(oagw.port)


def test_it_serves_within_async_with(kind):
    async def use() -> int:
        async with kind() as oagw:
            assert (await asyncio.to_thread(get, f"{oagw.base_url}/health"))[0] == 200
            return oagw.port

    assert not is_listening(asyncio.run(use()))


def test_cancelled_while_it_starts_it_is_not_left_behind(kind):
    servers = []

    class Noted(kind):  # type: ignore[misc, valid-type]
        def start(self):
            servers.append(self)
            return super().start()

    async def use() -> None:
        async with Noted():
            pytest.fail("it was cancelled before")

    async def cancel() -> None:
        task = asyncio.create_task(use())
        await asyncio.to_thread(wait_until, lambda: servers)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(cancel())
    assert servers[0].port
    assert not is_listening(servers[0].port)


def test_options_are_those_of_the_command_line(kind):
    with kind(token=["first", "second"], host="127.0.0.1", log_level="error", access_log=False) as oagw:
        assert oagw.token == "first"
        for token, status in [("first", 200), ("second", 200), ("test-integration-token", 403)]:
            assert get(f"{oagw.openai_base_url}/models", token)[0] == status


def test_environment_of_the_tests_does_not_reach_it(kind, monkeypatch):
    monkeypatch.setenv("OAGW_SIM_TOKEN", "other")
    monkeypatch.setenv("OAGW_SIM_NONSENSE", "1")
    with kind() as oagw:
        assert get(f"{oagw.openai_base_url}/models", "test-integration-token")[0] == 200


def test_two_at_once_share_nothing(kind):
    with kind(token="a") as one, kind(token="b") as other:
        assert one.port != other.port
        assert get(f"{one.openai_base_url}/models", "b")[0] == 403
        assert get(f"{other.openai_base_url}/models", "b")[0] == 200


def test_start_and_stop_again(kind):
    server = kind()
    for _ in range(2):
        with server:
            assert get(f"{server.base_url}/health")[0] == 200
            assert server.control.timing()["events"] == 0
            with pytest.raises(RuntimeError, match="already running"):
                server.start()
        server.stop()
        assert not is_listening(server.port)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"time_to_first_token": "soon"}, r"time-to-first-token.*'soon'"),
        ({"no_such_option": "x"}, "--no-such-option"),
        ({"rules": [{"flault": "reset"}]}, "flault"),
    ],
)
def test_what_it_can_not_start_with_is_said(kind, options, message):
    with pytest.raises(SimulatorError, match=message):
        kind(**options).start()


# Tornado leaves the socket that it could not bind to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_taken_port_is_said(kind):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SimulatorError, match=r"taken|in use"):
            kind(port=port).start()
    gc.collect()


def test_rules_and_a_file_exclude_each_other(kind):
    with pytest.raises(ValueError, match="rules and config"):
        kind(rules=[{"latency": "1s"}], config="sim.yaml")


def test_nothing_is_left_of_many(kind):
    rounds = 100 if kind is SimulatorThread else 5
    with kind() as first:  # what a first one loads stays loaded
        get(f"{first.base_url}/health")
    gc.collect()
    threads, descriptors = set(threading.enumerate()), len(os.listdir("/dev/fd"))
    handlers = list(logging.getLogger().handlers)
    for _ in range(rounds):
        with kind() as oagw:
            assert get(f"{oagw.base_url}/health")[0] == 200
        # At once: later on somebody else may listen there.
        assert not is_listening(oagw.port)
    assert set(threading.enumerate()) == threads
    assert len(os.listdir("/dev/fd")) == descriptors
    assert logging.getLogger().handlers == handlers


def test_a_stream_under_way_does_not_hold_up_the_end(kind):
    server = kind(event_interval="1h").start()
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(
            b"GET /api/oagw/v1/proxy/stream-test/events HTTP/1.1\r\nHost: x\r\n"
            b"Authorization: Bearer test-integration-token\r\n\r\n"
        )
        assert client.recv(100).startswith(b"HTTP/1.1 200")
        started = time.monotonic()
        server.stop()
        assert time.monotonic() - started < 3


@pytest.mark.alone
def test_thread_is_ready_within_50_ms():
    times = []
    for _ in range(5):
        started = time.perf_counter()
        with SimulatorThread() as oagw:
            assert get(f"{oagw.base_url}/health")[0] == 200
            times.append(time.perf_counter() - started)
    assert min(times) < 0.050


def test_process_ends_with_its_parent_even_by_sigkill():
    code = (
        "from oagw_tornado.testing import SimulatorProcess\n"
        "import time\n"
        "server = SimulatorProcess().start()\n"
        "print(server.port, flush=True)\n"
        "time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        port = int(parent.stdout.readline())
        assert is_listening(port)
        parent.send_signal(signal.SIGKILL)
    assert wait_until(lambda: not is_listening(port))


def test_process_does_not_get_the_ctrl_c_of_the_terminal():
    with SimulatorProcess() as oagw:
        assert os.getpgid(oagw.pid) != os.getpgrp()


def test_process_outlives_the_thread_that_started_it():
    server = SimulatorProcess()
    thread = threading.Thread(target=server.start)
    thread.start()
    thread.join()
    assert server._process is not None
    assert server._process.stdin is not None
    with server._process.stdin:
        assert get(f"{server.base_url}/health")[0] == 200
    server.stop()


def test_process_that_dies_is_reported_with_its_stderr():
    server = SimulatorProcess().start()
    os.kill(server.pid, signal.SIGKILL)
    assert wait_until(lambda: not server.is_running)
    with pytest.raises(SimulatorError, match=r"exit code -9; its stderr:\noagw-tornado .*: listening on http"):
        server.__exit__(None, None, None)


def test_process_that_says_nothing_is_given_up_within_the_deadline(tmp_path, monkeypatch):
    Path(tmp_path, "sitecustomize.py").write_text(
        "import sys, time; print('still here', file=sys.stderr); time.sleep(60)"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    started = time.monotonic()
    with pytest.raises(SimulatorError, match=r"not ready within 1 s; its stderr:\nstill here"):
        SimulatorProcess(start_timeout=1.0).start()
    assert time.monotonic() - started < 5


def test_a_flood_on_stderr_does_not_block_it(tmp_path, monkeypatch):
    Path(tmp_path, "sitecustomize.py").write_text("import sys\nfor n in range(5000): print('x' * 99, file=sys.stderr)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with SimulatorProcess() as oagw:
        assert get(f"{oagw.base_url}/health")[0] == 200
    assert len(oagw.stderr.splitlines()) == 2000


def test_importing_the_package_loads_no_server():
    code = (
        "import sys\n"
        "import oagw_tornado.testing\n"
        "print([name for name in ('tornado', 'httpx', 'asyncio', 'http.client') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"
    assert testing.__all__ == [name for name in testing.__all__ if getattr(testing, name)]
