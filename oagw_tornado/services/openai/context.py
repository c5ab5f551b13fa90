"""What a reply of the OpenAI service depends on beside the request's own body."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from oagw_tornado.reply.reply import Headers

SYSTEM_FINGERPRINT = "fp_0a9d7b3c51"


class Context(NamedTuple):
    """The id and time of this request, and how the service is set up."""

    request_id: str
    created: int
    is_exact: bool = False
    """The real service's shape (``--openai-profile openai``), not the prototype's."""
    output_tokens: int | None = None
    tokens_per_event: int = 1


@lru_cache(256)
def with_api_headers(headers: Headers, processing_ms: int) -> Headers:
    """`headers` and what the API says of itself with each reply."""
    return (*headers, ("openai-processing-ms", str(processing_ms)), ("openai-version", "2020-10-01"))
