"""The addresses on which one simulator listens, of any kind: either all of them are bound, or none."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from oagw_tornado.config.config import Config, control_listeners_of, listeners_of
from oagw_tornado.config.listeners import Listener
from oagw_tornado.wire.sockets import bind, unlink
from oagw_tornado.wire.tcp_listening import BACKLOG

if TYPE_CHECKING:
    from oagw_tornado.wire.preamble import Preamble
    from oagw_tornado.wire.server import Server
    from oagw_tornado.wire.tls import TlsTerms


class CannotListen(OSError):
    """One of the addresses can not be had; the cause says why."""

    def __init__(self, listener: Listener, error: OSError) -> None:
        super().__init__(error.errno, error.strerror or str(error))
        self.listener = listener


def listen(
    config: Config, bound: Mapping[Listener, list[socket.socket]] = MappingProxyType({})
) -> tuple[Listeners, Listeners]:
    """All addresses of the gateway, and those of control alone. Raises CannotListen; then no address is held."""
    listeners = Listeners(listeners_of(config), bound)
    try:
        return listeners, Listeners(control_listeners_of(config))
    except CannotListen:
        listeners.close()
        raise


class Listeners:
    """Bound addresses, and their sockets from here to the end."""

    def __init__(
        self,
        listeners: Iterable[Listener],
        bound: Mapping[Listener, list[socket.socket]] = MappingProxyType({}),
        owns_files: bool = True,
        taken: Sequence[list[socket.socket]] = (),
    ) -> None:
        """Listen on them all, with the sockets of those that are `bound` already, or with what is `taken` for each of
        them. Raises CannotListen; then no address is held. `owns_files`: Unix sockets have no other owner, and their
        files go in the end."""
        self._bound: list[tuple[Listener, list[socket.socket]]] = []
        self._preambles: list[Preamble] = []
        # The files of Unix sockets, with their inodes.
        self._files: list[tuple[str, int]] = []
        for number, listener in enumerate(listeners):
            try:
                sockets = taken[number] if taken else bound.get(listener) or bind(listener)
                self._bound.append((listener, sockets))
            except OSError as error:
                self.close()
                raise CannotListen(listener, error) from error
            if listener.path and owns_files:
                self._files.append((listener.path, os.stat(listener.path).st_ino))

    @property
    def port(self) -> int:
        """That of the first address that has one; 0: none has."""
        return next((port for listener, sockets in self._bound if (port := _port(sockets))), 0)

    @property
    def sockets(self) -> list[socket.socket]:
        """Those that listen."""
        return [sock for _, sockets in self._bound for sock in sockets]

    @property
    def urls(self) -> list[str]:
        """The addresses, with the ports that they have."""
        return [listener.url(_port(sockets)) for listener, sockets in self._bound]

    async def open(self, server: Server, terms_for: Callable[[Listener], TlsTerms | None], timeout: float) -> None:
        """Have `server` serve them. `terms_for` gives what an address needs for TLS; `timeout` is as in `Preamble`."""
        for listener, sockets in self._bound:
            terms = terms_for(listener)
            take: Callable[[socket.socket], None] = server.take
            if _has_door(listener):
                from oagw_tornado.wire.preamble import Preamble

                preamble = Preamble(listener, partial(_take, server, terms), timeout)
                self._preambles.append(preamble)
                take = preamble.take
            elif terms is not None:
                take = partial(server.take, terms=terms)
            await server.listen(sockets, BACKLOG, take)

    def configure(self, timeout: float) -> None:
        """Set the timeout of the preambles, in seconds, from now on."""
        for preamble in self._preambles:
            preamble.timeout = timeout or None

    def stop_accepting(self) -> None:
        """Stop taking connections; the sockets belong to the server."""
        for preamble in self._preambles:
            preamble.close()
        files, self._files = self._files, []
        for path, number in files:
            unlink(path, number)

    def close(self) -> None:
        """Give back what was bound."""
        self.stop_accepting()
        for _, sockets in self._bound:
            for sock in sockets:
                sock.close()


def addresses_in_words(public: Iterable[str], apart: Iterable[str]) -> str:
    """Where a server listens: the URLs of the gateway, and those of control alone."""
    control = ", ".join(apart)
    return f"listening on {', '.join(public)}" + (f"; control on {control}" if control else "")


def page_server(config: Config, apart: Iterable[str]) -> str | None:
    """The URL of the server that has the page where that is another than the gateway's; empty: there is none. `apart`
    are the URLs of control alone."""
    if config.no_control:
        return ""
    url = next((url for url in apart if url.startswith("http")), "")
    return url or ("" if config.control_listen else None)


def _take(server: Server, terms: TlsTerms | None, connection: socket.socket, client: str | None) -> None:
    server.take(connection, terms, client)


def _has_door(listener: Listener) -> bool:
    fault = listener.tls_fault
    return listener.proxy_protocol or (fault is not None and fault.kind in ("slow-handshake", "reset-in-handshake"))


def _port(sockets: list[socket.socket]) -> int:
    name = sockets[0].getsockname() if sockets[0].fileno() >= 0 else None
    return int(name[1]) if isinstance(name, tuple) else 0
