"""The server as a program: started as a real process, and what it says before it serves."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DEADLINE = 20.0


READY = re.compile(r"oagw-tornado \S+: listening on http://(\S+):(\d+)\n")


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
