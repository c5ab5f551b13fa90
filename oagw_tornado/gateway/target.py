"""The forms of a request target, and what a host is (RFC 9112, section 3.2)."""

from __future__ import annotations

import re
from socket import AF_INET6, inet_pton

from tornado.httputil import HTTPHeaders

# uri-host [":" port] (RFC 9110, section 7.2; RFC 3986, section 3.2.2), without the comma, which joins two Host lines.
_HOST = re.compile(
    r"(?:(?:[A-Za-z0-9\-._~!$&'()*+;=]|%[0-9A-Fa-f]{2})+"
    r"|\[(?P<address>[0-9A-Fa-f:.]+|v[0-9A-Fa-f]+\.[A-Za-z0-9\-._~!$&'()*+;=:]+)\])"
    r"(?::(?P<port>[0-9]{0,5}))?"
)
_ABSOLUTE = re.compile(r"https?://([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)


def is_host(text: str) -> bool:
    """Whether this is a host as a Host line has it, with or without a port.

    >>> [is_host(text) for text in ("localhost:80", "[::1]", "a b", "x:99999", "[::1")]
    [True, True, False, False, False]
    """
    found = _HOST.fullmatch(text)
    if found is None or int(found["port"] or 0) > 65535:
        return False
    address = found["address"]
    if address is None or address[0] == "v":
        return True
    try:
        inet_pton(AF_INET6, address)
    except OSError:
        return False
    return True


def split_absolute(target: str) -> tuple[str | None, str]:
    """The authority of an absolute-form target, and its path and query; any other form is given back as it is.

    >>> split_absolute("http://x.test?a=/b")
    ('x.test', '/?a=/b')
    >>> split_absolute("/b")
    (None, '/b')
    """
    found = _ABSOLUTE.fullmatch(target)
    if found is None:
        return None, target
    authority, rest = found.groups()
    return authority, rest if rest.startswith("/") else "/" + rest


def address_fault(headers: HTTPHeaders, version: str, authority: str | None) -> str:
    """What is wrong with whom the request is addressed to; empty if nothing is."""
    host = headers.get("Host")
    if host is None:
        if version != "HTTP/1.0":
            return "Bad request: the Host header is missing"
    elif host and not is_host(host):
        return "Bad request: the Host header is not one host"
    if authority is not None and not is_host(authority):
        return "Bad request: the target names no host"
    return ""
