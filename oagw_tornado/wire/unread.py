"""What a client has not read yet, as far as a kernel tells.

Of a client on the same machine Linux can be asked how many bytes wait in the receive queue of its socket (sock_diag(7),
``idiag_rqueue``). Of any other only what was sent and not acknowledged is known (tcp(7), ``SIOCOUTQ``): with a client
that does not read it grows once the client's buffer is full.
"""

from __future__ import annotations

import socket
import struct
import sys

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST = 1
_NLMSG_ERROR = 2
_ANY = 0xFFFFFFFF
_SIOCOUTQ = 0x5411
_HEADER = struct.Struct("=IHHII")
# struct inet_diag_req_v2, without the ends of the connection.
_REQUEST = struct.Struct("=BBBBI")
# What of struct inet_diag_msg lies before `idiag_rqueue`: four bytes, the ends (48), `idiag_expires`.
_QUEUE_AT = _HEADER.size + 56
#: Seconds that the kernel has to answer, which it does before `send` is back.
_PATIENCE = 0.1


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
        ours, theirs = connection.getsockname(), connection.getpeername()
        family = connection.family
        addresses = [socket.inet_pton(family, end[0].partition("%")[0]) for end in (theirs, ours)]
        ends = struct.pack("!HH16s16s", theirs[1], ours[1], *addresses)
        question = _REQUEST.pack(family, socket.IPPROTO_TCP, 0, 0, _ANY) + ends + struct.pack("=III", 0, _ANY, _ANY)
        head = _HEADER.pack(_HEADER.size + len(question), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 0, 0)
        if self._netlink is None:
            self._netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _NETLINK_SOCK_DIAG)
            self._netlink.settimeout(_PATIENCE)
        try:
            self._netlink.send(head + question)
            answer = self._netlink.recv(4096)
        except TimeoutError:
            self.close()  # an answer that comes late must not be taken for the next one
            return None
        if _HEADER.unpack_from(answer)[1] == _NLMSG_ERROR or len(answer) < _QUEUE_AT + 4:
            return None
        queue: int = struct.unpack_from("=I", answer, _QUEUE_AT)[0]
        return queue


def _unacknowledged(connection: socket.socket) -> int:
    from fcntl import ioctl

    size: int = struct.unpack("=i", ioctl(connection.fileno(), _SIOCOUTQ, b"\0" * 4))[0]
    return size
