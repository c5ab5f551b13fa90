"""The client for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Self

import httpx

from oagw_tornado.client.errors import OagwResponseError, translated
from oagw_tornado.client.exchange import (
    DEFAULT_TIMEOUT,
    MAX_EVENT_SIZE,
    UNSET,
    Params,
    ReplyHead,
    Target,
    Unset,
    target_from_env,
)
from oagw_tornado.reply.sse import Event, EventTooLarge

Bytes = bytes  # the class below has a method of that name


class AsyncResponse(ReplyHead):
    """A reply whose body has not been read yet.

    Reading it to its end returns the connection to the pool; so does `close` or ``async with``, which break off a
    stream that is still running. Everything that reads raises the client's errors.
    """

    def __init__(self, reply: httpx.Response, deadline: float | None) -> None:
        super().__init__(reply)
        self._deadline = deadline  # in the loop's time

    async def bytes(self) -> Bytes:
        """The whole body, which is kept once read."""
        with translated():
            async with asyncio.timeout_at(self._deadline):
                return await self._reply.aread()

    async def text(self) -> str:
        """The whole body as text, by the charset of its content type."""
        await self.bytes()
        return self._reply.text

    async def json(self) -> Any:
        """The whole body, read as JSON; OagwResponseError if it is not valid JSON."""
        return self._decoded_json(await self.bytes())

    async def iter_bytes(self) -> AsyncIterator[Bytes]:
        """The body, piece by piece as it arrives."""
        pieces = self._reply.aiter_bytes()
        while True:
            with translated():
                try:
                    async with asyncio.timeout_at(self._deadline):
                        piece = await anext(pieces)
                except StopAsyncIteration:
                    return
            yield piece

    async def iter_events(self, max_event_size: int = MAX_EVENT_SIZE) -> AsyncIterator[Event]:
        """The server-sent events as they arrive; OagwResponseError if the reply is not an event stream."""
        decoder = self._event_decoder(max_event_size)
        async for piece in self.iter_bytes():
            try:
                events = decoder.feed(piece)
            except EventTooLarge as error:
                for event in error.events:
                    yield event
                await self.close()
                raise OagwResponseError(str(error)) from error
            for event in events:
                yield event

    async def close(self) -> None:
        """Close the connection to the reply, even in mid-stream."""
        await self._reply.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class AsyncOagwClient:
    """A client of the gateway at `base_url`, for one event loop.

    `timeout` is in seconds and limits a request as a whole, from the call to the last byte of its body, whatever the
    caller does in between; None means no limit. A stream that runs longer needs its own (``execute(timeout=…)``).
    """

    def __init__(self, base_url: str, token: str | None = None, *, timeout: float | None = DEFAULT_TIMEOUT) -> None:
        self._target = Target(base_url, token)
        self._timeout = timeout
        self._http = httpx.AsyncClient(
            # The certificates take a while to load. Those of SSL_CERT_FILE count, all else of the environment does not.
            verify=httpx.create_ssl_context() if base_url.startswith("https:") else False,
            trust_env=False,
            timeout=None,
            # No limit on connections: a load test, not the pool, decides how many streams are open.
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.base_url}>"

    @classmethod
    def from_env(cls, *, timeout: float | None = DEFAULT_TIMEOUT) -> Self:
        """From ``OAGW_BASE_URL`` and ``OAGW_AUTH_TOKEN``; ValueError names the one that is missing."""
        return cls(*target_from_env(), timeout=timeout)

    @property
    def base_url(self) -> str:
        return self._target.base_url

    async def execute(
        self,
        alias: str,
        method: str,
        path: str,
        *,
        json: Any = None,
        content: str | bytes | AsyncIterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        params: Params | None = None,
        timeout: float | Unset | None = UNSET,
    ) -> AsyncResponse:
        """Send a request to the upstream `alias` and return its reply once the headers are there.

        A 4xx or 5xx status is a reply like any other. Raises OagwConnectionError, OagwTimeoutError or
        OagwResponseError; so does everything that reads the body.
        """
        url = self._target.proxy_url(alias, path, params)
        return await self._send(method, url, self._deadline(timeout), headers, json=json, content=content)

    async def gateway_status(self) -> AsyncResponse:
        """The gateway's own status document."""
        return await self._send("GET", self._target.status_url(), self._deadline(UNSET), None)

    def _deadline(self, timeout: float | Unset | None) -> float | None:
        seconds = self._timeout if isinstance(timeout, Unset) else timeout
        return None if seconds is None else asyncio.get_running_loop().time() + seconds

    async def _send(
        self, method: str, url: httpx.URL, deadline: float | None, headers: Mapping[str, str] | None, **body: Any
    ) -> AsyncResponse:
        request = self._http.build_request(method, url, headers=self._target.headers_with(headers), **body)
        with translated():
            async with asyncio.timeout_at(deadline):
                return AsyncResponse(await self._http.send(request, stream=True), deadline)

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
