"""TCP sockets that listen on all addresses of a host.

A server listens before it imports the code that serves, so that clients started at the same time wait in the backlog
instead of being refused. So this uses only the C module `_socket`; importing `socket` takes longer than listening.
"""

from __future__ import annotations

import _socket
import errno
import sys

TYPE_CHECKING = False  # typing itself is too slow to import here
if TYPE_CHECKING:
    from typing import Any

#: Connections that may wait to be accepted: thousands of streams open at once.
BACKLOG = 4096


def listen_on(host: str, port: int, is_shared: bool = False) -> list[_socket.socket]:
    """A socket for each address of `host`, all on one port, which is any free one for 0. Raises OSError.

    `is_shared`: others of ours listen there, too, and the kernel deals out the connections.
    """
    # As bytes, a name is not looked at by Python's codec for international names, which is slow to import.
    name = host.encode("ascii") if host.isascii() else host
    sockets: list[_socket.socket] = []
    found = _socket.getaddrinfo(name or None, port, 0, _socket.SOCK_STREAM, 0, _socket.AI_PASSIVE)
    try:
        for family, kind, protocol, address in sorted({(*each[:3], each[4]) for each in found}):
            if family not in (_socket.AF_INET, _socket.AF_INET6) or _is_link_local(host, family, address):
                continue
            sock = _new(family, kind, protocol)
            if sock is None:
                continue
            sockets.append(sock)
            if is_shared:
                sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEPORT, 1)
            if port == 0 and len(sockets) > 1:
                address = (address[0], sockets[0].getsockname()[1], *address[2:])
            try:
                sock.bind(address)
            except OSError as error:
                if error.errno == errno.EADDRNOTAVAIL and host == "localhost" and family == _socket.AF_INET6:
                    sockets.pop().close()  # a container's hosts file may name an address that it does not have
                    continue
                raise
            sock.listen(BACKLOG)
    except BaseException:
        for sock in sockets:
            sock.close()
        raise
    return sockets


def _is_link_local(host: str, family: int, address: tuple[Any, ...]) -> bool:
    """macOS gives ``localhost`` an address of its loopback link, too, which nobody asks for."""
    return sys.platform == "darwin" and host == "localhost" and family == _socket.AF_INET6 and bool(address[3])


def _new(family: int, kind: int, protocol: int) -> _socket.socket | None:
    try:
        sock = _socket.socket(family, kind, protocol)
    except OSError as error:
        if error.errno == errno.EAFNOSUPPORT:
            return None
        raise
    sock.setblocking(False)
    sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
    if family == _socket.AF_INET6:
        sock.setsockopt(_socket.IPPROTO_IPV6, _socket.IPV6_V6ONLY, 1)
    return sock
