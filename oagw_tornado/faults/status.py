"""The fault that answers something else altogether: an error status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from random import Random
from typing import ClassVar

import orjson

from oagw_tornado.durations import parse_duration
from oagw_tornado.faults.fault import Fault, Parameter, one_of, whole
from oagw_tornado.reply import JSON, Headers, Reply
from oagw_tornado.schedule import Action, Schedule

#: The types that the OpenAI API gives to its errors.
_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Status(Fault):
    """Another status than the service's, with an error as the OpenAI API words it; `blame` says whose it is."""

    type: ClassVar[str] = "status"
    parameters: ClassVar[Mapping[str, Parameter]] = {
        "code": ("code", whole(200, 599)),
        "retry-after": ("retry_after", parse_duration),
        "source": ("blame", one_of("upstream", "gateway")),
    }

    code: int = 503
    retry_after: float | None = None
    blame: str = "upstream"

    def amend(self, reply: Reply) -> Reply:
        headers: Headers = JSON
        if self.retry_after is not None:
            headers += retry_headers(self.retry_after)
        if self.blame == "gateway":
            headers += no_retry(self.code)
            return Reply(self.code, headers, error_body(self.code), source="gateway")
        return Reply(self.code, headers, error_body(self.code))

    def strike(self, schedule: Schedule, reply: Reply, random: Random) -> Schedule:
        for step in schedule:
            yield step._replace(note=self.note) if step.action is Action.END else step


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
