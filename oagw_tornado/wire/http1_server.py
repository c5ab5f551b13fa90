"""The fast engine's server: `asyncio` transports with an `Http1Connection` on each."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import TYPE_CHECKING

from oagw_tornado.wire.connection import Delegate
from oagw_tornado.wire.head import Limits
from oagw_tornado.wire.http1 import Http1Connection
from oagw_tornado.wire.socket_connection import SocketServer

if TYPE_CHECKING:
    from oagw_tornado.wire.tls import TlsTerms

log = logging.getLogger(__name__)


class Http1Server(SocketServer):
    """All connections of one listening server of the fast engine."""

    def __init__(self, delegate: Delegate, limits: Limits) -> None:
        super().__init__(delegate, limits)
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

    async def close(self) -> None:
        await super().close()
        for task in self._beginning:
            task.cancel()
