"""The fast engine's server: `asyncio` transports with an `Http1Connection` on each."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any

from oagw_tornado.wire.http1 import Http1Connection
from oagw_tornado.wire.socket_connection import SocketServer

if TYPE_CHECKING:
    from oagw_tornado.wire.tls import TlsTerms

log = logging.getLogger(__name__)


class Http1Server(SocketServer):
    """All connections of one listening server of the fast engine."""

    def take(self, connection: socket.socket, terms: TlsTerms | None = None, client: str | None = None) -> None:
        protocol = Http1Connection(self) if terms is None else self._over_tls(terms)
        if client is not None:
            protocol.pass_on(client)
        self._begin(self.loop.connect_accepted_socket(lambda: protocol, connection), connection)

    def _over_tls(self, terms: TlsTerms) -> Http1Connection:
        from oagw_tornado.wire.tls_connection import TlsConnection

        return TlsConnection(self, terms)

    def _begin(self, beginning: Coroutine[Any, Any, Any], connection: socket.socket, _: object = None) -> None:
        """Follow `beginning` to where it waits, and on from there.

        It waits for the transport to have told its protocol, which is sure to come: a task would cost more than that.
        """
        try:
            awaited: asyncio.Future[None] = beginning.send(None)
        except StopIteration:
            return
        except OSError:
            connection.close()  # it has gone already, or there is nothing left to watch it with
        except Exception:
            log.exception("a connection could not be taken")
            connection.close()
        else:
            awaited.add_done_callback(partial(self._begin, beginning, connection))
