"""The server as a program, each time as a real process."""

from __future__ import annotations

import os
import pty
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from program import DEADLINE, Server, environment, free_port, run, serving, taken_port

from oagw_tornado import __version__
from oagw_tornado.process.first_minute import greeting

"""Seconds that anything here may take before the test fails; a busy machine needs a part of it at most."""


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


def test_watching_without_a_file_is_refused_by_name() -> None:
    result = run("--watch", "--port=0")
    assert result.returncode == 2
    assert (
        result.stderr == "oagw-tornado: --watch: there is no file to watch; expected --config or --replay beside it\n"
    )


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
