"""The PROXY protocol, versions 1 and 2, by which a proxy says whose connection it passes on. Pure.

https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt. The header is read to its last byte and no further, as
what follows may be a TLS handshake: `still_needed` says how many bytes surely belong to it.
"""

from __future__ import annotations

import re
import socket
from typing import NamedTuple

#: The longest header of version 1 (section 2.1), and what of version 2 is taken: extensions are read over.
LONGEST_LINE = 107
LONGEST_BINARY = 4096

_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_LINE = re.compile(rb"PROXY (TCP4|TCP6) ([0-9A-Fa-f:.]{2,39}) ([0-9A-Fa-f:.]{2,39}) (\d{1,5}) (\d{1,5})\r\n")
_UNKNOWN = re.compile(rb"PROXY UNKNOWN[ -~]*\r\n")


class BadHeader(ValueError):
    """What came is no PROXY header."""


class ProxiedPeer(NamedTuple):
    """Whose connection it is. An empty `client`: the proxy's own, or it does not say."""

    client: str = ""


def still_needed(data: bytes) -> int:
    """Bytes that the header which begins with `data` still needs at least; 0 if it is whole. Raises BadHeader."""
    if not data:
        return 1
    if data[:1] == b"\r":
        if data[:12] != _SIGNATURE[: len(data)]:
            raise BadHeader("not the signature of version 2")
        if len(data) < 16:
            return 16 - len(data)
        length = 16 + int.from_bytes(data[14:16], "big")
        if length > LONGEST_BINARY:
            raise BadHeader(f"longer than {LONGEST_BINARY} bytes")
        return max(length - len(data), 0)
    if data[:6] != b"PROXY "[: len(data)] or len(data) > LONGEST_LINE:
        raise BadHeader("neither version 1 nor version 2")
    return 0 if data.endswith(b"\n") else 1


def read_header(data: bytes) -> ProxiedPeer:
    """What a whole header says. Raises BadHeader."""
    return _binary(data) if data[:1] == b"\r" else _line(data)


def _line(data: bytes) -> ProxiedPeer:
    if _UNKNOWN.fullmatch(data):
        return ProxiedPeer()
    match = _LINE.fullmatch(data)
    if match is None:
        raise BadHeader("not a line of version 1")
    family = socket.AF_INET if match[1] == b"TCP4" else socket.AF_INET6
    try:
        addresses = [socket.inet_pton(family, match[part].decode()) for part in (2, 3)]
    except OSError:
        raise BadHeader("not an address") from None
    if int(match[4]) > 65535 or int(match[5]) > 65535:
        raise BadHeader("not a port")
    return ProxiedPeer(socket.inet_ntop(family, addresses[0]))


def _binary(data: bytes) -> ProxiedPeer:
    version, family = data[12], data[13]
    if version == 0x20:  # LOCAL: the proxy itself, to see whether we are there
        return ProxiedPeer()
    if version != 0x21:
        raise BadHeader("not version 2")
    content = data[16:]
    if family >> 4 == 1 and len(content) >= 12:
        return ProxiedPeer(socket.inet_ntop(socket.AF_INET, content[:4]))
    if family >> 4 == 2 and len(content) >= 36:
        return ProxiedPeer(socket.inet_ntop(socket.AF_INET6, content[:16]))
    if family >> 4 in (0, 3):  # unspecified, or a Unix socket at the proxy
        return ProxiedPeer()
    raise BadHeader("not an address of version 2")
