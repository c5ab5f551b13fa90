"""Bearer tokens (RFC 6750, section 2.1), as the prototype read them: the scheme is case-sensitive."""

from __future__ import annotations

from collections.abc import Iterable
from hmac import compare_digest
from urllib.parse import unquote_plus

from oagw_tornado.gateway.refusal import FORBIDDEN, UNAUTHORIZED
from oagw_tornado.reply.reply import Reply


def refuse_bearer(authorization: str | None, tokens: Iterable[str]) -> Reply | None:
    """The refusal that `authorization`, the header's value, deserves; None if it holds one of `tokens`.

    What is no bearer credential at all is a 401, a bearer token that is wrong or empty a 403.
    """
    if authorization is None or not authorization.startswith("Bearer "):
        return UNAUTHORIZED
    return None if is_one_of(authorization[7:], tokens) else FORBIDDEN


def take_token(query: str) -> tuple[str | None, str, str]:
    """The ``access_token`` of a query (RFC 6750, section 2.3), the query without it, and the query with it masked.

    Given twice it is empty, which no token is: nobody can say which of them counts.
    """
    token: str | None = None
    kept: list[str] = []
    masked: list[str] = []
    for pair in query.split("&"):
        name, _, text = pair.partition("=")
        if unquote_plus(name) == "access_token":
            token = unquote_plus(text, "latin-1") if token is None else ""
            masked.append(f"{name}=***")
        else:
            kept.append(pair)
            masked.append(pair)
    return token, "&".join(kept), "&".join(masked)


def is_one_of(given: str, tokens: Iterable[str]) -> bool:
    """Whether `given` is one of `tokens`, compared in a time that says nothing of where they differ."""
    if not given.isascii():  # every token is, and `compare_digest` takes no other text
        return False
    found = False
    for token in tokens:
        found |= compare_digest(given, token)
    return found
