"""Has a client that sends no more only ended its side (``nc -N``), or is it gone?

TCP says the same in both cases, a FIN, and an answer only once something is sent to a client that is gone. But of a
client on the same machine Linux can be asked whether a process still holds its socket (sock_diag(7)). For all others
timing decides: a client that half-closes does so right after its request; one that gives up has waited first.
"""

from __future__ import annotations

import socket
import struct

#: A client whose FIN comes within so many seconds of the end of its request has half-closed.
HALF_CLOSE_TIME = 0.2

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST = 1
_NLMSG_ERROR = 2
_ANY = 0xFFFFFFFF
_HEADER = struct.Struct("=IHHII")
# struct inet_diag_req_v2 and what of struct inet_diag_msg lies before `idiag_inode`.
_REQUEST = struct.Struct("=BBBBI")
_INODE_AT = _HEADER.size + 68
_TCP_CLOSE_WAIT = 8


def is_there(connection: socket.socket) -> bool | None:
    """Whether a process holds the other end of `connection`; None if nobody can tell."""
    try:
        if not _is_half_open(connection):
            return False
        return _is_held(connection)
    except (OSError, AttributeError):
        return None


def _is_held(connection: socket.socket) -> bool | None:
    ours, theirs = connection.getsockname(), connection.getpeername()
    family = connection.family
    # The other end's socket: its own address is the client's.
    addresses = [socket.inet_pton(family, end[0].partition("%")[0]) for end in (theirs, ours)]
    ends = struct.pack("!HH16s16s", theirs[1], ours[1], *addresses)
    question = _REQUEST.pack(family, socket.IPPROTO_TCP, 0, 0, _ANY) + ends + struct.pack("=III", 0, _ANY, _ANY)
    head = _HEADER.pack(_HEADER.size + len(question), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 0, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _NETLINK_SOCK_DIAG) as netlink:
        netlink.settimeout(0.1)  # the kernel answers before `send` is back
        netlink.send(head + question)
        answer = netlink.recv(4096)
    if _HEADER.unpack_from(answer)[1] == _NLMSG_ERROR or len(answer) < _INODE_AT + 4:
        # Not a socket of this machine, or one that is gone for good; who asked before knows which.
        return None
    inode: int = struct.unpack_from("=I", answer, _INODE_AT)[0]
    return inode != 0


def _is_half_open(connection: socket.socket) -> bool:
    """Whether TCP knows of nothing but the client's FIN: neither a reset nor a time-out has ended the connection."""
    return connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == _TCP_CLOSE_WAIT


def watch_for_loss(connection: socket.socket) -> None:
    """Have TCP ask a client that is silent whether it is there: one that is gone for good is noticed in a minute."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 5), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
        number = getattr(socket, option, None)
        if number is not None:
            connection.setsockopt(socket.IPPROTO_TCP, number, value)
