"""Who replies? Asked once for each request, of any bytes: it always has an answer, and the checks keep their order."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tornado.httputil import HTTPHeaders

from oagw_tornado.gateway.bearer import refuse_bearer
from oagw_tornado.gateway.pages import Health, StatusPage
from oagw_tornado.gateway.refusal import FORBIDDEN, UNAUTHORIZED
from oagw_tornado.gateway.request_head import _length
from oagw_tornado.gateway.router import PROXIED, GatewayRouter, PrototypeDialect, RefusalHandler, Route, SinglePage
from oagw_tornado.gateway.target import address_fault, is_host, split_absolute
from oagw_tornado.services.table import upstreams
from oagw_tornado.wire.connection import ReplyConnection

TOKENS = frozenset(("one", "two"))
ROUTER = GatewayRouter(
    {"/api/oagw/v1": PrototypeDialect(upstreams(), TOKENS, StatusPage), "/health": SinglePage("/health", Health)}
)
ITS_KEYS = (("X-Api-Key", "one"), ("Authorization", "Bearer one"), ("X-Api-Key", "one"), ("X-Api-Key", "no"))
CALLER = ReplyConnection()
KNOWN = {"Authorization": "Bearer one"}

PIECES = st.sampled_from(
    ["/", "//", "/api/oagw/v1", "/proxy", "/health", "/status", "weather", "openai", "current", "%"]
)
PATHS = st.lists(PIECES | st.text(st.characters(max_codepoint=255), max_size=4), max_size=8).map("".join)
METHODS = st.sampled_from([*PROXIED, "PATCH", "BREW", ""])


def route(path: str, method: str = "GET", **headers: str) -> Route:
    return ROUTER.route(method, path, headers or KNOWN, CALLER)


def refusal_of(found: Route) -> int:
    assert found.handler is RefusalHandler
    assert not found.alias
    return int(found.arguments[0].status)


@given(METHODS, PATHS, st.dictionaries(st.just("Authorization"), st.text(max_size=20)))
@example("GET", "/api/oagw/v1/proxy/%/%", KNOWN)
@example("GET", "/api/oagw/v1/proxy/weather/\xff%ff%00", KNOWN)
def test_routing_always_has_an_answer(method: str, path: str, headers: dict[str, str]) -> None:
    found = ROUTER.route(method, path, headers, CALLER)
    if found.handler is RefusalHandler:
        assert 400 <= refusal_of(found) < 500
        assert found.arguments[0].source == "gateway"
    if found.alias:
        assert found.alias in upstreams()
        assert method in PROXIED
        assert headers["Authorization"] in ("Bearer one", "Bearer two")


ALIASES = st.sampled_from([*upstreams(), "nowhere"])
ENCODED = st.builds(
    lambda text, which: "".join(f"%{ord(c):02x}" if which & 1 << i % 30 else c for i, c in enumerate(text)),
    ALIASES | st.sampled_from(["v1/messages", "v1/models/x", "users/octocat", "events", "current", "%2f", "a/b"]),
    st.integers(0, 2**30 - 1),
)
CREDENTIALS = st.dictionaries(
    st.sampled_from(["Authorization", "X-Api-Key"]),
    st.sampled_from(["one", "Bearer one", "Bearer two", "Bearer no", "", "no", "two"]),
)
REQUESTS = st.tuples(
    METHODS, st.builds("/proxy/{}/{}".format, ENCODED, ENCODED) | PATHS.map("/proxy/".__add__), CREDENTIALS
)


def as_values(found: Route) -> tuple[object, ...]:
    """A route such that equal answers compare equal."""
    arguments = [(each.status, each.headers, each.body) if hasattr(each, "body") else each for each in found.arguments]
    return found.handler, arguments, found.alias


@given(st.lists(REQUESTS, min_size=1, max_size=12))
@example([("GET", "/proxy/%61nthropic/v1/models", {name: value}) for name, value in ITS_KEYS])
def test_what_is_remembered_changes_no_answer(requests: list[tuple[str, str, dict[str, str]]]) -> None:
    """A router that has answered others before says the same as one that was just made."""
    old = PrototypeDialect(upstreams(), TOKENS, StatusPage)
    for asked in [*requests, *requests]:
        method, rest, headers = asked
        new = PrototypeDialect(upstreams(), TOKENS, StatusPage)
        assert as_values(old.route(method, rest, headers, CALLER)) == as_values(
            new.route(method, rest, headers, CALLER)
        )


def test_an_alias_is_the_same_however_it_is_written() -> None:
    for alias in ("anthropic", "%61nthropic", "anthropi%63"):
        fresh = PrototypeDialect(upstreams(), TOKENS, StatusPage)
        assert fresh.route("GET", f"/proxy/{alias}/v1/models", {"X-Api-Key": "one"}, CALLER).alias == "anthropic"


def test_the_checks_keep_their_order() -> None:
    nowhere = "/api/oagw/v1/proxy/nowhere/path"
    assert refusal_of(route(nowhere, "PATCH", Authorization="wrong")) == 405
    assert refusal_of(route(nowhere, Authorization="wrong")) == 401
    assert refusal_of(route(nowhere, Authorization="Bearer wrong")) == 403
    assert refusal_of(route(nowhere)) == 404
    assert route("/api/oagw/v1/proxy/weather/current").alias == "weather"


@given(st.none() | st.text(max_size=20) | st.text(max_size=8).map("Bearer ".__add__))
def test_a_bearer_is_one_of_the_tokens_or_refused(authorization: str | None) -> None:
    refusal = refuse_bearer(authorization, TOKENS)
    if authorization in ("Bearer one", "Bearer two"):
        assert refusal is None
    else:
        assert refusal is (FORBIDDEN if (authorization or "").startswith("Bearer ") else UNAUTHORIZED)


@given(
    st.text(st.characters(max_codepoint=255), max_size=30) | st.from_regex(r"\A[0-9]{1,30}\Z"), st.integers(0, 10**9)
)
@example("\xb2", 0)
@example("0" * 6000 + "5", 4)
@example("9" * 6000, 4)
@example("", 0)
def test_any_length_is_compared(length: str, limit: int) -> None:
    exceeds = _length(length) > limit
    if length.isascii() and length.isdigit() and len(length) < 4000:
        assert exceeds is (int(length) > limit)


def test_a_target_may_name_its_server() -> None:
    assert split_absolute("http://x/a/b?c") == ("x", "/a/b?c")
    assert split_absolute("HTTPS://x:1/") == ("x:1", "/")
    assert split_absolute("http://x") == ("x", "/")
    assert split_absolute("http://x?a=/_sim/config") == ("x", "/?a=/_sim/config")
    assert split_absolute("http://x#/_sim/config") == ("x", "/#/_sim/config")
    assert split_absolute("http:///a") == ("", "/a")
    assert split_absolute("ftp://x/a") == (None, "ftp://x/a")
    assert split_absolute("*") == (None, "*")


HOSTS = [
    "x",
    "x:80",
    "x:",
    "127.0.0.1:8765",
    "[::1]:80",
    "[::]",
    "[v1.x:y]",
    "a_b.test",
    "%41",
    "x:00080",
    "!$&'()*+;=",
]
NO_HOSTS = "a/b a,b é a@b :80 x:y x:65536 x:-1 x:80:80 ::1 [::1 ::1] [] [1:2] [::1]x [127.0.0.1] [v.x] %4 %zz x? x#"


@pytest.mark.parametrize("host", HOSTS)
def test_hosts(host: str) -> None:
    assert is_host(host)


@pytest.mark.parametrize("host", ["", "a b", "a\tb", "[::1%eth0]", "x:800000", *NO_HOSTS.split(" ")])
def test_what_is_no_host(host: str) -> None:
    assert not is_host(host)


def test_whom_a_request_is_addressed_to() -> None:
    def fault(host: str | None, version: str = "HTTP/1.1", authority: str | None = None) -> str:
        return address_fault(HTTPHeaders() if host is None else HTTPHeaders(Host=host), version, authority)

    assert fault("x") == fault("") == fault(None, "HTTP/1.0") == fault("x", authority="y:80") == ""
    assert "missing" in fault(None)
    assert "one host" in fault("x,x")
    assert "one host" in fault("a b", "HTTP/1.0")
    assert "no host" in fault("x", authority="")
    assert "no host" in fault("x", authority="u@y")
