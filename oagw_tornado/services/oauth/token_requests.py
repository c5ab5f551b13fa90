"""Requests to the token endpoint (RFC 6749, sections 2.3 and 4 to 6). Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from hmac import compare_digest
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote_plus

#: The grants that are served.
GRANTS = ("client_credentials", "refresh_token")
_FORM = "application/x-www-form-urlencoded"
#: Bytes of a form; an assertion of a certificate with its chain has ten thousand.
LARGEST_FORM = 64 * 2**10
_MOST_FIELDS = 50


class OAuthError(Exception):
    """An error of section 5.2: its code, and what a person makes of it."""

    def __init__(self, code: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.code = code
        self.status = status


class TokenRequest(NamedTuple):
    """Who asks for which token."""

    client: str
    grant: str
    scope: str = ""
    refresh_token: str = ""


def read_token_request(
    content_type: str, body: bytes, authorization: str | None, clients: Iterable[tuple[str, str]] = ()
) -> TokenRequest:
    """Read a request for a token. `clients` are the known ones, with their secrets; if empty, any id with any secret.

    Raises OAuthError.
    """
    form = read_form(content_type, body)
    client = authenticated(form, authorization, tuple(clients))
    grant = form.get("grant_type")
    if grant is None:
        raise OAuthError("invalid_request", "grant_type is missing")
    if grant not in GRANTS:
        raise OAuthError("unsupported_grant_type", f"{grant[:40]!r} is not one of {', '.join(GRANTS)}")
    if grant == "refresh_token" and not form.get("refresh_token"):
        raise OAuthError("invalid_request", "refresh_token is missing")
    scope = form.get("scope", "")
    if len(scope) > 1000 or not scope.isascii() or not (scope.isprintable() and '"' not in scope and "\\" not in scope):
        raise OAuthError("invalid_scope", "scope: expected words of visible ASCII, 1000 characters at most")
    return TokenRequest(client, grant, " ".join(scope.split()), form.get("refresh_token", ""))


def read_form(content_type: str, body: bytes) -> dict[str, str]:
    """The fields of a form, each at most once (section 3.2). Raises OAuthError."""
    if content_type.partition(";")[0].strip().lower() != _FORM:
        raise OAuthError("invalid_request", f"expected a form ({_FORM}), not {content_type[:80]!r}")
    if len(body) > LARGEST_FORM:
        raise OAuthError("invalid_request", f"the form is larger than {LARGEST_FORM} bytes", 413)
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise OAuthError("invalid_request", "the body is not a form") from None
    form: dict[str, str] = {}
    for name, value in pairs:
        if name in form:
            raise OAuthError("invalid_request", f"{name[:40]!r} is given more than once")
        form[name] = value
    return form


def authenticated(form: dict[str, str], authorization: str | None, clients: tuple[tuple[str, str], ...]) -> str:
    """The client that a request authenticates, by HTTP Basic or in its form (section 2.3.1). Raises OAuthError."""
    if authorization is not None:
        if "client_secret" in form:
            raise OAuthError("invalid_request", "the client authenticates in two ways at once")
        client, secret = _basic(authorization)
    else:
        client, secret = form.get("client_id", ""), form.get("client_secret", "")
    if not client or not secret:
        raise OAuthError("invalid_client", "expected client_id and client_secret, by HTTP Basic or in the form", 401)
    known = not clients
    for other, other_secret in clients:
        known |= _same(client, other) & _same(secret, other_secret)
    if not known:
        raise OAuthError("invalid_client", "no such client, or another secret", 401)
    return client[:200]


def _basic(authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise OAuthError("invalid_client", f"expected Basic credentials, not {scheme[:20]!r}", 401)
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        raise OAuthError("invalid_client", "the Basic credentials are not base64", 401) from None
    client, _, secret = text.partition(":")
    return unquote_plus(client), unquote_plus(secret)


def _same(one: str, other: str) -> bool:
    return compare_digest(one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass"))
