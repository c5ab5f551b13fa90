"""What goes wrong with a real upstream, and what its client is told; what is refused at start."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from other_servers import AiohttpServer, reset, saying
from raw_http import request, talk
from test_proxying import REAL, described

from oagw_tornado.testing import SimulatorError, SimulatorThread

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"


def _silent(connection: socket.socket) -> None:
    connection.recv(1)


def _cut(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\ndata: 1\n\n")


def _reset(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n")
    time.sleep(0.1)
    reset(connection)


def _pause(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n")
    connection.recv(1)


@pytest.mark.parametrize(
    ("say", "status", "code"),
    [
        (reset, 502, "connection_reset"),
        (lambda connection: None, 502, "connection_reset"),
        (_silent, 504, "response_timeout"),
        (lambda connection: connection.sendall(b"SSH-2.0-OpenSSH\r\n"), 502, "bad_reply"),
        (lambda connection: connection.sendall(HEAD + b"X: " + b"x" * 200_000), 502, "bad_reply"),
        (_cut, 200, "cut"),
        (_reset, 200, "reset"),
        (_pause, 200, "timeout"),
    ],
    ids=["reset", "closed", "silent", "no-http", "endless-head", "cut", "reset-in-body", "silent-in-body"],
)
def test_each_failure_has_its_own_answer(
    tmp_path: Path, say: Callable[[socket.socket], None], status: int, code: str
) -> None:
    with saying(say) as port:
        terms = {"response-timeout": "500ms", "idle-timeout": "500ms"}
        file = described(tmp_path, real={"url": f"http://127.0.0.1:{port}", **terms})
        with SimulatorThread(config=file) as simulator:
            # Not repeated by the client, as a POST may not be.
            reply = talk(simulator.port, request(f"{REAL}/x", {"a": 1}), 10)
            assert reply.status == status
            entry = simulator.control.requests()[0]
    if status == 200:
        assert b"data: 1\n\n" in reply.body
        assert not reply.body.endswith(b"0\r\n\r\n")
        assert reply.end == ("reset" if code == "reset" else "closed")
        assert entry["outcome"] == code
    else:
        assert reply.header("X-OAGW-Error-Source") == "gateway"
        error = json.loads(reply.body)
        assert error["code"] == code
        assert error["error"].startswith("Upstream real ")
        assert error["hint"]
        assert entry["source"] == "gateway"


def test_an_upstream_that_cannot_be_reached_is_told_apart(tmp_path: Path, tls_state: Path) -> None:
    import ssl

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*_certificate(tls_state))
    with ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        waiting = [stack.enter_context(socket.socket()) for _ in range(8)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        secure = stack.enter_context(AiohttpServer(context))
        free = socket.create_server(("127.0.0.1", 0))
        refused = free.getsockname()[1]
        free.close()
        file = described(
            tmp_path,
            refused={"url": f"http://127.0.0.1:{refused}"},
            unknown={"url": "http://no-such-host.invalid"},
            untrusted={"url": f"https://127.0.0.1:{secure.port}/base"},
            trusted={"url": f"https://127.0.0.1:{secure.port}/base", "tls-ca": str(tls_state)},
            full={"url": f"http://127.0.0.1:{full.getsockname()[1]}", "connect-timeout": "300ms"},
        )
        with SimulatorThread(config=file) as simulator:
            found = {}
            for alias in ("refused", "unknown", "untrusted", "trusted", "full"):
                reply = talk(simulator.port, request(f"/api/oagw/v1/proxy/{alias}/status/200"), 20)
                found[alias] = (reply.status, json.loads(reply.body).get("code"))
    assert found == {
        "refused": (502, "connection_refused"),
        "unknown": (502, "name_not_resolved"),
        "untrusted": (502, "tls_failed"),
        "trusted": (200, None),
        "full": (504, "connect_timeout"),
    }


def _certificate(state: Path) -> tuple[str, str]:
    from oagw_tornado.wire.certificates import Authority

    issued = Authority(state.parent).issue(["localhost", "127.0.0.1", "::1"])
    return str(issued[0]), str(issued[1])


@pytest.mark.parametrize(
    ("upstreams", "options", "error"),
    [
        ({"real": {"url": "http://x", "authorization": "env:NO_SUCH_KEY"}}, {}, "the environment has no NO_SUCH_KEY"),
        ({"real": {"url": "https://x", "tls-ca": "/no/such/file"}}, {}, "real.tls-ca: cannot read '/no/such/file'"),
        ({"real": {"url": "http://x", "tls-ca": "/etc/passwd"}}, {}, "real.tls-ca: the url is none of https"),
        ({"real": {"url": "http://x", "service": "opneai"}}, {}, "real.service: no service 'opneai'"),
        ({"real": {"url": "http://x", "record": "/proc/none"}}, {}, "real.record: '/proc/none'"),
        ({"real": {"url": "http://x", "record": "/etc/passwd"}}, {}, "real.record: '/etc/passwd'"),
        ({"blank": {}}, {"record": "somewhere"}, "record: there is no real upstream"),
    ],
)
def test_what_cannot_work_is_refused_at_start(
    tmp_path: Path, upstreams: dict[str, Any], options: dict[str, Any], error: str
) -> None:
    from oagw_tornado.commands.check import run as check

    file = described(tmp_path, **upstreams)
    with pytest.raises(SimulatorError, match=error):
        SimulatorThread(config=file, **options).start()
    if not options and upstreams["real"].get("record") != "/proc/none":
        assert check([file]) == 2
