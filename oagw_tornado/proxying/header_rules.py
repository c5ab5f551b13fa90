"""Which header lines are passed on: those of one connection, or for the gateway itself, are not. Pure.

Hop-by-hop fields (RFC 9110, section 7.6.1) are those listed here and those that ``Connection`` names.
"""

from __future__ import annotations

from collections.abc import Iterable

from oagw_tornado.reply.reply import Headers

#: Fields that hold for one connection alone.
HOP_BY_HOP = frozenset(
    (
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)

#: What the gateway and its clients say to each other.
_OURS = ("x-oagw-", "x-sim-")

# Of a request: who is asked and how the body is framed is said anew; the caller's credential was for the gateway.
_REQUEST = HOP_BY_HOP | {"host", "content-length", "expect", "authorization"}

# Of a reply: the wire frames the body and says the date.
_REPLY = HOP_BY_HOP | {"content-length", "date"}

#: Where the upstream's own id of a request goes: ``X-Request-Id`` is the gateway's, which the journal knows.
UPSTREAM_ID = "X-Upstream-Request-Id"


#: What announces trailers: it passes where they do.
TRAILER = "trailer"


def passed_request(lines: Iterable[tuple[str, str]], own: Headers, key_header: str = "") -> list[tuple[str, str]]:
    """The lines that a real upstream gets: the client's, with its `own` in the place of those of the same name.

    `key_header` is where the gateway takes its key beside ``Authorization``.
    """
    given = list(lines)
    behind = _REQUEST | _named(given) | {name.lower() for name, _ in own} | {key_header.lower()}
    return [line for line in given if _passes(line[0].lower(), behind)] + list(own)


def passed_reply(lines: Iterable[tuple[str, str]], *, with_trailers: bool = False) -> Headers:
    """The lines that the client gets of a reply. `with_trailers`: it is told which fields follow the body."""
    given = list(lines)
    behind = (_REPLY - {TRAILER} if with_trailers else _REPLY) | _named(given)
    return tuple(
        (_RENAMED.get(lowered, name), value) for name, value in given if _passes(lowered := name.lower(), behind)
    )


# The gateway looks at the type by this name.
_RENAMED = {"x-request-id": UPSTREAM_ID, "content-type": "Content-Type"}


def _passes(name: str, behind: frozenset[str] | set[str]) -> bool:
    return name not in behind and not name.startswith(_OURS)


def _named(lines: list[tuple[str, str]]) -> set[str]:
    """What ``Connection`` names."""
    values = [value for name, value in lines if name.lower() == "connection"]
    return {each.strip().lower() for value in values for each in value.split(",")} if values else set()
