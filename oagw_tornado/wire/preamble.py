"""What happens before the first byte of HTTP or TLS: a PROXY header, and faults in the handshake.

Only listeners with one of these pass their connections through here; all others go straight to the engine.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections.abc import Callable

from oagw_tornado.config.listeners import Listener
from oagw_tornado.wire.proxy_protocol import BadHeader, read_header, still_needed

log = logging.getLogger(__name__)

_RESET = struct.pack("ii", 1, 0)

#: Takes a connection over; the second argument is whose it is, if a proxy said so.
Take = Callable[[socket.socket, str | None], None]


class Preamble:
    """Passes the connections of one listener on, each when its PROXY header or handshake fault is done."""

    def __init__(self, listener: Listener, take: Take, timeout: float) -> None:
        """A PROXY header, and the first byte of a handshake that is to fail, have `timeout` seconds to arrive."""
        self._listener = listener
        self._take = take
        self.timeout = timeout or None
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, connection: socket.socket) -> None:
        """Look at a connection, and let it in if all is well."""
        task = asyncio.get_running_loop().create_task(self._let_in(connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """Close the connections that are not through yet."""
        for task in self._tasks:
            task.cancel()

    async def _let_in(self, connection: socket.socket) -> None:
        try:
            fault = self._listener.tls_fault
            async with asyncio.timeout(self.timeout):
                client = await _read_origin(connection) if self._listener.proxy_protocol else None
                if fault is not None and fault.kind == "reset-in-handshake":
                    await _readable(connection)
                    # Read, or the reset might overtake what the client has sent.
                    connection.recv(65536)
                    raise _Reset
            if fault is not None:
                await asyncio.sleep(fault.delay)
            self._take(connection, client)
        except BadHeader as error:
            log.warning("a connection without a PROXY header was closed: %s", error)
            connection.close()
        except _Reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            connection.close()
        except (OSError, TimeoutError, asyncio.CancelledError):
            connection.close()


class _Reset(Exception):
    """The connection is to be reset."""


async def _read_origin(connection: socket.socket) -> str | None:
    """Whose connection it is, as its PROXY header says; the header is read to its last byte and no further."""
    data = b""
    while needed := still_needed(data):
        await _readable(connection)
        piece = connection.recv(needed)
        if not piece:
            raise BadHeader("the connection ended")
        data += piece
    return read_header(data).client or None


async def _readable(connection: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(connection.fileno(), readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(connection.fileno())
