"""The server as a program, each time as a real process."""

from __future__ import annotations

import http.client
import json
import os
import pty
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from oagw_tornado import __version__
from oagw_tornado.process.first_minute import greeting
from oagw_tornado.process.stderr_log import StderrLog

DEADLINE = 20.0
"""Seconds that anything here may take before the test fails; a busy machine needs a part of it at most."""

READY = re.compile(r"oagw-tornado \S+: listening on http://(\S+):(\d+)\n")

DRAINING = "oagw-tornado: draining, again to stop now"

CHAT = "/api/oagw/v1/proxy/openai/v1/chat/completions"
HEADERS = {"Authorization": "Bearer test-integration-token", "Content-Type": "application/json"}


def environment(**variables: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("OAGW_")}
    return {**inherited, **variables}


def run(*arguments: str, cwd: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "oagw_tornado", *arguments],
        capture_output=True, text=True, timeout=DEADLINE, env=environment(**variables), cwd=cwd,
    )  # fmt: skip


class Server:
    """A server process that is ready."""

    def __init__(self, process: subprocess.Popen[str], streaming: list[http.client.HTTPConnection]) -> None:
        self.process = process
        self._streaming = streaming
        assert process.stderr is not None
        line = process.stderr.readline()
        match = READY.fullmatch(line)
        assert match, f"not a ready line: {line!r}"
        self.host, self.port = match[1], int(match[2])

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.host.strip("[]"), self.port, timeout=DEADLINE)

    def get(self, path: str) -> tuple[int, bytes]:
        connection = self.connect()
        try:
            connection.request("GET", path, headers=HEADERS)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def stream(self, words: int) -> http.client.HTTPResponse:
        body = json.dumps({"stream": True, "messages": [{"role": "user", "content": "x " * words}]})
        connection = self.connect()
        self._streaming.append(connection)
        connection.request("POST", CHAT, body, HEADERS)
        response = connection.getresponse()
        assert response.readline().startswith(b"data: "), "the first event has left"
        return response

    def wait_until_nothing_listens(self) -> None:
        """Until the server has seen a signal."""
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            try:
                socket.create_connection((self.host, self.port), timeout=1).close()
            except ConnectionRefusedError:
                return
            except (ConnectionResetError, TimeoutError):  # it was waiting to be accepted, or could not even wait
                continue
        raise AssertionError("the server still listens")

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Send the signal; gives the exit code and what else is on stderr."""
        self.process.send_signal(number)
        _, rest = self.process.communicate(timeout=DEADLINE)
        return self.process.returncode, rest


@contextmanager
def serving(*arguments: str, **variables: str) -> Iterator[Server]:
    with subprocess.Popen(
        [sys.executable, "-m", "oagw_tornado", *arguments],
        stderr=subprocess.PIPE, text=True, env=environment(**variables),
    ) as process:  # fmt: skip
        streaming: list[http.client.HTTPConnection] = []
        try:
            yield Server(process, streaming)
        finally:
            process.kill()
            for connection in streaming:
                connection.close()


@contextmanager
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def free_port() -> int:
    with taken_port() as port:
        return port


def test_version_says_which() -> None:
    result = run("--version")
    assert (result.returncode, result.stdout, result.stderr) == (0, f"oagw-tornado {__version__}\n", "")


@pytest.mark.parametrize("switch", ["--help", "-h"])
def test_help_goes_to_stdout(switch: str) -> None:
    result = run("--port", "1", switch)
    assert result.returncode == 0
    assert result.stderr == ""
    assert result.stdout.startswith("usage: oagw-tornado [PORT] [OPTION]")


@pytest.mark.parametrize(
    ("arguments", "variables", "line"),
    [
        (["--port", "abc"], {}, "oagw-tornado: --port: 'abc' is not a port number from 0 to 65535"),
        (["--prot=1"], {}, "oagw-tornado: --prot: no such option (did you mean --port?)"),
        ([], {"OAGW_SIM_LATENCY": "50"}, "oagw-tornado: OAGW_SIM_LATENCY: '50' is not a duration"),
        (["--config=none.yaml"], {}, "oagw-tornado: --config: cannot read 'none.yaml': No such file or directory"),
        (["--config=."], {}, "oagw-tornado: --config: cannot read '.': Is a directory"),
        (
            ["--port=0", "--host=203.0.113.7"],
            {},
            "oagw-tornado: --host: '203.0.113.7' is not an address of this machine",
        ),
        (
            ["--port=0", "--host=no.such.host.invalid"],
            {},
            "oagw-tornado: --host: 'no.such.host.invalid' is not an address",
        ),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    arguments: list[str], variables: dict[str, str], line: str, tmp_path: Path
) -> None:
    result = run(*arguments, cwd=tmp_path, **variables)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(line)
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "port: 0\nrules:\n- latency: 1s\n- match:\n    alias: opnai\n",
            "line 4: rule-2: match.alias: no upstream 'opnai'",
        ),
        ("rules:\n- {name: late, latnecy: 1s}\n", "line 2: late: latnecy: no such key"),
        ("rules: [{match: {path: " + "[" * 1000 + "]" * 1000 + "}}]\n", "nested too deeply"),
    ],
)
def test_a_mistake_in_a_file_of_rules_is_one_line_too(text: str, line: str, tmp_path: Path) -> None:
    (tmp_path / "sim.yaml").write_text(text)
    result = run("--config=sim.yaml", "--port=0", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("oagw-tornado: sim.yaml: ")
    assert line in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_loop_that_is_not_installed_is_refused_by_name(tmp_path: Path) -> None:
    # A finder before all others that finds no such module: as if it were not installed.
    (tmp_path / "sitecustomize.py").write_text(
        "import sys, importlib.machinery as m\n"
        "find = m.PathFinder.find_spec\n"
        "m.PathFinder.find_spec = lambda name, *rest: None if name == 'uvloop' else find(name, *rest)\n"
    )
    result = run("--loop=uvloop", "--port=0", PYTHONPATH=str(tmp_path))
    assert result.returncode == 2
    assert result.stderr == "oagw-tornado: --loop: 'uvloop' is not installed (pip install uvloop)\n"
    with serving("--port=0", PYTHONPATH=str(tmp_path)) as server:
        assert server.get("/health")[0] == 200, "auto does without it"


@pytest.mark.parametrize("name", ["auto", "fast", "httptools"])
def test_the_fast_engine_needs_no_package(name: str, tmp_path: Path) -> None:
    (tmp_path / "httptools.py").write_text("raise ImportError\n")
    with serving("--port=0", f"--http-server={name}", PYTHONPATH=str(tmp_path)) as server:
        # Unlike the stock engine it takes a trailer.
        body = b"1\r\nx\r\n0\r\nA: b\r\n\r\n"
        with socket.create_connection((server.host, server.port), timeout=DEADLINE) as client:
            client.sendall(b"POST /health HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
            assert client.recv(65536).startswith(b"HTTP/1.1 405 ")
            client.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            assert client.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_a_taken_port_is_one_line_and_exit_code_1() -> None:
    with taken_port() as port:
        result = run("--port", str(port))
    assert result.returncode == 1
    assert result.stderr == f"oagw-tornado: cannot listen on 127.0.0.1:{port}: the port is taken\n"


def test_the_ready_line_names_the_port_and_the_server_answers_there() -> None:
    with serving("--port=0") as server:
        assert server.port > 0
        assert server.get("/health")[0] == 200
        assert server.end() == (0, "")


def test_the_prototypes_form_is_a_port_alone() -> None:
    port = free_port()
    with serving(str(port)) as server:
        assert server.port == port
        assert server.get("/health")[0] == 200


def test_listens_on_ipv6() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    with serving("--port=0", "--host=::1") as server:
        assert server.host == "[::1]"
        assert server.get("/health")[0] == 200


def test_options_reach_the_server_by_each_way(tmp_path: Path) -> None:
    file = tmp_path / "sim.yaml"
    file.write_text("port: 0\ntoken: from-file\nadmin-token: a")
    with serving(OAGW_SIM_CONFIG=str(file), OAGW_SIM_TOKEN="other, test-integration-token") as server:
        assert server.get("/api/oagw/v1/proxy/weather/current")[0] == 200
        connection = server.connect()
        connection.request("GET", "/api/oagw/v1/proxy/weather/current", headers={"Authorization": "Bearer from-file"})
        assert connection.getresponse().status == 403
        connection.close()


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("engine", ["tornado", "fast"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_running_replies_finish(loop: str, engine: str, number: int) -> None:
    with serving("--port=0", f"--loop={loop}", f"--http-server={engine}", "--itl=50ms") as server:
        response = server.stream(words=10)
        server.process.send_signal(number)
        assert response.read().endswith(b"data: [DONE]\n\n"), "the whole stream arrives after the signal"
        assert server.process.wait(DEADLINE) == 0
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((server.host, server.port), timeout=1)


@pytest.mark.parametrize("engine", ["tornado", "fast"])
def test_an_idle_connection_does_not_hold_the_drain_up(engine: str) -> None:
    with serving("--port=0", f"--http-server={engine}", "--drain-timeout=60s") as server:
        connection = server.connect()
        connection.request("GET", "/health")
        connection.getresponse().read()
        assert server.end() == (0, "")
        connection.close()


@pytest.mark.parametrize("engine", ["tornado", "fast"])
def test_a_reply_that_its_client_still_reads_is_sent_to_its_end(engine: str) -> None:
    with serving("--port=0", f"--http-server={engine}", "--drain-timeout=30s", "--output-tokens=1000000") as server:
        connection = server.connect()
        body = json.dumps({"messages": [{"role": "user", "content": "words without end"}]})
        connection.request("POST", CHAT, body, HEADERS)
        response = connection.getresponse()  # the head is here, the body more than the buffers between us hold
        server.process.send_signal(signal.SIGTERM)
        server.wait_until_nothing_listens()  # and nothing is read until then
        assert len(json.loads(response.read())["choices"][0]["message"]["content"].split()) == 1_000_000
        connection.close()
        assert server.process.wait(DEADLINE) == 0


@pytest.mark.parametrize("engine", ["tornado", "fast"])
def test_a_reply_that_outlasts_the_drain_timeout_is_cut(engine: str) -> None:
    with serving("--port=0", f"--http-server={engine}", "--itl=30s", "--drain-timeout=200ms") as server:
        response = server.stream(words=10)
        begun = time.monotonic()
        code, rest = server.end()
        assert (code, rest) == (0, f"{DRAINING} (1 reply under way, at most 200ms)\n")
        assert 0.2 <= time.monotonic() - begun < 10
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            response.read()


@pytest.mark.parametrize(("first", "second"), [(signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGINT)])
def test_a_second_signal_ends_the_process_at_once(first: int, second: int) -> None:
    with serving("--port=0", "--itl=30s", "--drain-timeout=60s") as server:
        server.stream(words=10)
        server.process.send_signal(first)
        server.wait_until_nothing_listens()
        code, rest = server.end(second)
        assert (code, rest) == (128 + second, f"{DRAINING} (1 reply under way, at most 60s)\n")


def test_a_port_is_free_again_at_once() -> None:
    with serving("--port=0") as server:
        server.get("/health")
        port = server.port
        server.end()
    with serving(str(port)) as server:
        assert server.get("/health")[0] == 200


def test_no_access_log_unless_stderr_is_a_terminal_or_it_is_asked_for() -> None:
    with serving("--port=0") as server:
        server.get("/api/oagw/v1/proxy/nobody/x")
        assert server.end() == (0, "")


def test_the_access_log_has_one_line_for_each_request() -> None:
    with serving("--port=0", "--access-log") as server:
        server.get("/health")
        server.get("/api/oagw/v1/proxy/nobody/x?y=%0a")
        server.stream(words=1).read()
        code, rest = server.end()
    assert code == 0
    lines = rest.splitlines()
    assert [re.sub(r"\b\d+\.\d+ms\b", "N ms", line.partition("oagw_tornado.access: ")[2]) for line in lines] == [
        "127.0.0.1 GET /health 200 complete N ms",
        "127.0.0.1 GET /api/oagw/v1/proxy/nobody/x?y=%0a 404 complete N ms",
        f"127.0.0.1 POST {CHAT} 200 complete N ms",
    ]


def test_a_reader_of_stderr_that_never_reads_does_not_stop_the_server() -> None:
    """A pipe holds 64 KiB; here far more than that is logged, and the pipe is not read before the end."""
    with serving("--port=0", "--access-log") as server:
        connection = server.connect()
        target = "/api/oagw/v1/proxy/nobody/" + "x" * 1000
        for _ in range(300):
            connection.request("GET", target, headers=HEADERS)
            assert connection.getresponse().read()
        connection.close()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(DEADLINE) == 0


def test_the_log_drops_and_counts_what_a_full_queue_cannot_take() -> None:
    import logging

    reader, writer = os.pipe()
    log = StderrLog(writer, capacity=10)
    line = "x" * 100_000  # more than a pipe holds, so the writer waits in the first one
    for _ in range(50):
        log.emit(logging.LogRecord("n", logging.INFO, "", 0, line, None, None))
    with open(reader, encoding="ascii") as stream:
        kept = 1
        assert stream.readline() == line + "\n"
        log.emit(logging.LogRecord("n", logging.INFO, "", 0, "last", None, None))
        while (text := stream.readline()) == line + "\n":
            kept += 1
        assert 10 <= kept <= 12
        if text.startswith("("):
            assert text == f"({50 - kept} log lines dropped: stderr was not read)\n"
            text = stream.readline()
        assert text == "last\n"
        log.flush_and_close(DEADLINE)
    os.close(writer)


def test_a_closed_stderr_does_not_stop_the_server() -> None:
    port = free_port()
    with subprocess.Popen(
        ["/bin/sh", "-c", f'exec "{sys.executable}" -m oagw_tornado {port} --access-log 2>&-'], env=environment()
    ) as process:
        try:
            deadline = time.monotonic() + DEADLINE
            while True:
                try:
                    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
                    connection.request("GET", "/health")
                    break
                except ConnectionRefusedError:
                    assert process.poll() is None
                    assert time.monotonic() < deadline
            assert connection.getresponse().status == 200
            connection.close()
            process.terminate()
            assert process.wait(DEADLINE) == 0
        finally:
            process.kill()


def test_the_descriptor_limit_is_raised_as_far_as_it_goes() -> None:
    resource = pytest.importorskip("resource")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowered = f"ulimit -Sn 256 && exec {sys.executable} -m oagw_tornado --port 0"
    with subprocess.Popen(["/bin/sh", "-c", lowered], stderr=subprocess.PIPE, text=True, env=environment()) as process:
        try:
            Server(process, [])
            assert resource.prlimit(process.pid, resource.RLIMIT_NOFILE) == (most, most)
        finally:
            process.kill()


# The first minute, at a terminal.


def at_a_terminal(*arguments: str) -> str:
    """What a person reads from the start to the end by Ctrl-C, after the command that is offered has been run."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "oagw_tornado", "--port=0", "--no-access-log", *arguments],
        stdout=theirs, stderr=theirs, env=environment(),
    )  # fmt: skip
    os.close(theirs)
    said = ""
    try:
        while "Ctrl-C" not in said:
            said += os.read(ours, 4096).decode()
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE) == 0
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    return said.replace("\r\n", "\n")


def test_a_person_is_told_where_to_point_a_client() -> None:
    said = at_a_terminal("--host=0.0.0.0")
    ready, *lines = said.splitlines()
    match = re.search(r"listening on http://0\.0\.0\.0:(\d+)$", ready)
    assert match
    proxy = f"http://127.0.0.1:{match[1]}/api/oagw/v1/proxy"
    assert lines[:4] == [
        f"  upstreams  {proxy}/ALIAS/PATH",
        f"  OpenAI     {proxy}/openai/v1",
        "  token      test-integration-token",
        f"  page       http://127.0.0.1:{match[1]}/_sim/",
    ]
    assert lines[4].startswith(
        f"  try        curl -N {proxy}/openai/v1/chat/completions -H 'Authorization: Bearer test-"
    )


def test_a_page_that_is_elsewhere_or_nowhere() -> None:
    said = at_a_terminal("--control-listen=127.0.0.1:0")
    (control,) = re.findall(r"control on (http://\S+)", said)
    assert f"  page       {control}/_sim/\n" in said
    assert "page" not in at_a_terminal("--no-control")


def test_a_token_of_ones_own_is_not_shown() -> None:
    said = at_a_terminal("--token=secret")
    assert "  token      the one that you gave\n" in said
    assert "secret" not in said


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_command_that_is_offered_works() -> None:
    with serving("--port=0", "--itl=1ms") as server:
        text = greeting("http", server.host, server.port, ["test-integration-token"], ["test-integration-token"])
        (command,) = re.findall(r"try +(.*)", text)
        result = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=DEADLINE)
        assert result.stdout.endswith("data: [DONE]\n\n"), result.stderr
