"""A listening server of the fast engine: its connections, and how long each may wait."""

from __future__ import annotations

import asyncio
import socket
from math import inf
from time import monotonic

from oagw_tornado.wire.connection import Delegate
from oagw_tornado.wire.http1 import Http1Connection
from oagw_tornado.wire.reader import RequestReader


class Http1Server:
    """All connections of one listening server, and the limits that hold for them. Times in seconds, sizes in bytes."""

    def __init__(
        self,
        delegate: Delegate,
        *,
        max_header_size: int,
        header_timeout: float,
        idle_timeout: float,
        body_timeout: float = 60.0,
    ) -> None:
        self.delegate = delegate
        self.max_header_size = max_header_size
        # 0 means no limit.
        self.header_timeout = header_timeout or inf
        self.idle_timeout = idle_timeout or inf
        self.body_timeout = body_timeout
        self.connections: set[Http1Connection] = set()
        # Connections that wait for a request, or for the rest of one, by the time their patience ends. Each dict has
        # one patience only, so its order is that of the deadlines and a sweep looks at its front alone.
        self.idle: dict[Http1Connection, float] = {}
        self.reading: dict[Http1Connection, float] = {}
        self.lingering: dict[Http1Connection, float] = {}
        self.reading_body: dict[Http1Connection, float] = {}
        self.draining = False
        self.reader = self.new_reader()
        self._sweep: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listeners: list[asyncio.Server] = []
        # Connections that hold whole replies of this turn.
        self._held: list[Http1Connection] = []

    def new_reader(self) -> RequestReader:
        return RequestReader(self.max_header_size)

    async def listen(self, sockets: list[socket.socket], backlog: int) -> None:
        """Serve what arrives on these bound sockets."""
        self._loop = loop = asyncio.get_running_loop()
        for sock in sockets:
            self._listeners.append(await loop.create_server(lambda: Http1Connection(self), sock=sock, backlog=backlog))
        self._sweep = loop.call_later(1.0, self._sweep_connections)

    def hold(self, connection: Http1Connection) -> None:
        """Have `connection` send what it holds when this turn of the loop ends."""
        held = self._held
        held.append(connection)
        if len(held) == 1:
            assert self._loop is not None
            self._loop.call_soon(self._send_held)

    def _send_held(self) -> None:
        held, self._held = self._held, []
        for connection in held:
            connection.send_held()

    def stop_accepting(self) -> None:
        """Close the listening sockets and every connection that waits for a request; busy ones end with their reply."""
        self.draining = True
        for listener in self._listeners:
            listener.close()
        for connection in (*self.idle, *self.reading):
            connection.close()

    @property
    def is_sending(self) -> bool:
        """Whether a client has yet to read the end of a reply that is over for us."""
        return bool(self._held) or any(connection.is_sending for connection in self.connections)

    def close(self) -> None:
        """End all at once."""
        self.stop_accepting()
        if self._sweep is not None:
            self._sweep.cancel()
        for connection in list(self.connections):
            connection.abort()

    def _sweep_connections(self) -> None:
        now = monotonic()
        for waiting in (self.idle, self.reading, self.reading_body, self.lingering):
            for connection in _overdue(waiting, now):
                del waiting[connection]
                connection.time_out(answer=waiting is self.reading or waiting is self.reading_body)
        assert self._loop is not None
        self._sweep = self._loop.call_later(1.0, self._sweep_connections)


def _overdue(waiting: dict[Http1Connection, float], now: float) -> list[Http1Connection]:
    overdue = []
    for connection, deadline in waiting.items():
        if deadline > now:
            break
        overdue.append(connection)
    return overdue
