"""Bearer tokens (RFC 6750, section 2.1), as the prototype read them: the scheme is case-sensitive."""

from __future__ import annotations

from collections.abc import Collection

from oagw_tornado.gateway.refusal import FORBIDDEN, UNAUTHORIZED
from oagw_tornado.reply.reply import Reply


def refuse_bearer(authorization: str | None, tokens: Collection[str]) -> Reply | None:
    """The refusal that `authorization`, the header's value, deserves; None if it holds one of `tokens`.

    What is no bearer credential at all is a 401, a bearer token that is wrong or empty a 403.
    """
    if authorization is None or not authorization.startswith("Bearer "):
        return UNAUTHORIZED
    return None if authorization[7:] in tokens else FORBIDDEN
