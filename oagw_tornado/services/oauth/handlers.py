"""The endpoints of the authorization server."""

from __future__ import annotations

from typing import Any

from oagw_tornado.gateway.given_out import StateAway
from oagw_tornado.reply.reply import JSON, Headers, Reply, json_reply
from oagw_tornado.services.handler import ServiceHandler
from oagw_tornado.services.oauth.server import AuthorizationServer
from oagw_tornado.services.oauth.token_requests import GRANTS, OAuthError, authenticated, read_form, read_token_request

# RFC 6749, section 5.1
_NOT_STORED: Headers = (("Cache-Control", "no-store"), ("Pragma", "no-cache"))


class OAuthHandler(ServiceHandler):
    """Asks for credentials of its own, so the gateway asks for none."""

    open_to = "service"

    @property
    def server(self) -> AuthorizationServer:
        """That of this simulator."""
        return AuthorizationServer(self.responder.states, self.responder.issued_tokens)

    @property
    def issuer(self) -> str:
        """The address of this service, as the client has called it."""
        path, _, _ = (self.request.path or "").partition("/.well-known")
        base = path.removesuffix("/token")
        return f"{self.request.protocol}://{self.request.host}{base}"

    def refuse(self, error: OAuthError) -> None:
        """Say what is wrong, as RFC 6749, section 5.2 has it."""
        challenge: Headers = (("WWW-Authenticate", 'Basic realm="oauth"'),) if error.status == 401 else ()
        body = {"error": error.code, "error_description": str(error)}
        self.respond(json_reply(body, error.status, _NOT_STORED + challenge))

    @property
    def clients(self) -> tuple[tuple[str, str], ...]:
        """Those that ``--oauth-client`` names."""
        return self.config.oauth_clients


class Token(OAuthHandler):
    """``token``: client_credentials and refresh_token."""

    async def post(self, *path_args: str) -> None:
        request = self.request
        headers = request.headers
        knobs = self.exchange.knobs
        assert knobs is not None
        try:
            asked = read_token_request(
                headers.get("Content-Type", ""), request.body, headers.get("Authorization"), self.clients
            )
            lifetime = knobs.token_lifetime.seconds
            granted = await self.server.grant(asked, lifetime, self.issuer)
        except OAuthError as error:
            self.refuse(error)
            return
        except StateAway as away:
            self.say_away(away)
            return
        self.respond(json_reply(granted, 200, _NOT_STORED))


class Revoke(OAuthHandler):
    """``revoke`` (RFC 7009): an access token, or a refresh token and the access token that came with it."""

    async def post(self, *path_args: str) -> None:
        request = self.request
        headers = request.headers
        try:
            form = read_form(headers.get("Content-Type", ""), request.body)
            client = authenticated(form, headers.get("Authorization"), self.clients)
            if not form.get("token"):
                raise OAuthError("invalid_request", "token is missing")
            await self.server.revoke(client, form["token"])
        except OAuthError as error:
            self.refuse(error)
            return
        except StateAway as away:
            self.say_away(away)
            return
        self.respond(Reply(200, _NOT_STORED, b""))


class Configuration(OAuthHandler):
    """``.well-known/openid-configuration`` (and ``oauth-authorization-server``, RFC 8414)."""

    async def get(self, *path_args: str) -> None:
        issuer = self.issuer
        document: dict[str, Any] = {
            "issuer": issuer,
            "token_endpoint": f"{issuer}/token",
            "revocation_endpoint": f"{issuer}/revoke",
            "jwks_uri": f"{issuer}/.well-known/jwks.json",
            "grant_types_supported": list(GRANTS),
            "response_types_supported": ["token"],
            "subject_types_supported": ["public"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        }
        try:
            signer = await self.server.signer()
        except StateAway as away:
            self.say_away(away)
            return
        document["id_token_signing_alg_values_supported"] = [] if signer is None else ["ES256"]
        self.respond(json_reply(document))

    head = get


class Keys(OAuthHandler):
    """``.well-known/jwks.json`` (RFC 7517): the key that tokens are signed with; none if they are not."""

    async def get(self, *path_args: str) -> None:
        try:
            signer = await self.server.signer()
        except StateAway as away:
            self.say_away(away)
            return
        self.respond(json_reply({"keys": [] if signer is None else [signer.jwk]}))

    head = get


class NotFound(OAuthHandler):
    """Any other path."""

    open_to = "bearers"

    def serve(self, *path_args: str) -> None:
        self.respond(Reply(404, JSON, json_reply({"error": "not_found"}).body))
