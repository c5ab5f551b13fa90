"""Listening sockets for every kind of address. Errors are OSError, with the address in their text."""

from __future__ import annotations

import _socket
import errno
import os
import socket
import stat
from collections.abc import Iterable

from oagw_tornado.config.listeners import Listener
from oagw_tornado.wire.tcp_listening import BACKLOG, listen_on


def bind(listener: Listener) -> list[socket.socket]:
    """Sockets that listen: all addresses of a host on one port, or one. Raises OSError."""
    if listener.path:
        return [_bind_unix(listener.path, listener.mode)]
    if listener.descriptor >= 0:
        return [_adopt(listener.descriptor)]
    return adopt(listen_on(listener.host, listener.port))


def adopt(sockets: Iterable[_socket.socket]) -> list[socket.socket]:
    """The same sockets, with all that Python's module adds to them."""
    return [socket.socket(fileno=each.detach()) for each in sockets]


def unlink(path: str, number: int) -> None:
    """Remove the file of a Unix socket, unless it is another one by now than that with the inode `number`."""
    try:
        if os.stat(path).st_ino == number:
            os.unlink(path)
    except OSError:
        pass


def _bind_unix(path: str, mode: int | None) -> socket.socket:
    _remove_stale(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # Nobody else may connect before the mode is set.
        before = os.umask(0o177) if mode is not None else os.umask(os.umask(0o022))
        try:
            sock.bind(path)
        finally:
            os.umask(before)
        if mode is not None:
            os.chmod(path, mode)
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


def _remove_stale(path: str) -> None:
    """Remove what a server has left behind that is gone. Raises OSError if there is one, or something else."""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            raise FileExistsError(errno.EEXIST, "the file is not a socket")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
    raise OSError(errno.EADDRINUSE, "another server listens there")


def _adopt(descriptor: int) -> socket.socket:
    try:
        sock = socket.socket(fileno=descriptor)
    except OSError as error:
        raise OSError(error.errno, f"descriptor {descriptor} is not an open socket") from None
    is_listening = sock.type == socket.SOCK_STREAM and sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    if not is_listening:
        sock.detach()
        raise OSError(errno.EINVAL, f"descriptor {descriptor} is not a listening socket")
    sock.set_inheritable(False)
    return sock
