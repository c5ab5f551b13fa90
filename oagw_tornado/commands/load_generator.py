"""The load of a calibration, in a process of its own: ``python -m … HOST PORT TOKEN``.

It takes commands on its standard input, ``streams N INTERVAL`` and ``requests RATE``, and answers each with a line of
JSON: what it has now. It ends when its input does. Streams are read four times a second: that costs little,
and the kernel buffers them meanwhile, so the lateness of this process does not affect the server's.
"""

from __future__ import annotations

import json
import os
import select
import socket
import sys
import time

#: Seconds between two looks at the sockets, and between two turns of what sends.
READ_EVERY = 0.25
TURN = 0.002
#: Streams that are opened in a second.
OPENINGS = 400
#: Connections for requests.
CONNECTIONS = 64

_STREAM = (
    "GET /api/oagw/v1/proxy/stream-test/events?count=inf&interval={interval} HTTP/1.1\r\n"
    "Host: {host}\r\nAuthorization: Bearer {token}\r\n\r\n"
)
_REQUEST = (
    "GET /api/oagw/v1/proxy/weather/current?city=Oslo HTTP/1.1\r\n"
    "Host: {host}\r\nAuthorization: Bearer {token}\r\nX-Sim-Latency: 0ms\r\n\r\n"
)


class Generator:
    """All connections to one server."""

    def __init__(self, host: str, port: int, token: str) -> None:
        self._address = (host, port)
        self._token = token
        self._streams: list[socket.socket] = []
        self._connections: list[socket.socket] = []
        self._wanted = 0
        self._interval = "50ms"
        self._rate = 0.0
        self._began = 0.0
        self._sent = 0
        self._answered = 0
        self._lost = 0

    def obey(self, line: str) -> dict[str, float]:
        """Execute a command; returns the current state."""
        word, *arguments = line.split()
        if word == "streams":
            self._wanted, self._interval = int(arguments[0]), arguments[1]
            self._close(self._streams[self._wanted :])
            del self._streams[self._wanted :]
        elif word == "requests":
            self._rate, self._began, self._sent = float(arguments[0]), time.monotonic(), 0
            while self._rate and len(self._connections) < CONNECTIONS:
                self._connections.append(self._connect())
        self._read()
        return {"streams": len(self._streams), "answered": self._answered, "sent": self._sent, "lost": self._lost}

    def turn(self) -> None:
        """Open what is wanted, and send what is due."""
        missing = min(self._wanted - len(self._streams), max(1, int(OPENINGS * TURN)))
        for _ in range(missing):
            stream = self._connect()
            stream.send(_STREAM.format(host=self._address[0], token=self._token, interval=self._interval).encode())
            self._streams.append(stream)
        if self._rate:
            request = _REQUEST.format(host=self._address[0], token=self._token).encode()
            due = int((time.monotonic() - self._began) * self._rate)
            while self._sent < due:
                try:
                    self._connections[self._sent % len(self._connections)].send(request)
                except OSError:
                    self._lost += 1
                self._sent += 1

    def read(self) -> None:
        self._read()

    def _read(self) -> None:
        for connections, is_counted in ((self._streams, False), (self._connections, True)):
            for connection in connections:
                try:
                    data = connection.recv(262_144)
                except BlockingIOError:
                    continue
                except OSError:
                    data = b""
                if is_counted:
                    self._answered += data.count(b"HTTP/1.1 200")
                self._lost += not data

    def _connect(self) -> socket.socket:
        connection = socket.create_connection(self._address, timeout=10)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setblocking(False)
        return connection

    @staticmethod
    def _close(connections: list[socket.socket]) -> None:
        for connection in connections:
            connection.close()


def main() -> None:
    """Until the standard input ends."""
    host, port, token = sys.argv[1:4]
    generator = Generator(host, int(port), token)
    waiting = b""
    read = 0.0
    while True:
        ready, _, _ = select.select([0], [], [], TURN)
        if ready:
            data = os.read(0, 4096)
            if not data:
                return
            *lines, waiting = (waiting + data).split(b"\n")
            for line in lines:
                print(json.dumps(generator.obey(line.decode())), flush=True)  # noqa: T201
        generator.turn()
        if time.monotonic() - read >= READ_EVERY:
            read = time.monotonic()
            generator.read()


if __name__ == "__main__":
    main()
