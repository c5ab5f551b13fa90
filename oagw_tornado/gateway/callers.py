"""Whether a client is on this machine."""

from __future__ import annotations

from ipaddress import ip_address

from oagw_tornado.wire.connection import UNIX as UNIX


def is_loopback(client: str) -> bool:
    """Whether `client`, an address, is this machine."""
    try:
        address = ip_address(client.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def is_this_machine(client: str) -> bool:
    """Whether `client`, an address or ``unix:…``, is a program on this machine."""
    return client.startswith(UNIX) or is_loopback(client)
