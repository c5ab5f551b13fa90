"""A listening server, whichever engine drives it: its sockets, its limits, its open connections, how it ends."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from functools import cached_property
from itertools import count
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from oagw_tornado.wire.acceptor import Acceptor
from oagw_tornado.wire.connection import Delegate
from oagw_tornado.wire.deadlines import Deadlines
from oagw_tornado.wire.head import Limits
from oagw_tornado.wire.presence import HALF_CLOSE_TIME, is_there, watch_for_loss
from oagw_tornado.wire.turn import Turn

if TYPE_CHECKING:
    from oagw_tornado.wire.tls import TlsTerms
    from oagw_tornado.wire.unread import ClientQueues

log = logging.getLogger(__name__)

#: How long after a client has ended its side the server looks, for the first time, whether it is still there.
FIRST_LOOK = 0.05


class HalfClosable(Protocol):
    """A connection whose client may end its side of it."""

    @property
    def socket(self) -> socket.socket: ...

    def abort(self) -> None:
        """The client is gone."""


class Server:
    """All connections of one listening server. A subclass says how a connection is taken, and how all are ended."""

    def __init__(self, delegate: Delegate, limits: Limits) -> None:
        self.delegate = delegate
        self.limits = limits
        self.deadlines = Deadlines(limits)
        self.turn = Turn()
        # True once no more connections and no more requests are taken.
        self.draining = False
        # Connections whose clients have ended their side and are still owed a reply; whether a process was seen then
        # to hold the other end.
        self.half_closed: dict[HalfClosable, bool] = {}
        # Numbers the connections.
        self.next_number = count(1).__next__
        self.is_there: Callable[[socket.socket], bool | None] = is_there
        self.loop: asyncio.AbstractEventLoop
        self._acceptors: list[Acceptor] = []

    def configure(self, limits: Limits) -> None:
        """Have these limits from now on. A connection that is read from already may keep those of its heads."""
        self.limits = limits
        self.deadlines.configure(limits)

    async def listen(
        self, sockets: list[socket.socket], backlog: int, take: Callable[[socket.socket], None] | None = None
    ) -> None:
        """Serve what arrives on these bound sockets, which are the server's from now on.

        `take`, in the place of the server's own, gets each connection first.
        """
        self.loop = asyncio.get_running_loop()
        if not self._acceptors:
            self.deadlines.start(self.loop, self._look_for_clients)
        for listener in sockets:
            acceptor = Acceptor(listener, take or self.take, self.turn)
            acceptor.start(backlog)
            self._acceptors.append(acceptor)

    def take(self, connection: socket.socket, terms: TlsTerms | None = None, client: str | None = None) -> None:
        """Serve one client on this socket, over TLS if there are `terms` for it.

        `client` is whose connection it is if a PROXY header said so.
        """
        raise NotImplementedError

    @property
    def open_connections(self) -> int:
        """How many clients are connected."""
        raise NotImplementedError

    @property
    def open_numbers(self) -> set[int]:
        """The numbers of the connections that are there."""
        raise NotImplementedError

    @cached_property
    def queues(self) -> ClientQueues:
        """What the kernel tells of what clients have not read; loaded when somebody looks."""
        from oagw_tornado.wire.unread import ClientQueues

        return ClientQueues()

    @property
    def is_sending(self) -> bool:
        """Whether a client has yet to read the end of a reply that is over for us."""
        raise NotImplementedError

    def client_ended(self, connection: HalfClosable, asked_at: float) -> None:
        """The client of `connection` has ended its side, and is owed a reply since `asked_at`, when it had asked.

        If it is gone, the connection is aborted, now or as soon as that is known.
        """
        held = self.is_there(connection.socket)
        known = held is not None
        if not known:
            held = monotonic() - asked_at <= HALF_CLOSE_TIME
            watch_for_loss(connection.socket)
        if not held:
            connection.abort()
            return
        self.half_closed[connection] = known
        # A client that is just closing its socket may still have been seen to hold it.
        self.loop.call_later(FIRST_LOOK, self._look_for_client, connection)

    def _look_for_clients(self) -> None:
        for connection in list(self.half_closed):
            self._look_for_client(connection)

    def _look_for_client(self, connection: HalfClosable) -> None:
        was_there = self.half_closed.get(connection)
        if was_there is None:
            return  # its reply is over
        held = self.is_there(connection.socket)
        if held is False or (held is None and was_there):
            connection.abort()

    def take_rest(self) -> int:
        """Take the connections that wait to be accepted, as they were made before the end; returns how many."""
        return sum(acceptor.take_rest() for acceptor in self._acceptors)

    def stop_accepting(self) -> None:
        """Close the listening sockets, and each connection that waits for a request; others end with their reply."""
        self.draining = True
        for acceptor in self._acceptors:
            acceptor.close()

    async def close(self) -> None:
        """End all at once."""
        self.stop_accepting()
        self.deadlines.stop()
        if "queues" in vars(self):
            self.queues.close()
