"""Sockets for several processes at the same addresses: each has its own, and the kernel distributes connections.

The parent process binds and keeps all of them, so that connections in the backlog of a worker that dies are
served by its replacement. Sockets without a port (Unix, ``fd://``), and all sockets where SO_REUSEPORT does not
distribute connections, are shared by all workers, each of which accepts what it can get.
"""

from __future__ import annotations

import socket
import sys
from typing import NamedTuple

from oagw_tornado.config.config import Config, control_listeners_of, listeners_of
from oagw_tornado.config.listeners import Listener
from oagw_tornado.wire.listeners import CannotListen, Listeners
from oagw_tornado.wire.sockets import adopt, bind
from oagw_tornado.wire.tcp_listening import BACKLOG, listen_on


class _Own(NamedTuple):
    """Those of one worker, by address: two addresses may be written alike, with a port that is any."""

    public: list[list[socket.socket]]
    apart: list[list[socket.socket]]

    @property
    def all(self) -> list[socket.socket]:
        return [sock for sockets in (*self.public, *self.apart) for sock in sockets]


class WorkerSockets:
    """The sockets of all workers. Raises CannotListen; then no address is held."""

    def __init__(self, config: Config, workers: int) -> None:
        self._owned = [_Own([], []) for _ in range(workers)]
        self._public = listeners_of(config)
        self._apart = control_listeners_of(config)
        for listeners, is_public in ((self._public, True), (self._apart, False)):
            for listener in listeners:
                try:
                    for own, sockets in zip(self._owned, _sockets(listener, workers), strict=True):
                        (own.public if is_public else own.apart).append(sockets)
                except OSError as error:
                    self.close()
                    raise CannotListen(listener, error) from error
        # What names the addresses, and removes the files of Unix sockets in the end.
        first = self._owned[0]
        self._named = (Listeners(self._public, taken=first.public), Listeners(self._apart, taken=first.apart))

    @property
    def addresses(self) -> tuple[list[str], list[str]]:
        """The URLs of the gateway, and those of control alone."""
        return self._named[0].urls, self._named[1].urls

    @property
    def port(self) -> int:
        """That of the first address that has one."""
        return self._named[0].port

    def of_worker(self, number: int) -> tuple[Listeners, Listeners]:
        """What worker `number` serves, in its own process: it holds the sockets of no other."""
        own = self._owned[number]
        kept = {sock.fileno() for sock in own.all}
        for each in self._owned:
            for sock in each.all:
                if sock.fileno() not in kept and sock.fileno() >= 0:
                    sock.close()
        return (
            Listeners(self._public, owns_files=False, taken=own.public),
            Listeners(self._apart, owns_files=False, taken=own.apart),
        )

    def close(self) -> None:
        """Hold them no longer; who serves them goes on."""
        for each in self._owned:
            for sock in each.all:
                sock.close()

    def remove_files(self) -> None:
        """Nobody is to come by a Unix socket any more."""
        for listeners in self._named:
            listeners.stop_accepting()


def _sockets(listener: Listener, workers: int) -> list[list[socket.socket]]:
    if not listener.host or not sys.platform.startswith("linux"):
        return [bind(listener)] * workers
    # Without SO_REUSEPORT first: otherwise we would share the port of an existing server without noticing it.
    probes = listen_on(listener.host, listener.port)
    port: int = probes[0].getsockname()[1]
    for probe in probes:
        probe.close()
    found: list[list[socket.socket]] = []
    try:
        for _ in range(workers):
            found.append(adopt(listen_on(listener.host, port, is_shared=True)))  # noqa: PERF401
    except OSError:
        for sockets in found:
            for sock in sockets:
                sock.close()
        raise
    for sockets in found:
        for sock in sockets:
            sock.listen(BACKLOG)
    return found
