"""Authorization by bearer token (RFC 6750, section 2.1), as in the prototype: the scheme is case-sensitive."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hmac import compare_digest
from urllib.parse import unquote_plus

from oagw_tornado.gateway.refusal import FORBIDDEN, UNAUTHORIZED, unauthorized
from oagw_tornado.reply.reply import Reply


def refuse_bearer(
    authorization: str | None, tokens: Iterable[str], missing: Reply = UNAUTHORIZED, wrong: Reply = FORBIDDEN
) -> Reply | None:
    """The refusal that `authorization`, the header's value, deserves; None if it holds one of `tokens`.

    Without a bearer credential the answer is a 401, with a wrong or empty bearer token a 403.
    """
    if authorization is None or not authorization.startswith("Bearer "):
        return missing
    return None if is_one_of(authorization[7:], tokens) else wrong


class Credentials:
    """Where the clients of each upstream put their credentials, which decide access and the rate limit that applies.

    `key_headers` has, by alias, the header in which the clients of some upstreams send their key in place of a bearer.
    """

    def __init__(self, key_headers: Mapping[str, str]) -> None:
        self._key_headers = {alias: name for alias, name in key_headers.items() if name}
        self._missing = {alias: unauthorized(name) for alias, name in self._key_headers.items()}

    def given(self, alias: str, headers: Mapping[str, str]) -> str | None:
        """What a request for `alias` shows, as ``Bearer …``; None: nothing."""
        authorization = headers.get("Authorization")
        return self._own_key(alias, headers) if authorization is None else authorization

    def refuse(self, alias: str, headers: Mapping[str, str], tokens: Iterable[str]) -> Reply | None:
        """The refusal that a request for `alias` deserves; None if it shows one of `tokens`."""
        authorization = headers.get("Authorization")
        if authorization is None:
            authorization = self._own_key(alias, headers)
        refusal = refuse_bearer(authorization, tokens)
        return self._missing.get(alias, refusal) if refusal is UNAUTHORIZED else refusal

    def _own_key(self, alias: str, headers: Mapping[str, str]) -> str | None:
        name = self._key_headers.get(alias)
        key = headers.get(name) if name is not None else None
        return None if key is None else f"Bearer {key}"


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
