"""Accepts connections on listening sockets; pauses for a second when the process is out of file descriptors.

Event loops differ in this: asyncio's retries thousands of times in a row and logs each failure, libuv's accepts
connections only to close them. Here, on every loop and engine, open connections continue to be served, and new ones
wait in the backlog.

Serving needs descriptors too: a module that is imported on first use is a file. So some are kept in reserve, released
when connections have used up all others, and reserved again before the next connection is accepted.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
from collections import deque
from collections.abc import Callable
from time import monotonic

from oagw_tornado.evidence.vital_signs import queue_of
from oagw_tornado.wire.turn import Turn

log = logging.getLogger(__name__)

#: Most connections accepted in one turn of the loop: requests on other connections wait for them.
TURN = 32
#: Connections accepted from a backlog in one go when the server shuts down.
MOST_LEFT = 4096
#: Seconds without accepting, once there is nothing left to accept with.
PAUSE = 1.0
#: Descriptors kept for that.
RESERVE = 16
_OUT_OF_RESOURCES = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))


class Acceptor:
    """Accepts on one listening socket, which it owns, and hands each connection on."""

    def __init__(
        self, listener: socket.socket, take: Callable[[socket.socket], None], turn: Turn | None = None
    ) -> None:
        """`take` gets each connection, which does not block, and keeps it. `turn` is entered before each, and told
        since when, at the earliest, the connection waited."""
        self._listener = listener
        self._accepted_as = _accepted_as(listener)
        self._is_unix = listener.family == socket.AF_UNIX
        # Connections taken in the next turn: as many as came in the last, or twice that. One that is not there costs
        # as much to ask for as one that is.
        self._turn = 1
        self._take = take
        self._loop_turn = turn or Turn()
        # Connections that were accepted, and how many had come when the backlog was looked at. It is first in, first
        # out: so one that had not come at a look has waited since then at most.
        self._accepted = 0
        self._looks: deque[tuple[float, int]] = deque()
        self._since = 0.0
        self._loop = asyncio.get_running_loop()
        self._pause: asyncio.TimerHandle | None = None
        self._reserve: list[int] = []

    def start(self, backlog: int) -> None:
        self._listener.setblocking(False)
        self._listener.listen(backlog)
        self._go_on()

    def take_rest(self) -> int:
        """Accept the connections left in the backlog before it is closed; returns their number."""
        taken = 0
        while self._listener.fileno() >= 0 and taken < MOST_LEFT:
            try:
                connection = self._next()
            except OSError:
                break
            taken += 1
            self._begin(connection)
        return taken

    def close(self) -> None:
        """Stop, and close the listening socket."""
        if self._listener.fileno() < 0:
            return
        self._loop.remove_reader(self._listener)
        if self._pause is not None:
            self._pause.cancel()
        self._release()
        self._listener.close()

    def _accept(self) -> None:
        for number in range(self._turn):
            self._loop_turn.enter()
            try:
                connection = self._next()
            except (BlockingIOError, ConnectionAbortedError, InterruptedError):
                self._turn = max(1, number)
                self._is_empty()
                return
            except OSError as error:
                if error.errno not in _OUT_OF_RESOURCES:
                    # A network error of one connection (accept(2)): the next one may be fine.
                    log.warning("a connection was lost before it was accepted: %s", error)
                    return
                self._loop.remove_reader(self._listener)
                self._wait(error)
                return
            self._begin(connection)
        self._look()
        self._turn = min(TURN, 2 * self._turn)

    def _look(self) -> None:
        """There may be more in the backlog, which has waited since this turn at the latest."""
        turn = self._loop_turn
        if self._since < turn.awake_since:
            self._since = turn.since
        if self._turn > 2:
            waiting, _ = queue_of(self._listener)
            turn.is_behind = waiting > 0
            self._looks.append((monotonic(), self._accepted + waiting))

    def _is_empty(self) -> None:
        self._looks.clear()
        self._since = 0.0
        self._loop_turn.is_behind = False

    def _begin(self, connection: socket.socket) -> None:
        self._accepted += 1
        looks = self._looks
        while looks and looks[0][1] < self._accepted:
            self._since = looks.popleft()[0]
        turn = self._loop_turn
        # One that waited in the backlog has its request there, as a rule, when it is read for the first time.
        waited = turn.awake_since <= self._since < turn.since
        turn.accepted = (self._since, turn.now) if waited else (turn.since, 0.0)
        try:
            connection.setblocking(False)
            if not self._is_unix:
                # asyncio does so only where the socket names its protocol.
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._take(connection)
        except OSError:
            connection.close()  # it has gone already
        except Exception:
            log.exception("a connection could not be taken")
            connection.close()

    def _next(self) -> socket.socket:
        """Like `socket.accept`, in half the time, as that looks up the listener's family and type each time."""
        descriptor, _ = self._listener._accept()  # type: ignore[attr-defined]
        return self._accepted_as(descriptor)

    def _go_on(self) -> None:
        self._pause = None
        try:
            while len(self._reserve) < RESERVE:
                self._reserve.append(os.dup(self._listener.fileno()))
        except OSError as error:
            self._wait(error)
        else:
            self._loop.add_reader(self._listener, self._accept)

    def _wait(self, error: OSError) -> None:
        self._release()
        log.error("no connections are accepted for %g s: %s", PAUSE, error.strerror)
        self._pause = self._loop.call_later(PAUSE, self._go_on)

    def _release(self) -> None:
        while self._reserve:
            os.close(self._reserve.pop())


def _accepted_as(listener: socket.socket) -> Callable[[int], socket.socket]:
    """What makes a socket of a descriptor that `listener` accepted.

    Its family and type are constants: an event loop asks for them three times a connection, and `socket.socket` makes
    an enumeration's member for each answer.
    """
    family, kind, protocol = int(listener.family), int(listener.type), listener.proto
    constants = {"family": listener.family, "type": listener.type, "__slots__": ()}
    make: Callable[..., socket.socket] = type("AcceptedSocket", (socket.socket,), constants)
    return lambda descriptor: make(family, kind, protocol, descriptor)
