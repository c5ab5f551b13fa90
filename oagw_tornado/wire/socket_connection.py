"""Bytes out, on the fast engine: straight to the socket as long as nothing is queued before them.

Replies leave by `os.write`; the transport gets only what the kernel did not accept, and reports when that has left.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from os import write
from socket import AF_UNIX, SO_LINGER, SOL_SOCKET, socket
from typing import Any, cast

from oagw_tornado.wire.connection import UNIX, Delegate, ReplyConnection
from oagw_tornado.wire.deadlines import TimeoutQueue
from oagw_tornado.wire.head import Limits
from oagw_tornado.wire.known_heads import KnownHeads
from oagw_tornado.wire.server import Server

log = logging.getLogger(__name__)

# Bytes of whole replies that may wait for the end of a turn.
MOST_HELD = 64 * 2**10
_RESET = struct.pack("ii", 1, 0)


class PeerContext:
    """What tornado's HTTPServerRequest reads of a connection: peer and scheme."""

    __slots__ = ("remote_ip",)
    protocol = "http"

    def __init__(self, remote_ip: str) -> None:
        self.remote_ip = remote_ip


class SocketConnection(ReplyConnection, asyncio.Protocol):
    """The sending half of a connection on an asyncio transport."""

    __slots__ = (
        "timeout_queue",
        "_server",
        "_transport",
        "_fd",
        "_queued",
        "_client",
        "_held",
        "_about",
        "_is_passed_on",
        "_accepted",
    )
    _transport: asyncio.Transport

    def __init__(self, server: SocketServer) -> None:
        super().__init__()
        self.timeout_queue: TimeoutQueue | None = None
        self._server = server
        # When it was accepted, until its first request is read.
        self._accepted: tuple[float, float] | None = server.turn.accepted
        # The socket's descriptor; -1 once it may be somebody else's.
        self._fd = -1
        # True while bytes wait in the transport, which then must have all that follows.
        self._queued = False
        self._client: str | None = None
        # Whole replies that leave when this turn of the loop ends.
        self._held = b""
        # What whole replies are about that have not left yet: one thing, or a list; None: nothing.
        self._about: Any = None
        self._is_passed_on = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is not registered as one
        self._fd = transport.get_extra_info("socket").fileno()
        self.number = self._server.next_number()
        # Any byte that waits counts as back-pressure; `resume_writing` says that all have left.
        self._transport.set_write_buffer_limits(0)

    def pause_writing(self) -> None:
        self._queued = True

    def resume_writing(self) -> None:
        self._queued = False
        self._about = None
        # asyncio's transport has not finished its write: closing it here would report the loss twice.
        self._server.loop.call_soon(self._tell_drained)

    def _tell_drained(self) -> None:
        drained, self.drained = self.drained, None
        if drained is not None:
            drained()

    def send_whole(self, status: int, fields: bytes, body: bytes, about: object = None) -> None:
        """A whole reply. It leaves with all others of this turn of the loop.

        Written between the requests of a turn, each reply would wake its client, which then sleeps again; on a busy
        server that is a fifth of the price of a request.
        """
        head = self.render_head(status, fields, len(body))
        data = head if self.bodiless else head + body
        others = self._about
        self._about = about if others is None else [*others, about] if type(others) is list else [others, about]
        if self._held:
            self._held += data
            if len(self._held) > MOST_HELD:
                self.send_held()
        else:
            self._held = data
            self._server.hold(self)
        self.end_sent()

    @property
    def is_sending(self) -> bool:
        return self._queued

    @property
    def unsent(self) -> int:
        waiting = self._transport.get_write_buffer_size() if self._queued else 0
        return len(self._held) + waiting

    @property
    def unread(self) -> int | None:
        return self._server.queues.unread(self.socket) if self._fd >= 0 else None

    def send_held(self) -> None:
        """Send what was held; to be called before anything else leaves or the connection ends."""
        held, self._held = self._held, b""
        if held:
            self.send(held)
            if self._fd >= 0 and not self._queued:
                self._about = None

    def send(self, data: bytes) -> bool:
        if self._held:
            self.send_held()
        if self._queued:
            if self._fd >= 0:
                self._transport.write(data)
            return False
        try:
            sent = write(self._fd, data)
        except BlockingIOError:
            sent = 0
        except OSError:
            # Reset by the client, or closed by ourselves (-1).
            self.abort()
            return False
        if sent == len(data):
            return True
        self._transport.write(data[sent:] if sent else data)
        return self._transport.get_write_buffer_size() == 0

    @property
    def descriptor(self) -> int:
        return self._fd

    @property
    def readable_since(self) -> float:
        turn, accepted = self._server.turn, self._accepted
        if accepted is not None:
            self._accepted = None
            return turn.waited_since(accepted)
        return turn.since

    @property
    def is_open(self) -> bool:
        return self._fd >= 0

    def drain(self) -> None:
        """The server takes no more requests: close, unless one is being answered."""
        raise NotImplementedError

    def close(self) -> None:
        self.send_held()
        if self._fd >= 0:
            self._fd = -1
            if self._queued:
                # The transport first sends what it holds; a client that never reads must not keep it open for ever.
                self._server.deadlines.idle.begin(self)
            self._transport.close()

    def abort(self) -> None:
        """End the connection without waiting for what it still holds."""
        self._fd = -1
        self._held = b""
        self._transport.abort()

    def reset(self) -> None:
        self.send_held()
        if self._fd >= 0:
            self.socket.setsockopt(SOL_SOCKET, SO_LINGER, _RESET)
            self.abort()

    def time_out(self, timeout_queue: TimeoutQueue) -> None:
        """A client has taken too long."""
        raise NotImplementedError

    @property
    def socket(self) -> socket:
        connection: socket = self._transport.get_extra_info("socket")
        return connection

    @property
    def client(self) -> str:
        if self._client is None:
            peer: Any = self._transport.get_extra_info("peername")
            if isinstance(peer, tuple):
                self._client = str(peer[0])
            else:
                # A TCP connection that is gone has no peer name either, which must not make it count as local.
                self._client = UNIX if self.socket.family == AF_UNIX else ""
        return self._client

    @property
    def is_passed_on(self) -> bool:
        return self._is_passed_on

    def pass_on(self, client: str) -> None:
        """It is the connection of `client`, as its PROXY header says."""
        self._client = client
        self._is_passed_on = True

    @property
    def context(self) -> PeerContext:
        return PeerContext(self.client)


class SocketServer(Server):
    """All connections of one listening server, and what they hold until the end of a turn."""

    def __init__(self, delegate: Delegate, limits: Limits) -> None:
        super().__init__(delegate, limits)
        self.connections: set[SocketConnection] = set()
        self.heads = KnownHeads()
        # Connections that hold whole replies of this turn.
        self._held: list[SocketConnection] = []

    def configure(self, limits: Limits) -> None:
        super().configure(limits)
        self.heads = KnownHeads()  # what a head says depends on the limits

    @property
    def open_connections(self) -> int:
        return len(self.connections)

    @property
    def open_numbers(self) -> set[int]:
        return {connection.number for connection in self.connections}

    def hold(self, connection: SocketConnection) -> None:
        """Have `connection` send what it holds when this turn of the loop ends."""
        held = self._held
        held.append(connection)
        if len(held) == 1:
            self.loop.call_soon(self._send_held)

    def _send_held(self) -> None:
        held, self._held = self._held, []
        for connection in held:
            try:
                connection.send_held()
            except Exception:
                log.exception("what a connection held could not be sent")

    def stop_accepting(self) -> None:
        super().stop_accepting()
        for connection in list(self.connections):
            connection.drain()

    @property
    def is_sending(self) -> bool:
        return bool(self._held) or any(connection.is_sending for connection in self.connections)

    async def close(self) -> None:
        await super().close()
        for connection in list(self.connections):
            connection.abort()
