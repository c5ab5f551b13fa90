"""A server that is out of descriptors serves those who are connected, says so once a second, and recovers."""

from __future__ import annotations

import asyncio
import re
import resource
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from wire import STREAM_TEXT, WEATHER, Client, chat, get, post, serving

from oagw_tornado.wire.acceptor import Acceptor

CHAT = "/api/oagw/v1/proxy/openai/v1/chat/completions"
LIMIT, CLIENTS = 256, 400
if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < CLIENTS + 200:
    pytest.skip("the test itself has too few descriptors", allow_module_level=True)


def processor_time(pid: int) -> float:
    """Seconds, of user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def port_of(log: Path) -> int:
    """The port that the ready line names."""
    deadline = time.monotonic() + 10
    while not (ready := re.search(r"listening on http://[^:]*:(\d+)\s", log.read_text())):
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.01)
    return int(ready[1])


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_out_of_descriptors(wire: str, tmp_path: Path) -> None:
    engine, loop = wire.split("-")
    log = tmp_path / "log"
    command = [sys.executable, "-m", "oagw_tornado", "--port", "0", "--http-server", engine, "--loop", loop]
    with log.open("wb") as stderr, ExitStack() as clients:
        server = subprocess.Popen(["sh", "-c", f'ulimit -n {LIMIT}; exec "$@"', "sh", *command], stderr=stderr)
        clients.callback(server.wait)
        clients.callback(server.kill)
        port = port_of(log)
        first = clients.enter_context(Client(port))
        assert first.send(get(WEATHER)).reply().status == 200
        others = [clients.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(CLIENTS)]
        before = processor_time(server.pid)
        begun = time.monotonic()
        # Served on, streams too, while no descriptor is left.
        while time.monotonic() - begun < 2.5:
            assert first.send(get(WEATHER)).reply().status == 200
            assert first.send(post(CHAT, chat(), "X-Sim-Itl: 20ms")).reply().text == STREAM_TEXT
        assert processor_time(server.pid) - before < 1.2
        told = log.read_text().splitlines()
        lines = [line for line in told if "no connections are accepted" in line]
        assert 1 <= len(lines) <= 5, told
        assert len(told) <= len(lines) + 2, told
        # Room again: who waited is served.
        for other in others[: CLIENTS // 2]:
            other.close()
        late = others[-1]
        late.settimeout(10)
        late.sendall(get(WEATHER))
        assert late.recv(65536).startswith(b"HTTP/1.1 200 ")
        with Client(port, patience=10) as client:
            assert client.send(get(WEATHER)).reply().status == 200


@pytest.mark.skipif(sys.platform != "linux", reason="where the socket module was looked into")
def test_what_the_acceptor_knows_of_sockets_holds() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as client:
        descriptor, peer = listener._accept()  # type: ignore[attr-defined]
        with socket.socket(fileno=descriptor) as accepted:
            assert peer == client.getsockname() == accepted.getpeername()
            assert (accepted.family, accepted.type) == (listener.family, listener.type)
            assert not accepted.get_inheritable()


def test_many_connections_at_once_are_all_taken(wire: str) -> None:
    """More than one turn takes, opened before the server sees the first, then one alone."""
    with serving(wire) as server, ExitStack() as open_clients:
        clients = [open_clients.enter_context(Client(server.port)) for _ in range(100)]
        for client in clients:
            client.send(get(WEATHER))
        assert [client.reply().status for client in clients] == [200] * 100
        with Client(server.port) as alone:
            assert alone.send(get(WEATHER)).reply().status == 200


def test_what_waits_is_taken_before_the_end() -> None:
    """Clients that were connected before a server ends, and not taken yet, are served."""

    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener, ExitStack() as held:
            taken: list[socket.socket] = []
            acceptor = Acceptor(listener, taken.append)
            acceptor.start(128)
            for _ in range(5):
                held.enter_context(socket.create_connection(listener.getsockname()))
            assert acceptor.take_rest() == 5
            acceptor.close()
            assert acceptor.take_rest() == 0
            for connection in taken:
                held.enter_context(connection)
            assert len(taken) == 5

    asyncio.run(main())
