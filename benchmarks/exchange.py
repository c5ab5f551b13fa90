"""One request at a time on one kept connection, by the clock of whoever asks."""

from __future__ import annotations

import socket
from time import perf_counter
from types import TracebackType
from typing import Self

from benchmarks.servers import HOST, Wrong


class Exchange:
    """A kept connection: `whole` and `first_event` send a request and wait for its reply, or for its first event."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection((HOST, port), timeout=10)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def whole(self, request: bytes) -> bytes:
        """The reply to `request`: its body, in chunks or by its length."""
        head, body = self._head(request)
        if b"chunked" in head:
            while not body.endswith(b"\r\n0\r\n\r\n"):
                body += self._receive()
            return body
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        while len(body) < length:
            body += self._receive()
        return body

    def first_event(self, request: bytes) -> bytes:
        """All that has come when the first event of the stream is there; `rest` reads on."""
        _, body = self._head(request)
        while b"\n\n" not in body:
            body += self._receive()
        return body

    def rest(self, body: bytes) -> bytes:
        while not body.endswith(b"0\r\n\r\n"):
            body += self._receive()
        return body

    def seconds(self, request: bytes) -> float:
        """How long the whole reply takes."""
        start = perf_counter()
        self.whole(request)
        return perf_counter() - start

    def _head(self, request: bytes) -> tuple[bytes, bytes]:
        self._socket.sendall(request)
        data = self._receive()
        while b"\r\n\r\n" not in data:
            data += self._receive()
        head, _, body = data.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            raise Wrong(head.decode(errors="replace"))
        return head, body

    def _receive(self) -> bytes:
        if data := self._socket.recv(65536):
            return data
        raise Wrong("the server closed the connection")
