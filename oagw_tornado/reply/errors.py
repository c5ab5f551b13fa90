"""What goes with an error status: when to come back, whether it helps to, and a body that the OpenAI SDKs read."""

from __future__ import annotations

from http import HTTPStatus

import orjson

from oagw_tornado.reply.reply import Headers

#: The types that the OpenAI API gives to its errors.
_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}


def retry_headers(seconds: float) -> Headers:
    """When to come back: `retry-after` in whole seconds, rounded up (RFC 9110, 10.2.3), and in milliseconds."""
    return (
        ("Retry-After", str(-int(-seconds // 1))),
        ("Retry-After-Ms", f"{seconds * 1000:.3f}".rstrip("0").rstrip(".")),
    )


def no_retry(code: int) -> Headers:
    """What a gateway adds where sending the same request again cannot help."""
    return (("X-Should-Retry", "false"),) if 400 <= code < 500 and code not in (408, 409, 425, 429) else ()


def error_body(code: int) -> bytes:
    """An error object in the form that the OpenAI SDKs read."""
    try:
        phrase = HTTPStatus(code).phrase
    except ValueError:
        phrase = f"Status {code}"
    if code < 400 or code in (204, 304):
        return b""
    kind = _TYPES.get(code, "server_error" if code >= 500 else "invalid_request_error")
    return orjson.dumps({"error": {"message": f"{phrase} (injected)", "type": kind, "param": None, "code": None}})
