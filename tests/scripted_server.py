"""A server that says exactly these bytes at these moments: for what no well-behaved server can be made to say."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any


class Script:
    """The bytes of one reply: `bytes` are sent, a `threading.Event` is waited for, RESET resets the connection."""

    RESET = object()

    def __init__(self, steps: Any) -> None:
        self.steps = steps
        self.url = ""
        #: The heads and bodies that arrived, one for each connection.
        self.requests: list[bytes] = []
        #: Set when the client has closed its side.
        self.client_left = threading.Event()
        self._connection: socket.socket | None = None

    def serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                self._connection = connection
                connection.settimeout(20)
                try:
                    self.requests.append(_read_request(connection))
                    self._play(connection)
                except OSError:
                    self.client_left.set()

    def stop(self) -> None:
        """Hang up on a client that keeps its connection."""
        if self._connection is not None and self._connection.fileno() >= 0:
            with suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)

    def _play(self, connection: socket.socket) -> None:
        for step in self.steps:
            if isinstance(step, bytes):
                connection.sendall(step)
            elif isinstance(step, threading.Event):
                step.wait(20)
            else:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass
        self.client_left.set()


def _read_request(connection: socket.socket) -> bytes:
    request = b""
    while b"\r\n\r\n" not in request:
        request += connection.recv(4096)
    head, _, body = request.partition(b"\r\n\r\n")
    length = next(
        (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")),
        0,
    )
    while len(body) < length:
        body += connection.recv(4096)
    return head + b"\r\n\r\n" + body


@contextmanager
def scripted_server(*steps: Any) -> Iterator[Script]:
    """Serve these steps to each connection, one at a time."""
    script = Script(steps)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        script.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread = threading.Thread(target=script.serve, args=(listener,))
        thread.start()
        try:
            yield script
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            script.stop()
            thread.join(30)
