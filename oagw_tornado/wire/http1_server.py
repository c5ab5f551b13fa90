"""The fast engine's server: `asyncio` transports with an `Http1Connection` on each."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import TYPE_CHECKING

from oagw_tornado.wire.connection import Delegate
from oagw_tornado.wire.head import Limits
from oagw_tornado.wire.http1 import Http1Connection
from oagw_tornado.wire.server import Server
from oagw_tornado.wire.socket_connection import SocketConnection

if TYPE_CHECKING:
    from oagw_tornado.wire.tls import TlsTerms

log = logging.getLogger(__name__)


class Http1Server(Server):
    """All connections of one listening server of the fast engine."""

    def __init__(self, delegate: Delegate, limits: Limits) -> None:
        super().__init__(delegate, limits)
        self.connections: set[SocketConnection] = set()
        # Connections that hold whole replies of this turn.
        self._held: list[SocketConnection] = []
        # The loop alone would not keep them.
        self._beginning: set[asyncio.Task[None]] = set()

    def take(self, connection: socket.socket, terms: TlsTerms | None = None, client: str | None = None) -> None:
        protocol = Http1Connection(self) if terms is None else self._over_tls(terms)
        if client is not None:
            protocol.pass_on(client)
        task = self.loop.create_task(self._begin(connection, protocol))
        self._beginning.add(task)
        task.add_done_callback(self._beginning.discard)

    def _over_tls(self, terms: TlsTerms) -> Http1Connection:
        from oagw_tornado.wire.tls_connection import TlsConnection

        return TlsConnection(self, terms)

    async def _begin(self, connection: socket.socket, protocol: Http1Connection) -> None:
        try:
            await self.loop.connect_accepted_socket(lambda: protocol, connection)
        except OSError:
            connection.close()  # it has gone already, or there is nothing left to watch it with
        except Exception:
            log.exception("a connection could not be taken")
            connection.close()

    @property
    def open_connections(self) -> int:
        return len(self.connections)

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
        for task in self._beginning:
            task.cancel()
        for connection in list(self.connections):
            connection.abort()
