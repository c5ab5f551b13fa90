"""What the OpenAI service says of itself with each reply."""

from __future__ import annotations

from functools import lru_cache

from oagw_tornado.reply.reply import Headers
from oagw_tornado.services.dialect import Context

__all__ = ["Context", "SYSTEM_FINGERPRINT", "with_api_headers"]

SYSTEM_FINGERPRINT = "fp_0a9d7b3c51"


@lru_cache(256)
def with_api_headers(headers: Headers, processing_ms: int) -> Headers:
    """`headers` and what the API says of itself with each reply."""
    others = [field for field in headers if not field[0].startswith("openai-")]
    return (*others, ("openai-processing-ms", str(processing_ms)), ("openai-version", "2020-10-01"))
