"""Failures between the gateway and a real upstream, derived from the client library's exceptions."""

from __future__ import annotations

import errno
import ssl

import aiohttp

from oagw_tornado.gateway.upstream_failure import (
    CONNECT_TIMEOUT,
    NO_HTTP,
    REFUSED,
    RESET,
    TLS,
    UNREACHABLE,
    UNRESOLVED,
    Failure,
)


def failure_of(error: BaseException) -> Failure:
    """Which failure an exception of the client stands for, before the head of a reply."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return UNRESOLVED
    if isinstance(error, (aiohttp.ClientSSLError, aiohttp.ClientConnectorCertificateError, ssl.SSLError)):
        return TLS
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return CONNECT_TIMEOUT
    if isinstance(error, aiohttp.ClientConnectorError):
        return _not_connected(error.os_error)
    if isinstance(error, (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, ConnectionError)):
        return RESET
    return NO_HTTP


def _not_connected(error: OSError) -> Failure:
    if isinstance(error, ssl.SSLError):
        return TLS
    if isinstance(error, ConnectionRefusedError) or error.errno == errno.ECONNREFUSED:
        return REFUSED
    if isinstance(error, TimeoutError) or error.errno == errno.ETIMEDOUT:
        return CONNECT_TIMEOUT
    return RESET if isinstance(error, ConnectionResetError) else UNREACHABLE


def is_reset(error: BaseException | None) -> bool:
    """Whether the upstream reset its connection, rather than close it."""
    return isinstance(error, OSError) and error.errno in (errno.ECONNRESET, errno.EPIPE)
