"""Cross-origin requests (WHATWG Fetch, section 3.3): what a page of another origin may request and read. Pure.

A browser lets a page of another origin read a reply only if the reply permits it, and sends a preflight before any
request that a form could not send. Without `--cors`, none of this is on the path of a request.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from oagw_tornado.gateway.refusal import refusal
from oagw_tornado.reply.reply import Headers, Reply

ANY = "*"

#: Headers that clients read, and that a page cannot read unless they are exposed.
EXPOSED = (
    "Retry-After",
    "Retry-After-Ms",
    "X-Should-Retry",
    "X-Request-Id",
    "X-OAGW-Error-Source",
    "Server-Timing",
    "X-RateLimit-Limit-Requests",
    "X-RateLimit-Limit-Tokens",
    "X-RateLimit-Remaining-Requests",
    "X-RateLimit-Remaining-Tokens",
    "X-RateLimit-Reset-Requests",
    "X-RateLimit-Reset-Tokens",
    "WWW-Authenticate",
    "Location",
    "Allow",
    "Date",
)
#: Headers that a page may always read (WHATWG Fetch, section 2.2.2), or does not need.
_SAFE = frozenset(
    (
        *(name.lower() for name in EXPOSED),
        "cache-control",
        "content-language",
        "content-length",
        "content-type",
        "expires",
        "last-modified",
        "pragma",
        "set-cookie",
        "vary",
        "x-accel-buffering",
    )
)
# What every reply to a page says.
_SAID_ONCE = frozenset(
    (
        "access-control-allow-origin",
        "access-control-allow-credentials",
        "access-control-expose-headers",
        "timing-allow-origin",
    )
)
_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
#: Seconds for which a browser may remember the answer to a preflight.
_MAX_AGE = 600
_LONGEST_LIST = 4096
# What a header is called, and a method (RFC 9110, section 5.6.2).
_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_NAMES = rf"{_NAME}(?:[ \t]*,[ \t]*{_NAME})*"


class Cors:
    """The origins that may ask, and what they are told."""

    def __init__(self, origins: Iterable[str]) -> None:
        self._origins = frozenset(origins)

    def preflight(self, headers: Mapping[str, str]) -> Reply | None:
        """The answer to an OPTIONS request that is a preflight; None if it is not one."""
        origin, method = headers.get("Origin"), headers.get("Access-Control-Request-Method")
        if origin is None or method is None:
            return None
        if self._allowed(origin) is None:
            return refusal(403, f"The origin {origin[:80]!r} is not allowed by --cors")
        fields = [
            ("Access-Control-Allow-Methods", _METHODS),
            ("Access-Control-Max-Age", str(_MAX_AGE)),
            ("Vary", "Access-Control-Request-Method, Access-Control-Request-Headers"),
        ]
        asked = headers.get("Access-Control-Request-Headers")
        if asked:
            if len(asked) > _LONGEST_LIST or re.fullmatch(_NAMES, asked) is None:
                return refusal(400, f"Access-Control-Request-Headers: {asked[:80]!r} is not a list of header names")
            fields.append(("Access-Control-Allow-Headers", asked))
        if headers.get("Access-Control-Request-Private-Network") == "true":
            fields.append(("Access-Control-Allow-Private-Network", "true"))
        return Reply(204, tuple(fields), b"", source="gateway")

    def fields(self, origin: str | None) -> Headers:
        """What a reply to a request of `origin`, its Origin header, carries. Empty: nothing."""
        allowed = None if origin is None else self._allowed(origin)
        # A cache must not give one origin the reply to another.
        vary: Headers = () if ANY in self._origins else (("Vary", "Origin"),)
        if allowed is None:
            return vary
        credentials: Headers = () if allowed == ANY else (("Access-Control-Allow-Credentials", "true"),)
        return (
            ("Access-Control-Allow-Origin", allowed),
            *credentials,
            ("Timing-Allow-Origin", allowed),
            *vary,
        )

    def _allowed(self, origin: str) -> str | None:
        if origin.lower() in self._origins:
            return origin
        return ANY if ANY in self._origins else None


def with_cors(own: Headers, cors: Headers, more: Headers = ()) -> Headers:
    """`own`, a reply's headers, with `cors` in place of what they say of other origins: a browser takes one answer.

    If the page may read the reply, all headers that the reply can have are exposed: the known ones, `own` and `more`.
    """
    kept = tuple(field for field in own if field[0].lower() not in _SAID_ONCE)
    if cors[0][0] == "Vary":
        return kept + cors
    names = dict.fromkeys(name for name, _ in kept + more if name.lower() not in _SAFE)
    return (*kept, *cors, ("Access-Control-Expose-Headers", ", ".join((*EXPOSED, *names))))
