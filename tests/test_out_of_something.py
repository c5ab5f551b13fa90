"""The server out of something: disk, HOME, what it may write to, a steady clock, its turn, memory. It serves on."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from raw_http import CHAT, RawReply, chat, request, talk

from oagw_tornado.testing import Control
from oagw_tornado.testing.server import SimulatorServer

DEADLINE = 20.0
ADDRESS_SPACE = 400 * 2**20
EVENTS = "/api/oagw/v1/proxy/stream-test/events"
WEATHER = "/api/oagw/v1/proxy/weather/current"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class Server:
    """A server process that answers."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self.port = port
        self.control = Control("127.0.0.1", port)

    def is_healthy(self) -> bool:
        try:
            return talk(self.port, request("/health")).status == 200
        except (OSError, IndexError):
            return False

    def wait_until_healthy(self) -> None:
        deadline = time.monotonic() + DEADLINE
        while not self.is_healthy():
            assert self.process.poll() is None, f"the server ended with {self.process.returncode}"
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.02)


@contextmanager
def serving(
    *options: str, before: Sequence[str] = (), environment: dict[str, str] | None = None, **popen: Any
) -> Iterator[Server]:
    """A server with these options, started by the command `before` if there is one."""
    port = free_port()
    engine = [f"--{name.replace('_', '-')}={value}" for name, value in SimulatorServer.default_options.items()]
    command = [*before, sys.executable, "-m", "oagw_tornado", f"--port={port}", *engine, *options]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("OAGW_")}
    popen = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **popen}
    with subprocess.Popen(command, env=inherited if environment is None else environment, **popen) as process:
        server = Server(process, port)
        try:
            server.wait_until_healthy()
            yield server
            assert process.poll() is None
        finally:
            process.send_signal(signal.SIGCONT)
            process.kill()


def in_own_mounts(script: str) -> list[str]:
    """A command that runs what follows it where `script` has mounted file systems of its own, or a skip."""
    unshare = shutil.which("unshare")
    command = [unshare or "unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"]), "sh", "-c"]
    if unshare is None or subprocess.run([*command, script], capture_output=True).returncode:
        pytest.skip("this system lets tests mount no file systems of their own (unshare --mount)")
    return [*command, f'{script} && exec "$@"', "sh"]


def test_out_of_disk_for_the_log(tmp_path: Path) -> None:
    """The log fills its disk and goes on being dropped; nobody's request is."""
    folder = tmp_path / "small"
    folder.mkdir()
    before = in_own_mounts(f"mount -t tmpfs -o size=16k none {folder}")
    before[-2] = before[-2].replace('exec "$@"', f'exec "$@" 2>{folder}/log')
    with serving("--access-log", before=before) as server:
        for _ in range(400):
            assert talk(server.port, request(WEATHER)).status == 200
        log = Path(f"/proc/{server.process.pid}/root{folder}/log")
        assert 0 < log.stat().st_size <= 16384


def test_a_log_that_can_not_be_written_at_all() -> None:
    with open("/dev/full", "wb") as full, serving("--access-log", stderr=full) as server:
        for _ in range(20):
            assert talk(server.port, request(WEATHER)).status == 200


def test_no_home_and_nothing_else_in_the_environment() -> None:
    with serving(environment={"PYTHONPATH": str(Path(__file__).parent.parent)}) as server:
        assert talk(server.port, request(CHAT, chat())).body.endswith(b"0\r\n\r\n")
        assert talk(server.port, request("/metrics")).status == 200


def test_a_file_system_that_is_read_only() -> None:
    read_only = "mount -o remount,bind,ro / && (! mountpoint -q /tmp || mount -o remount,bind,ro /tmp)"
    with serving(before=in_own_mounts(read_only)) as server:
        assert talk(server.port, request(CHAT, chat())).body.endswith(b"0\r\n\r\n")
        assert talk(server.port, request("/metrics")).status == 200


@pytest.mark.parametrize("step", [86_400, -86_400])
def test_the_clock_is_stepped(step: int, tmp_path: Path) -> None:
    """The wall clock goes a day forward or back in the middle of a stream: no event is early, late or lost."""
    flag = tmp_path / "stepped"
    (tmp_path / "sitecustomize.py").write_text(
        f"import os, time\nreal = time.time\n"
        f"time.time = lambda: real() + ({step} if os.path.exists({str(flag)!r}) else 0)\n"
    )
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{Path(__file__).parent.parent}"}
    with serving("--event-interval=20ms", environment=environment) as server:
        server.control.configure(rate_limit="10/h")
        assert talk(server.port, request(WEATHER)).header("X-RateLimit-Remaining-Requests") == "9"
        with socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE) as connection:
            connection.sendall(request(f"{EVENTS}?count=20", headers={"X-Request-Id": "stepped"}))
            received = connection.recv(65536)
            flag.touch()
            while piece := connection.recv(65536):
                received += piece
        assert received.count(b"data: ") == 20
        found = server.control.request("stepped")
        assert (found.outcome, found.events_sent) == ("complete", 20)
        assert found.ended is not None
        assert 19 * 0.020 <= found.ended < 10
        assert all(0 <= actual - planned < 5 for planned, actual in zip(found.planned, found.actual, strict=True))
        later = talk(server.port, request(WEATHER))
        assert later.status == 200
        assert abs(server.control.requests(limit=1)[0]["time"] - (time.time() + step)) < 60
        assert later.header("X-RateLimit-Remaining-Requests") == "8", "limits count by a clock that is steady"


def test_stopped_and_continued() -> None:
    """Stopped for half a second, it sends what has become due at once, keeps the plan, and says how late it was."""
    with serving("--event-interval=20ms") as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE) as connection:
            connection.sendall(request(f"{EVENTS}?count=60", headers={"X-Request-Id": "stopped"}))
            connection.recv(10)
            server.process.send_signal(signal.SIGSTOP)
            waiting: list[RawReply] = []
            other = threading.Thread(target=lambda: waiting.append(talk(server.port, request(WEATHER), DEADLINE)))
            other.start()
            time.sleep(0.5)
            server.process.send_signal(signal.SIGCONT)
            while connection.recv(65536):
                pass
        other.join(DEADLINE)
        assert waiting[0].status == 200, "who came meanwhile is served"
        found = server.control.request("stopped")
        assert (found.outcome, found.events_sent) == ("complete", 60)
        late = [actual - planned for planned, actual in zip(found.planned, found.actual, strict=True)]
        assert min(late) >= 0
        assert max(late) > 0.3
        assert late[-1] < max(late), "it is on time again"
        assert server.control.timing()["late_ms"]["max"] > 300


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="RLIMIT_AS limits nothing elsewhere")
def test_out_of_memory() -> None:
    """Bodies that do not fit into what is left get an error or an end; everybody else is served, then and later."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))

    with serving(preexec_fn=limit) as server:
        body = b'{"model": "gpt-4", "messages": [{"role": "user", "content": "' + b"x" * (60 * 2**20) + b'"}]}'
        ended: list[int] = []

        def send() -> None:
            try:
                ended.append(talk(server.port, request(CHAT, body), DEADLINE).status)
            except (OSError, IndexError):
                ended.append(0)

        clients = [threading.Thread(target=send) for _ in range(4)]
        for client in clients:
            client.start()
        for client in clients:
            client.join(2 * DEADLINE)
        assert len(ended) == 4, "everybody has an end"
        assert set(ended) <= {0, 200, 400, 413, 500, 503}
        assert set(ended) != {200}, "there was enough for all: nothing was tried"
        server.wait_until_healthy()
        assert json.loads(talk(server.port, request(WEATHER)).body)["temperature"] == 72
