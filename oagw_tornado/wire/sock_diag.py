"""What Linux reports about the other end of a TCP connection, if it is on the same machine (sock_diag(7))."""

from __future__ import annotations

import socket
import struct
from typing import NamedTuple

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST = 1
_NLMSG_ERROR = 2
_ANY = 0xFFFFFFFF
_HEADER = struct.Struct("=IHHII")
# struct inet_diag_req_v2, without the ends of the connection.
_REQUEST = struct.Struct("=BBBBI")
# Of struct inet_diag_msg: `idiag_rqueue`, `idiag_wqueue`, `idiag_uid`, `idiag_inode`. Before them lie four bytes, the
# ends of the connection (48) and `idiag_expires`.
_STATE = struct.Struct("=IIII")
_STATE_AT = _HEADER.size + 56
#: Seconds that the kernel has to answer, which it does before `send` is back.
_PATIENCE = 0.1


class OtherEnd(NamedTuple):
    """The socket at the other end of a connection."""

    unread: int
    """Bytes in its receive queue."""
    is_held: bool
    """Whether a process has it."""


def open_netlink() -> socket.socket:
    """A socket to ask the kernel by. Raises OSError, and AttributeError where there is no such thing."""
    netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _NETLINK_SOCK_DIAG)
    netlink.settimeout(_PATIENCE)
    return netlink


def other_end(netlink: socket.socket, connection: socket.socket) -> OtherEnd | None:
    """The other end of `connection`; None if it is no socket of this machine, or one that is gone for good.

    Raises OSError; after TimeoutError `netlink` must not be asked again, as the answer may come late.
    """
    ours, theirs = connection.getsockname(), connection.getpeername()
    family = connection.family
    # The other end's own address is the one that is our peer's.
    addresses = [socket.inet_pton(family, end[0].partition("%")[0]) for end in (theirs, ours)]
    ends = struct.pack("!HH16s16s", theirs[1], ours[1], *addresses)
    question = _REQUEST.pack(family, socket.IPPROTO_TCP, 0, 0, _ANY) + ends + struct.pack("=III", 0, _ANY, _ANY)
    netlink.send(_HEADER.pack(_HEADER.size + len(question), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 0, 0) + question)
    answer = netlink.recv(4096)
    if _HEADER.unpack_from(answer)[1] == _NLMSG_ERROR or len(answer) < _STATE_AT + _STATE.size:
        return None
    unread, _, _, inode = _STATE.unpack_from(answer, _STATE_AT)
    return OtherEnd(unread, inode != 0)
