"""What a client has not read yet, as far as the kernel can tell.

For a client on the same machine, Linux reports the bytes in the receive queue of its socket (sock_diag(7),
``idiag_rqueue``). For any other, only the unacknowledged bytes are known (tcp(7), ``SIOCOUTQ``); if the client does
not read, they increase once its buffer is full.
"""

from __future__ import annotations

import socket
import struct
import sys

from oagw_tornado.wire.sock_diag import open_netlink, other_end

_SIOCOUTQ = 0x5411


class ClientQueues:
    """Asks the kernel about the clients of one server, over a netlink socket that the first question opens."""

    def __init__(self) -> None:
        self._netlink: socket.socket | None = None
        self._is_linux = sys.platform.startswith("linux")

    def unread(self, connection: socket.socket) -> int | None:
        """Bytes that were sent on `connection` and not read; None if nobody can tell. Takes some microseconds."""
        if not self._is_linux or connection.family not in (socket.AF_INET, socket.AF_INET6):
            return None
        try:
            here = self._receive_queue(connection)
            return _unacknowledged(connection) if here is None else here
        except (OSError, struct.error):
            return None

    def close(self) -> None:
        if self._netlink is not None:
            self._netlink.close()
            self._netlink = None

    def _receive_queue(self, connection: socket.socket) -> int | None:
        """The receive queue of the client's own socket; None if that is not on this machine."""
        if self._netlink is None:
            self._netlink = open_netlink()
        try:
            end = other_end(self._netlink, connection)
        except TimeoutError:
            self.close()
            return None
        return None if end is None else end.unread


def _unacknowledged(connection: socket.socket) -> int:
    from fcntl import ioctl

    size: int = struct.unpack("=i", ioctl(connection.fileno(), _SIOCOUTQ, b"\0" * 4))[0]
    return size
