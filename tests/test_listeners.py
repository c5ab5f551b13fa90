"""Where a server listens: addresses as values, sockets of each kind, control of its own."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raw_http import RawReply, read_reply, request, talk
from wire import serving

from oagw_tornado.config.listeners import Listener, TlsFault, parse_listener, parse_tls_fault
from oagw_tornado.testing import ControlError, SimulatorProcess, SimulatorThread

WEATHER = "/api/oagw/v1/proxy/weather/current"


@pytest.mark.parametrize(
    ("text", "listener", "shown"),
    [
        ("http://127.0.0.1:8765", Listener("127.0.0.1", 8765), "http://127.0.0.1:8765"),
        ("https://[::1]:8443", Listener("::1", 8443, is_secure=True), "https://[::1]:8443"),
        ("HTTP://LocalHost:0/", Listener("localhost", 0), "http://localhost:0"),
        ("localhost:9000", Listener("localhost", 9000), "http://localhost:9000"),
        ("[::1]:9000", Listener("::1", 9000), "http://[::1]:9000"),
        (":9000", Listener("127.0.0.1", 9000), "http://127.0.0.1:9000"),
        ("9000", Listener("127.0.0.1", 9000), "http://127.0.0.1:9000"),
        ("unix:/run/oagw.sock", Listener(path="/run/oagw.sock"), "unix:/run/oagw.sock"),
        (
            "unix:///run/oagw.sock?mode=660",
            Listener(path="/run/oagw.sock", mode=0o660),
            "unix:/run/oagw.sock?mode=0660",
        ),
        ("unix:oagw.sock", Listener(path="oagw.sock"), "unix:oagw.sock"),
        ("fd://3", Listener(descriptor=3), "fd://3"),
        ("fd://3?tls", Listener(descriptor=3, is_secure=True), "fd://3?tls"),
        (
            "https://localhost:1?tls-fault=slow-handshake=2s&proxy-protocol",
            Listener("localhost", 1, is_secure=True, proxy_protocol=True, tls_fault=TlsFault("slow-handshake", 2.0)),
            "https://localhost:1?proxy-protocol&tls-fault=slow-handshake=2s",
        ),
    ],
)
def test_addresses(text: str, listener: Listener, shown: str) -> None:
    assert parse_listener(text) == listener
    assert str(listener) == shown
    assert parse_listener(shown) == listener


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ftp://localhost:1",
        "http://localhost",
        "http://:80",
        "http://localhost:99999",
        "http://localhost:x",
        "http://a b:1",
        "http://u@localhost:1",
        "http://localhost:1/path",
        "http://localhost:1?tls-fault=expired",
        "https://localhost:1?tls-fault=broken",
        "https://localhost:1?tls-fault=slow-handshake",
        "https://localhost:1?tls-fault=slow-handshake=soon",
        "http://localhost:1?mode=600",
        "http://localhost:1?what",
        "unix:",
        "unix:/x?mode=999",
        "unix:/" + "x" * 101,
        "fd://x",
        "fd://-1",
        "http://[::1:80",
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError):
        parse_listener(text)


@given(st.text())
def test_any_text_is_an_address_or_is_refused(text: str) -> None:
    for parse in (parse_listener, parse_tls_fault):
        try:
            value = parse(text)
        except ValueError:
            continue
        assert parse(str(value)) == value


# Sockets.


def over_unix(path: Path, data: bytes) -> RawReply:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(str(path))
        connection.sendall(data)
        return read_reply(connection)


def test_several_addresses_at_once(wire: str, tmp_path: Path) -> None:
    path = tmp_path / "public.sock"
    with serving(wire, listen=["http://127.0.0.1:0", f"unix:{path}?mode=0660"]) as server:
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        other = int(server.inside(lambda simulator: simulator.listeners.urls[1]).rpartition(":")[2])
        assert other != server.port
        for port in (server.port, other):
            assert talk(port, request(WEATHER)).status == 200
        assert over_unix(path, request(WEATHER)).status == 200
        assert over_unix(path, request("/_sim/timing")).status == 200
        clients = [each["client"] for each in server.control.requests()]
        assert clients == ["unix:", "127.0.0.1", "127.0.0.1"]
    assert not path.exists()


def test_a_stale_socket_is_replaced_and_a_live_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(str(path))
    with SimulatorProcess(listen=f"unix:{path}") as first:
        ran = subprocess.run(
            [sys.executable, "-m", "oagw_tornado", "--port=0", f"--listen=unix:{path}"],
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )
        assert (ran.returncode, ran.stderr.count("\n")) == (1, 1)
        assert f"cannot listen on unix:{path}: another server listens there" in ran.stderr
        assert over_unix(path, request("/health")).status == 200
        assert first.is_running
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(Exception, match="the file is not a socket"):
        SimulatorThread(listen=f"unix:{file}").start()
    assert file.read_text() == "mine"


def test_a_socket_of_a_supervisor() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        child = subprocess.Popen(
            [sys.executable, "-m", "oagw_tornado", f"--listen=fd://{listening.fileno()}"],
            pass_fds=[listening.fileno()],
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert child.stderr is not None
            assert f"listening on fd://{listening.fileno()}" in child.stderr.readline()
            assert talk(port, request("/health")).status == 200
        finally:
            child.terminate()
            child.communicate(timeout=10)
    assert child.returncode == 0


def test_a_descriptor_that_is_no_listening_socket_is_refused() -> None:
    for number, reason in ((987, "not an open socket"), (0, "not an open socket")):
        ran = subprocess.run(
            [sys.executable, "-m", "oagw_tornado", f"--listen=fd://{number}"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )
        assert (ran.returncode, ran.stderr.count("\n")) == (1, 1)
        assert reason in ran.stderr


def test_an_address_that_is_taken_is_named() -> None:
    with SimulatorThread() as server:
        ran = subprocess.run(
            [sys.executable, "-m", "oagw_tornado", "--listen=http://127.0.0.1:0", f"--listen=127.0.0.1:{server.port}"],
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )
    assert (ran.returncode, ran.stderr) == (
        1,
        f"oagw-tornado: cannot listen on 127.0.0.1:{server.port}: the port is taken\n",
    )


# Control on addresses of its own.


def test_control_has_an_address_of_its_own(wire: str, tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with serving(wire, control_listen=[f"unix:{path}", "http://127.0.0.1:0"]) as server:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        for target in ("/_sim/timing", "/metrics", "/_sim"):
            assert talk(server.port, request(target)).status == 404
        assert over_unix(path, request("/_sim/timing")).status == 200
        other = int(server.inside(lambda simulator: simulator.control_listeners.urls[1]).rpartition(":")[2])
        assert talk(other, request("/metrics")).status == 200
        assert talk(other, request("/readyz")).status == 200
        assert talk(other, request(WEATHER)).status == 404
        assert talk(other, request("/_sim/timing", headers={"Origin": "http://evil.example"})).status == 403
        server.control.configure(latency="1ms")
        with pytest.raises(ControlError):
            server.control.call("GET", "/nothing")


def test_control_is_there_while_the_server_drains() -> None:
    with SimulatorProcess(control_listen="http://127.0.0.1:0", drain_timeout="30s") as server:
        control = server.control
        with socket.create_connection(("127.0.0.1", server.port)) as stream:
            stream.sendall(request("/api/oagw/v1/proxy/stream-test/events", headers={"X-Sim-Gate": "door"}))
            assert stream.recv(100).startswith(b"HTTP/1.1 200")
            os.kill(server.pid, 15)
            while control.call("GET", "/_sim/health")["draining"] is False:
                pass
            with pytest.raises(ControlError) as refused:
                control.call("GET", "/readyz")
            assert refused.value.status == 503
            assert control.call("GET", "/healthz")["status"] == "healthy"
            control.release("door")
            while piece := stream.recv(65536):
                received = piece
            assert received.endswith(b"0\r\n\r\n")
        assert server._process is not None
        assert server._process.wait(10) == 0
        server.stop()
