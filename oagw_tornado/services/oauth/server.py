"""What an authorization server remembers: its key, and who may refresh what."""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from importlib import import_module
from time import time
from typing import TYPE_CHECKING, Any

from oagw_tornado.gateway.issued_tokens import IssuedTokens
from oagw_tornado.services.oauth.token_requests import OAuthError, TokenRequest

if TYPE_CHECKING:
    from oagw_tornado.services.oauth.signing import Signer

#: Refresh tokens that are remembered; the oldest go.
MOST_REFRESH_TOKENS = 10_000


class AuthorizationServer:
    """One for each simulator."""

    def __init__(self) -> None:
        # None until somebody asks, or without `cryptography`.
        self._signer: Signer | None = None
        self._has_looked = False
        # By refresh token: the client, its scope, and the access token that it came with.
        self._refresh: OrderedDict[str, tuple[str, str, str]] = OrderedDict()

    async def signer(self) -> Signer | None:
        """The key, made when first asked for; None if tokens are not signed here."""
        if not self._has_looked:
            try:
                # Loading it takes a tenth of a second, by which no stream is to be late: beside the loop, not in it.
                module = await asyncio.get_running_loop().run_in_executor(
                    None, import_module, "oagw_tornado.services.oauth.signing"
                )
            except ImportError:
                self._has_looked = True
            else:
                self._signer = self._signer or module.Signer()
                self._has_looked = True
        return self._signer

    async def grant(self, request: TokenRequest, lifetime: float, issuer: str, issued: IssuedTokens) -> dict[str, Any]:
        """A new access token, and a new refresh token in the place of the one that was used. Raises OAuthError."""
        signer = await self.signer()
        client, scope = request.client, request.scope
        if request.grant == "refresh_token":
            held = self._refresh.pop(request.refresh_token, None)
            if held is None or held[0] != client:
                raise OAuthError("invalid_grant", "the refresh token is unknown, another client's, or used already")
            scope = scope or held[1]
            if not set(scope.split()) <= set(held[1].split()):
                raise OAuthError("invalid_scope", "a refreshed token cannot have more scope than the original one")
        number = secrets.token_urlsafe(16)
        now = int(time())
        claims = {
            "iss": issuer,
            "sub": client,
            "client_id": client,
            "aud": "oagw-tornado",
            "iat": now,
            "exp": now + max(1, round(lifetime)),
            "jti": number,
            **({"scope": scope} if scope else {}),
        }
        access = secrets.token_urlsafe(32) if signer is None else signer.sign(claims)
        issued.add(access, lifetime)
        refresh = secrets.token_urlsafe(32)
        self._refresh[refresh] = (client, scope, access)
        if len(self._refresh) > MOST_REFRESH_TOKENS:
            self._refresh.popitem(last=False)
        return {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": max(1, int(lifetime)),
            "refresh_token": refresh,
            **({"scope": scope} if scope else {}),
        }

    def revoke(self, client: str, token: str, issued: IssuedTokens) -> None:
        """Have an access token, or a refresh token with the access token of its own, be worth nothing (RFC 7009)."""
        held = self._refresh.get(token)
        if held is None:
            issued.revoke(token)
        elif held[0] == client:
            del self._refresh[token]
            issued.revoke(held[2])
