"""Tokens for clients: the endpoints of the upstream oauth, and what the gateway makes of a token that is stale."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raw_http import TOKEN, RawReply, request, talk
from wire import VisibleServer, serving

from oagw_tornado.gateway.issued_tokens import MOST_TOKENS, IssuedTokens
from oagw_tornado.gateway.service_states import ServiceStates
from oagw_tornado.services.oauth.token_requests import OAuthError, read_token_request
from oagw_tornado.state.local_entries import LocalEntries
from oagw_tornado.testing import SimulatorThread

OAUTH = "/api/oagw/v1/proxy/oauth"
WEATHER = "/api/oagw/v1/proxy/weather/current"
FORM = "application/x-www-form-urlencoded"
MINE = {"grant_type": "client_credentials", "client_id": "me", "client_secret": "secret"}
CLIENTS = ["me:secret", "other:s:2"]


@pytest.fixture(scope="module")
def running(wire: str) -> Iterator[VisibleServer]:
    with serving(wire, token=["@oauth", "static"], oauth_client=CLIENTS, mount="oauth=/idp") as server:
        yield server


@pytest.fixture
def server(running: VisibleServer) -> VisibleServer:
    running.control.reset()
    return running


def post(server: SimulatorThread, path: str, fields: dict[str, str], **headers: str) -> RawReply:
    given = {"Content-Type": FORM, **{name.replace("_", "-"): value for name, value in headers.items()}}
    data = request(path, urlencode(fields).encode(), given)
    if "Authorization" not in given:
        data = data.replace(f"Authorization: Bearer {TOKEN}\r\n".encode(), b"")
    return talk(server.port, data)


def token(server: SimulatorThread, fields: dict[str, str] = MINE, **headers: str) -> Any:
    reply = post(server, f"{OAUTH}/token", fields, **headers)
    assert reply.status == 200, reply.body
    return json.loads(reply.body)


def status_with(server: SimulatorThread, access: str, path: str = WEATHER) -> int:
    return talk(server.port, request(path, headers={"Authorization": f"Bearer {access}"})).status


def basic(client: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{client}:{secret}".encode()).decode()


def test_a_client_gets_a_token_that_the_gateway_takes(server: VisibleServer) -> None:
    reply = post(server, f"{OAUTH}/token", {**MINE, "scope": "chat read"})
    granted = json.loads(reply.body)
    assert (granted["token_type"], granted["expires_in"], granted["scope"]) == ("Bearer", 3600, "chat read")
    assert (reply.header("Cache-Control"), reply.header("X-OAGW-Error-Source")) == ("no-store", "upstream")
    assert status_with(server, granted["access_token"]) == 200
    assert status_with(server, "static") == 200
    assert status_with(server, "wrong") == 403
    assert status_with(server, TOKEN) == 403
    assert status_with(server, "@oauth") == 403


def test_a_client_authenticates_in_either_way(server: VisibleServer) -> None:
    grant = {"grant_type": "client_credentials"}
    for client, secret in (("me", "secret"), ("other", "s%3A2")):
        assert token(server, grant, Authorization=basic(client, secret))["access_token"]
    for authorization in (basic("me", "wrong"), basic("nobody", "secret"), "Basic %%%", "Bearer static", ""):
        reply = post(server, f"{OAUTH}/token", grant, Authorization=authorization)
        assert (reply.status, json.loads(reply.body)["error"]) == (401, "invalid_client")
        assert reply.header("WWW-Authenticate") == 'Basic realm="oauth"'


def test_tokens_and_refresh_tokens_rotate(server: VisibleServer) -> None:
    first = token(server, {**MINE, "scope": "a b"})
    refresh = {**MINE, "grant_type": "refresh_token"}
    second = token(server, {**refresh, "refresh_token": first["refresh_token"], "scope": "a"})
    assert first["access_token"] != second["access_token"]
    assert first["refresh_token"] != second["refresh_token"]
    assert second["scope"] == "a"
    for fields in (
        {**refresh, "refresh_token": first["refresh_token"]},
        {**refresh, "refresh_token": "unknown"},
        {**refresh, "refresh_token": second["refresh_token"], "client_id": "other", "client_secret": "s:2"},
    ):
        reply = post(server, f"{OAUTH}/token", fields)
        assert (reply.status, json.loads(reply.body)["error"]) == (400, "invalid_grant")
    assert status_with(server, second["access_token"]) == 200


def test_a_stale_token_is_told_from_a_wrong_one(server: VisibleServer) -> None:
    server.control.configure(token_lifetime="150ms")
    short = token(server)
    assert short["expires_in"] == 1
    assert status_with(server, short["access_token"]) == 200
    server.wait_until(lambda simulator: simulator.responder.issued_tokens.state(short["access_token"]) == "stale")
    reply = talk(server.port, request(WEATHER, headers={"Authorization": f"Bearer {short['access_token']}"}))
    assert (reply.status, json.loads(reply.body)["error"]) == (401, "Unauthorized")
    assert 'error="invalid_token"' in (reply.header("WWW-Authenticate") or "")
    assert reply.header("X-OAGW-Error-Source") == "gateway"
    fields = {**MINE, "grant_type": "refresh_token", "refresh_token": short["refresh_token"]}
    fresh = token(server, fields, X_Sim_Token_Lifetime="1m")
    assert fresh["expires_in"] == 60
    assert status_with(server, fresh["access_token"]) == 200


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
def test_a_token_can_be_revoked(server: VisibleServer, which: str) -> None:
    granted = token(server)
    fields = {"client_id": "me", "client_secret": "secret", "token": granted[which]}
    assert post(server, f"{OAUTH}/revoke", fields).status == 200
    assert status_with(server, granted["access_token"]) == 401
    assert post(server, f"{OAUTH}/revoke", {**fields, "token": "unknown"}).status == 200
    assert post(server, f"{OAUTH}/revoke", {**fields, "client_secret": "x"}).status == 401


def test_a_reset_forgets_tokens(server: VisibleServer) -> None:
    granted = token(server)
    server.control.reset()
    assert status_with(server, granted["access_token"]) == 403


@pytest.mark.parametrize(("prefix"), [OAUTH, "/idp"])
def test_it_says_what_it_is(server: VisibleServer, prefix: str) -> None:
    bare = f"GET {prefix}/.well-known/openid-configuration HTTP/1.1\r\nHost: idp.test:1\r\nConnection: close\r\n\r\n"
    document = json.loads(talk(server.port, bare.encode()).body)
    issuer = f"http://idp.test:1{prefix}"
    assert document["issuer"] == issuer
    assert document["token_endpoint"] == f"{issuer}/token"
    assert document["jwks_uri"] == f"{issuer}/.well-known/jwks.json"
    assert set(document["grant_types_supported"]) == {"client_credentials", "refresh_token"}
    keys = json.loads(talk(server.port, request(f"{prefix}/.well-known/jwks.json")).body)["keys"]
    assert {key["alg"] for key in keys} == set(document["id_token_signing_alg_values_supported"])


def test_a_token_is_signed_with_the_key_that_is_shown(server: VisibleServer) -> None:
    pytest.importorskip("cryptography")
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
    from cryptography.hazmat.primitives.hashes import SHA256

    def decoded(text: str) -> bytes:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

    header, claims, signature = token(server, {**MINE, "scope": "chat"})["access_token"].split(".")
    (key,) = json.loads(talk(server.port, request(f"{OAUTH}/.well-known/jwks.json")).body)["keys"]
    said = json.loads(decoded(claims))
    assert (said["sub"], said["scope"], said["exp"] - said["iat"]) == ("me", "chat", 3600)
    assert said["iss"].endswith(OAUTH)
    assert json.loads(decoded(header)) == {"alg": "ES256", "typ": "at+jwt", "kid": key["kid"]}
    x, y = (int.from_bytes(decoded(key[name]), "big") for name in ("x", "y"))
    raw = decoded(signature)
    halves = (int.from_bytes(half, "big") for half in (raw[:32], raw[32:]))
    public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    public.verify(encode_dss_signature(*halves), f"{header}.{claims}".encode(), ec.ECDSA(SHA256()))


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, "invalid_client"),
        ({"client_id": "me", "client_secret": "secret"}, "invalid_request"),
        ({**MINE, "grant_type": "password"}, "unsupported_grant_type"),
        ({**MINE, "grant_type": "refresh_token"}, "invalid_request"),
        ({**MINE, "scope": 'a"b'}, "invalid_scope"),
        ({**MINE, "client_secret": "wrong"}, "invalid_client"),
    ],
)
def test_what_is_wrong_is_said_as_the_standard_has_it(server: VisibleServer, fields: dict[str, str], code: str) -> None:
    reply = post(server, f"{OAUTH}/token", fields)
    document = json.loads(reply.body)
    assert (reply.status, document["error"]) == (401 if code == "invalid_client" else 400, code)
    assert document["error_description"]


def test_only_forms_are_read(server: VisibleServer) -> None:
    reply = talk(server.port, request(f"{OAUTH}/token", MINE))
    assert (reply.status, json.loads(reply.body)["error"]) == (400, "invalid_request")
    assert talk(server.port, request(f"{OAUTH}/token")).status == 405
    twice = request(f"{OAUTH}/token", b"grant_type=a&grant_type=b", {"Content-Type": FORM})
    assert talk(server.port, twice).status == 400
    many = request(f"{OAUTH}/token", b"&".join(b"f%d=" % number for number in range(51)), {"Content-Type": FORM})
    assert talk(server.port, many).status == 400
    large = request(f"{OAUTH}/token", b"scope=" + b"x" * 2**16, {"Content-Type": FORM})
    assert talk(server.port, large).status == 413
    assert talk(server.port, request(f"{OAUTH}/nothing", headers={"Authorization": "Bearer static"})).status == 404
    assert talk(server.port, request(f"{OAUTH}/nothing", headers={"Authorization": ""})).status == 401


def test_its_troubles_are_those_of_any_upstream(server: VisibleServer) -> None:
    server.control.add_rule(match={"alias": "oauth", "path": "token"}, when={"first": 1}, fault="status;code=503")
    assert post(server, f"{OAUTH}/token", MINE).status == 503
    token(server)


def test_secrets_are_shown_nowhere(server: VisibleServer) -> None:
    granted = token(server, Authorization=basic("me", "secret"), fields={"grant_type": "client_credentials"})
    token(server, {**MINE, "grant_type": "refresh_token", "refresh_token": granted["refresh_token"]})
    seen = json.dumps([server.control.requests(), server.control.call("GET", "/_sim/config")])
    for secret in ("secret", granted["refresh_token"], granted["access_token"], basic("me", "secret")[6:]):
        assert f'"{secret}' not in seen
        assert f"={secret}" not in seen


def test_without_the_word_its_tokens_open_nothing() -> None:
    with SimulatorThread() as plain:
        granted = token(plain, {**MINE, "client_id": "anybody", "client_secret": "whatever"})
        assert status_with(plain, granted["access_token"]) == 403


def test_what_was_issued_is_bounded() -> None:
    now = 0.0
    states = ServiceStates()
    states._local = LocalEntries(lambda: now)
    issued = IssuedTokens(states)
    for number in range(MOST_TOKENS + 1):
        issued.add(str(number), 1.0)
    assert [issued.state(text) for text in ("0", "1", str(MOST_TOKENS), "")] == ["unknown", "good", "good", "unknown"]
    now = 1.0
    assert issued.state("1") == "stale"
    issued.revoke("never")
    assert issued.state("never") == "unknown"


@given(st.text(max_size=30), st.binary(max_size=80), st.none() | st.text(max_size=40))
def test_any_request_is_read_or_refused(content_type: str, body: bytes, authorization: str | None) -> None:
    for kind in (content_type, FORM):
        try:
            read_token_request(kind, body, authorization)
        except OAuthError as error:
            assert error.code
