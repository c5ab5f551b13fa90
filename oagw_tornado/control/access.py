"""Who may use the control plane without a token. Pure: facts of one request in, the broken rule out.

A server on loopback is reachable by more than its owner: every page in a browser on this machine can send it requests,
and a reverse proxy on this machine forwards those of anyone. Each rule stops one such attack;
docs/control-plane.md describes them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from oagw_tornado.gateway.callers import UNIX as UNIX
from oagw_tornado.gateway.callers import is_loopback as is_loopback

#: What proxies, load balancers and content networks add to a request that they pass on.
FORWARDING = frozenset(
    (
        "forwarded",
        "via",
        "x-real-ip",
        "x-client-ip",
        "x-cluster-client-ip",
        "x-original-for",
        "x-original-host",
        "x-original-url",
        "x-envoy-external-address",
        "x-envoy-internal",
        "x-amzn-trace-id",
        "x-appengine-user-ip",
        "x-azure-clientip",
        "x-azure-fdid",
        "true-client-ip",
        "cf-connecting-ip",
        "cf-ray",
        "fastly-client-ip",
        "fly-client-ip",
        "cdn-loop",
    )
)

_DEFAULT_PORTS = {"http": "80", "https": "443"}


class Broken(NamedTuple):
    """A rule that a request breaks: its name, what is wrong, and what its owner can do about it."""

    rule: str
    reason: str
    hint: str


def broken_rule(
    client: str,
    scheme: str,
    version: str,
    headers: Mapping[str, str],
    names: Collection[str] = (),
    is_passed_on: bool = False,
) -> Broken | None:
    """The first rule that a request breaks; None if it may come from the owner of this server.

    `client` is the peer's address, or begins with ``unix:``; `scheme` is that of the listener it came to; `names` are
    the hosts, lower-cased, that count as ours beside loopback; `is_passed_on` says that a PROXY header came first. On
    a Unix socket, which no browser reaches, the two rules that only a browser or a proxy's default can break on TCP do
    not hold.
    """
    by_socket = client.startswith(UNIX)
    if not (by_socket or is_loopback(client) or is_passed_on):
        return Broken(
            "loopback", "without --admin-token they answer clients on this machine only", "start it with --admin-token"
        )
    passed_on = next((name for name in headers if _is_forwarding(name.lower())), None)
    if is_passed_on:
        passed_on = "a PROXY header"
    if passed_on is not None:
        return Broken(
            "forwarded",
            f"{passed_on[:40]} says that a proxy passed this request on for somebody else",
            "ask the server itself, or start it with --admin-token or --control-listen",
        )
    if not by_socket:
        if version == "HTTP/1.0":
            return Broken(
                "http-version",
                "HTTP/1.0 is what a reverse proxy speaks that says nothing of whom it asks for",
                "ask with HTTP/1.1",
            )
        if not is_own_host(headers.get("Host"), names):
            return Broken(
                "host",
                f"the Host {(headers.get('Host') or '')[:80]!r} is not loopback",
                "ask for 127.0.0.1 or localhost, or name the host with --control-host",
            )
    return _broken_by_browser(scheme, headers) or _broken_by_body(headers)


def _broken_by_browser(scheme: str, headers: Mapping[str, str]) -> Broken | None:
    hint = "a page of another origin may not use them; ask from a program, or start the server with --admin-token"
    origin = headers.get("Origin")
    if origin is not None and not is_same_origin(origin, scheme, headers.get("Host") or ""):
        return Broken("origin", f"the Origin {origin[:80]!r} is not this server's", hint)
    site = headers.get("Sec-Fetch-Site")
    if site is not None and site.strip().lower() not in ("same-origin", "none"):
        return Broken("fetch-site", f"Sec-Fetch-Site {site[:40]!r} says that a page of another origin asks", hint)
    return None


def _broken_by_body(headers: Mapping[str, str]) -> Broken | None:
    has_body = (headers.get("Content-Length") or "0").strip("0") or headers.get("Transfer-Encoding") is not None
    content_type = headers.get("Content-Type")
    if not has_body or (content_type is not None and is_json_type(content_type)):
        return None
    return Broken(
        "content-type",
        f"a body needs a JSON Content-Type, not {content_type[:80]!r}"
        if content_type
        else "a body needs a JSON Content-Type",
        "send Content-Type: application/json (curl --json)",
    )


def _is_forwarding(name: str) -> bool:
    return name in FORWARDING or name.startswith("x-forwarded-")


def is_own_host(host: str | None, names: Collection[str] = ()) -> bool:
    """Whether `host`, a Host header, is a loopback address, ``localhost`` or one of `names`, on any port."""
    name, _ = _split_port((host or "").strip().lower())
    name = name.removesuffix(".")
    return name == "localhost" or name in names or is_loopback(name.removeprefix("[").removesuffix("]"))


def is_same_origin(origin: str, scheme: str, host: str) -> bool:
    """Whether `origin`, an Origin header, is that of pages served by ``scheme://host``."""
    given, _, authority = origin.strip().lower().partition("://")
    name, port = _split_port(authority)
    own_name, own_port = _split_port(host.strip().lower())
    default = _DEFAULT_PORTS.get(scheme, "")
    return bool(name) and (given, name, port or default) == (scheme, own_name, own_port or default)


def is_browser(headers: Mapping[str, str]) -> bool:
    """Whether the client prefers a page: a browser that opens an address says so in ``Accept``."""
    return "text/html" in (headers.get("Accept") or "").lower()


def is_json_type(content_type: str) -> bool:
    """Whether a Content-Type is a JSON type (WHATWG MIME Sniffing, section 4.6): no form and no page's can be one."""
    essence = content_type.partition(";")[0].strip().lower()
    return essence in ("application/json", "text/json") or ("/" in essence and essence.endswith("+json"))


def _split_port(authority: str) -> tuple[str, str]:
    """Host and port of ``host[:port]``; an IPv6 address keeps its brackets."""
    host, separator, port = authority.rpartition(":")
    if separator and (port == "" or (port.isascii() and port.isdigit())) and (":" not in host or host.endswith("]")):
        return host, port
    return authority, ""
