"""A transport for httpx whose timeout is a deadline, not a duration.

httpx limits each read separately, so a body that trickles never times out, and one that stalls late times out late.
httpcore passes the limits of a request through to the network stream unchanged. So the limit passed in is the
deadline of the request, and the streams made here use what is left of it at each read and write.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable, Iterator
from typing import Any, cast

import httpcore
import httpx


class Deadline:
    """The instant by which a request, including its body, must be finished; None means no limit."""

    def __init__(self, timeout: float | None) -> None:
        self._at = None if timeout is None else time.monotonic() + timeout

    def left(self) -> float | None:
        """Seconds, at most 0 if it is over; None: without end."""
        return None if self._at is None else self._at - time.monotonic()

    def as_extension(self) -> dict[str, Any]:
        """What a request carries under ``timeout``."""
        return {"timeout": {"connect": self, "read": self, "write": self, "pool": None}}


def _left(limit: Any, expired: type[httpcore.TimeoutException]) -> float | None:
    seconds = limit.left() if isinstance(limit, Deadline) else None
    if seconds is not None and seconds <= 0:
        raise expired("the request timed out")
    return seconds


class DeadlineStream(httpcore.NetworkStream):
    """A connection whose reads and writes time out at a deadline."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return DeadlineStream(
            self._stream.start_tls(ssl_context, server_hostname, _left(timeout, httpcore.ConnectTimeout))
        )

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class DeadlineBackend(httpcore.SyncBackend):
    """Makes connections of this kind."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return DeadlineStream(super().connect_tcp(host, port, left, local_address, socket_options))


class _Body(httpx.SyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        yield from cast(Iterable[bytes], self._response.stream)

    def close(self) -> None:
        self._response.close()


class DeadlineTransport(httpx.BaseTransport):
    """A connection pool without a limit: a load test, not the pool, decides how many streams are open."""

    def __init__(self) -> None:
        self._pool = httpcore.ConnectionPool(
            max_connections=None, max_keepalive_connections=20, network_backend=DeadlineBackend()
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        response = self._pool.handle_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                headers=request.headers.raw,
                content=cast(Iterable[bytes], request.stream),
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            response.status, headers=response.headers, stream=_Body(response), extensions=response.extensions
        )

    def close(self) -> None:
        self._pool.close()
