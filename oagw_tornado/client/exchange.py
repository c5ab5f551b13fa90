"""What both clients share for a request and its reply: values, no socket."""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import Enum
from typing import Any

import httpx
import orjson

from oagw_tornado.client.errors import OagwResponseError
from oagw_tornado.reply.sse import MAX_EVENT_SIZE, EventDecoder

Params = Mapping[str, Any]

DEFAULT_TIMEOUT = 30.0
"""Seconds for a whole request, body included."""


class ErrorSource(Enum):
    """Who made a reply: ``X-OAGW-Error-Source``."""

    GATEWAY = "gateway"
    UPSTREAM = "upstream"
    UNKNOWN = "unknown"

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> ErrorSource:
        """Read the header, whose value counts without regard to case."""
        value = headers.get("x-oagw-error-source", "").strip().lower()
        return cls(value) if value in ("gateway", "upstream") else cls.UNKNOWN


class Unset(Enum):
    """A parameter that was not given, where None has its own meaning."""

    UNSET = "unset"


UNSET = Unset.UNSET


class Target:
    """Where requests go, and the token they carry."""

    def __init__(self, base_url: str, token: str | None) -> None:
        base_url = base_url.rstrip("/")
        if not base_url.startswith(("http://", "https://")):
            raise ValueError(f"base_url is not an http or https URL: {base_url[:80]!r}")
        self.base_url = base_url
        self._headers = {"Authorization": f"Bearer {token}"} if token is not None else {}

    def headers_with(self, more: Mapping[str, str] | None) -> httpx.Headers:
        """The headers of a request; the caller's take precedence, including Authorization."""
        headers = httpx.Headers(self._headers)
        headers.update(more)
        return headers

    def proxy_url(self, alias: str, path: str, params: Params | None) -> httpx.URL:
        """``{base}/api/oagw/v1/proxy/{alias}{path}``, with `params` added to the query that `path` may have."""
        if path and path[0] not in "/?":
            path = f"/{path}"
        url = httpx.URL(f"{self.base_url}/api/oagw/v1/proxy/{alias}{path}")
        return url.copy_merge_params(params) if params else url

    def status_url(self) -> httpx.URL:
        return httpx.URL(f"{self.base_url}/api/oagw/v1/status")


def target_from_env() -> tuple[str, str]:
    """Base URL and token from ``OAGW_BASE_URL`` and ``OAGW_AUTH_TOKEN``; ValueError names what is missing."""
    missing = [name for name in ("OAGW_BASE_URL", "OAGW_AUTH_TOKEN") if not os.environ.get(name)]
    if missing:
        raise ValueError(f"not set in the environment: {' and '.join(missing)}")
    return os.environ["OAGW_BASE_URL"], os.environ["OAGW_AUTH_TOKEN"]


class ReplyHead:
    """Status and headers of a reply, and what follows from them."""

    def __init__(self, reply: httpx.Response) -> None:
        self._reply = reply
        self.status: int = reply.status_code
        #: Names are looked up without regard to case.
        self.headers: httpx.Headers = reply.headers
        self.error_source: ErrorSource = ErrorSource.of(reply.headers)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.status} from {self.error_source.value}>"

    def _event_decoder(self, max_event_size: int) -> EventDecoder:
        kind = self.headers.get("content-type", "")
        if kind.partition(";")[0].strip().lower() != "text/event-stream":
            raise OagwResponseError(
                f"the reply is not an event stream: status {self.status}, {kind or 'no content type'}"
            )
        return EventDecoder(max_event_size)

    def _decoded_json(self, body: bytes) -> Any:
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise OagwResponseError(f"the body is not JSON ({error}): {body[:80]!r}") from error


__all__ = [
    "DEFAULT_TIMEOUT",
    "MAX_EVENT_SIZE",
    "UNSET",
    "ErrorSource",
    "ReplyHead",
    "Params",
    "Target",
    "target_from_env",
]
