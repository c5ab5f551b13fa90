"""What the OpenAI service adds to each reply: its own headers and identifiers."""

from __future__ import annotations

from oagw_tornado.reply.reply import EVENT_STREAM, JSON, Headers
from oagw_tornado.services.context import Context

__all__ = ["Context", "SYSTEM_FINGERPRINT", "with_api_headers"]

SYSTEM_FINGERPRINT = "fp_0a9d7b3c51"

#: The clients read each event as JSON: in a silent stream nothing else can be said to them.
SIGN_OF_LIFE = b": keep-alive\n\n"


def with_api_headers(headers: Headers, processing_ms: int) -> Headers:
    """`headers` and what the API says of itself with each reply."""
    # What most replies have. No cache: a caller could fill it with latencies of its own.
    if processing_ms == 0 and (ready := _READY.get(headers)) is not None:
        return ready
    return _with_api_headers(headers, processing_ms)


def _with_api_headers(headers: Headers, processing_ms: int) -> Headers:
    others = [field for field in headers if not field[0].startswith("openai-")]
    return (*others, ("openai-processing-ms", str(processing_ms)), ("openai-version", "2020-10-01"))


_READY = {headers: _with_api_headers(headers, 0) for headers in (JSON, EVENT_STREAM)}
