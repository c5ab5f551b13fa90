"""The connections to one real upstream: kept alive, verified, and to no other host."""

from __future__ import annotations

import ssl
from typing import Any

import aiohttp
from yarl import URL

from oagw_tornado.knobs.predicate import RuleError
from oagw_tornado.knobs.real_upstream import RealUpstream
from oagw_tornado.proxying.upstream_connection import Connector

#: Seconds that an idle connection is kept: most servers close it after more.
KEPT_ALIVE = 15.0

#: Bytes of one read of a reply, and twice as many that wait in the client before it stops reading.
READ_SIZE = 64 * 2**10

#: Bytes of one header line of a reply, and how many there may be.
LARGEST_LINE = 64 * 2**10
MOST_LINES = 1000

# Headers that aiohttp would add: an upstream gets only what the client sent.
_NOT_ADDED = ("Accept", "Accept-Encoding", "User-Agent", "Content-Type")


class Pool:
    """The connections to `upstream`. Made on a running loop with the first request, until `close`."""

    def __init__(self, upstream: RealUpstream) -> None:
        self._upstream = upstream
        self._tls = _tls(upstream)
        self._session: aiohttp.ClientSession | None = None

    async def request(self, method: str, path: str, query: str, headers: list[tuple[str, str]], body: Any) -> Any:
        """The reply, an `aiohttp.ClientResponse`, once its head is there. `path` and `query` are sent as they are."""
        if self._session is None:
            self._session = self._new_session()
        origin = self._upstream.origin
        url = URL.build(
            scheme=origin.scheme, host=origin.host, port=origin.port, path=path, query_string=query, encoded=True
        )
        return await self._session.request(method, url, headers=headers, data=body, allow_redirects=False)

    async def close(self) -> None:
        """Close all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _new_session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=Connector(limit=0, keepalive_timeout=KEPT_ALIVE, ssl=self._tls),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=_NOT_ADDED,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._upstream.connect_timeout),
            read_bufsize=READ_SIZE,
            max_line_size=LARGEST_LINE,
            max_field_size=LARGEST_LINE,
            max_headers=MOST_LINES,
        )


def _tls(upstream: RealUpstream) -> ssl.SSLContext | bool:
    """What the upstream's certificate is verified by. Raises RuleError."""
    if upstream.tls_ca is None:
        return True
    if upstream.origin.scheme != "https":
        raise RuleError("tls-ca: the url is none of https")
    try:
        return ssl.create_default_context(cafile=upstream.tls_ca)
    except ssl.SSLError:
        raise RuleError(f"tls-ca: {upstream.tls_ca[:200]!r} holds no certificate in PEM") from None
    except OSError as error:
        raise RuleError(f"tls-ca: cannot read {upstream.tls_ca[:200]!r}: {error.strerror or error}") from None
