"""What an authorization server remembers: its key, and who may refresh what. Several processes are one server."""

from __future__ import annotations

import asyncio
import secrets
from importlib import import_module
from time import time
from typing import TYPE_CHECKING, Any

import orjson

from oagw_tornado.gateway.given_out import Kind
from oagw_tornado.services.oauth.token_requests import OAuthError, TokenRequest

if TYPE_CHECKING:
    from oagw_tornado.gateway.issued_tokens import IssuedTokens
    from oagw_tornado.gateway.service_states import ServiceStates
    from oagw_tornado.services.oauth.signing import Signer

#: Refresh tokens that are remembered, and the bytes that go with them; the oldest go.
MOST_REFRESH_TOKENS = 10_000
MOST_REFRESH_BYTES = 32 * 2**20

# By refresh token: the client, its scope, and the access token that it came with.
_REFRESH = Kind("refresh-tokens", MOST_REFRESH_TOKENS, MOST_REFRESH_BYTES)
_KEY = "oauth-signing-key"


class KeyRing:
    """The key of one simulator's server, once somebody has asked for it."""

    def __init__(self) -> None:
        self.signer: Signer | None = None


class AuthorizationServer:
    """The server, for one request: all that it remembers is in `states`. What it does raises StateAway."""

    def __init__(self, states: ServiceStates, issued: IssuedTokens) -> None:
        self._states = states
        self._issued = issued

    async def signer(self) -> Signer | None:
        """The key, made when first asked for; None if tokens are not signed here."""
        ring = self._states.of(KeyRing)
        if ring.signer is None:
            try:
                # Loading it takes a tenth of a second and must not make a stream late, so it is done off the loop.
                module = await asyncio.get_running_loop().run_in_executor(
                    None, import_module, "oagw_tornado.services.oauth.signing"
                )
            except ImportError:
                return None
            states = self._states
            key = await states.decided(lambda: states.entries.agree(_KEY, module.new_key))
            ring.signer = ring.signer or module.Signer(key)
        return ring.signer

    async def grant(self, request: TokenRequest, lifetime: float, issuer: str) -> dict[str, Any]:
        """A new access token, and a new refresh token in the place of the one that was used. Raises OAuthError."""
        signer = await self.signer()
        client, scope = request.client, request.scope
        if request.grant == "refresh_token":
            scope = await self._refreshed_scope(request)
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
        refresh = secrets.token_urlsafe(32)
        value = orjson.dumps((client, scope, access))
        for known in (self._issued.add(access, lifetime), self._states.entries.put(_REFRESH, refresh, value)):
            if known is not None:
                await known
        return {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": max(1, int(lifetime)),
            "refresh_token": refresh,
            **({"scope": scope} if scope else {}),
        }

    async def revoke(self, client: str, token: str) -> None:
        """Have an access token, or a refresh token with the access token of its own, be worth nothing (RFC 7009)."""
        states, access = self._states, token
        held = await states.decided(lambda: states.entries.get(_REFRESH, token))
        if held is not None:
            owner, _, access = orjson.loads(held.value)
            if owner != client:
                return
            await states.decided(lambda: states.entries.take(_REFRESH, token))
        known = await states.decided(lambda: self._issued.revoke(access))
        if known is not None:
            await known

    async def _refreshed_scope(self, request: TokenRequest) -> str:
        """The scope of a token that is refreshed; its refresh token is used then. Raises OAuthError."""
        entries, token = self._states.entries, request.refresh_token
        held = await self._states.decided(lambda: entries.take(_REFRESH, token))
        client, scope, _ = orjson.loads(held.value) if held is not None else ("", "", "")
        if client != request.client:
            raise OAuthError("invalid_grant", "the refresh token is unknown, another client's, or used already")
        if not set(request.scope.split()) <= set(scope.split()):
            raise OAuthError("invalid_scope", "a refreshed token cannot have more scope than the original one")
        return request.scope or str(scope)
