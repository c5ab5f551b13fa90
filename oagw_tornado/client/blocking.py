"""The client for code without an event loop."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self

import httpx

from oagw_tornado.client.deadline import Deadline, DeadlineTransport
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


class Response(ReplyHead):
    """A reply whose body has not been read yet.

    Reading it to its end returns the connection to the pool; so does `close`, ``with``, or dropping the response, which
    break off a stream that is still running. Everything that reads raises the client's errors.
    """

    def bytes(self) -> Bytes:
        """The whole body, which is kept once read."""
        with translated():
            return self._reply.read()

    def text(self) -> str:
        """The whole body as text, by the charset of its content type."""
        self.bytes()
        return self._reply.text

    def json(self) -> Any:
        """The whole body, read as JSON; OagwResponseError if it is not valid JSON."""
        return self._decoded_json(self.bytes())

    def iter_bytes(self) -> Iterator[Bytes]:
        """The body, piece by piece as it arrives."""
        with translated():
            yield from self._reply.iter_bytes()

    def iter_events(self, max_event_size: int = MAX_EVENT_SIZE) -> Iterator[Event]:
        """The server-sent events as they arrive; OagwResponseError if the reply is not an event stream."""
        decoder = self._event_decoder(max_event_size)
        for piece in self.iter_bytes():
            try:
                events = decoder.feed(piece)
            except EventTooLarge as error:
                yield from error.events
                self.close()
                raise OagwResponseError(str(error)) from error
            yield from events

    def close(self) -> None:
        """Close the connection to the reply, even in mid-stream."""
        self._reply.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()


class OagwClient:
    """A client of the gateway at `base_url`. It may be shared by threads.

    `timeout` is in seconds and limits a request as a whole, from the call to the last byte of its body, whatever the
    caller does in between; None means no limit. A stream that runs longer needs its own (``execute(timeout=…)``).
    """

    def __init__(self, base_url: str, token: str | None = None, *, timeout: float | None = DEFAULT_TIMEOUT) -> None:
        self._target = Target(base_url, token)
        self._timeout = timeout
        self._http = httpx.Client(transport=DeadlineTransport(), trust_env=False)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.base_url}>"

    @classmethod
    def from_env(cls, *, timeout: float | None = DEFAULT_TIMEOUT) -> Self:
        """From ``OAGW_BASE_URL`` and ``OAGW_AUTH_TOKEN``; ValueError names the one that is missing."""
        return cls(*target_from_env(), timeout=timeout)

    @property
    def base_url(self) -> str:
        return self._target.base_url

    def execute(
        self,
        alias: str,
        method: str,
        path: str,
        *,
        json: Any = None,
        content: str | bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        params: Params | None = None,
        timeout: float | Unset | None = UNSET,
    ) -> Response:
        """Send a request to the upstream `alias` and return its reply once the headers are there.

        A 4xx or 5xx status is a reply like any other. Raises OagwConnectionError, OagwTimeoutError or
        OagwResponseError; so does everything that reads the body.
        """
        url = self._target.proxy_url(alias, path, params)
        return self._send(method, url, timeout, headers, json=json, content=content)

    def gateway_status(self) -> Response:
        """The gateway's own status document."""
        return self._send("GET", self._target.status_url(), UNSET, None)

    def _send(
        self,
        method: str,
        url: httpx.URL,
        timeout: float | Unset | None,
        headers: Mapping[str, str] | None,
        **body: Any,
    ) -> Response:
        deadline = Deadline(self._timeout if isinstance(timeout, Unset) else timeout)
        headers = self._target.headers_with(headers)
        request = self._http.build_request(method, url, headers=headers, extensions=deadline.as_extension(), **body)
        with translated():
            return Response(self._http.send(request, stream=True))

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
