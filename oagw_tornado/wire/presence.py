"""Whether a client that has sent a FIN has only half-closed its connection (``nc -N``) or has gone.

TCP shows the same FIN in both cases, and a client that has gone answers with a reset only once something is sent to it.
For a client on the same machine, Linux says whether a process still holds its socket (sock_diag(7)). For all others,
timing decides: a client that half-closes does so right after its request; one that gives up has waited first.
"""

from __future__ import annotations

import socket

from oagw_tornado.wire.sock_diag import open_netlink, other_end

#: A client whose FIN comes within this many seconds of the end of its request has half-closed.
HALF_CLOSE_TIME = 0.2

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
    with open_netlink() as netlink:
        end = other_end(netlink, connection)
    return None if end is None else end.is_held


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
