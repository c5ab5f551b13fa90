"""Who reaches the control endpoints: each attack is tried with the client that would make it, and refused by name."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import browsing, needs_browser, page
from nginx import needs_nginx, nginx
from raw_http import TOKEN, RawReply, request, talk

from oagw_tornado.control.access import broken_rule, is_json_type, is_loopback, is_own_host, is_same_origin
from oagw_tornado.gateway.bearer import is_one_of
from oagw_tornado.testing import SimulatorThread

RULE = {"name": "mine", "match": {"model": "nobody"}, "latency": "1s"}
LOCAL = {"Host": "127.0.0.1:8765"}


@pytest.fixture(scope="module")
def server(wire: str) -> Iterator[SimulatorThread]:
    engine, loop = wire.split("-")
    with SimulatorThread(http_server=engine, loop=loop, control_host=["oagw.test", "Sim"]) as running:
        yield running


def broken_by(headers: dict[str, str], client: str = "127.0.0.1", scheme: str = "http", version: str = "1.1") -> Any:
    broken = broken_rule(client, scheme, f"HTTP/{version}", LOCAL | headers, ("oagw.test",))
    return broken and broken.rule


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Host": "localhost"},
        {"Host": "LOCALHOST:1"},
        {"Host": "localhost."},
        {"Host": "[::1]:8765"},
        {"Host": "127.7.7.7"},
        {"Host": "oagw.test:80"},
        {"Origin": "http://127.0.0.1:8765"},
        {"Origin": "http://localhost", "Host": "localhost:80"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1:8765"},
        {"Content-Length": "0"},
        {"Content-Length": "2", "Content-Type": "application/json"},
        {"Content-Length": "2", "Content-Type": "Application/JSON; charset=utf-8"},
        {"Transfer-Encoding": "chunked", "Content-Type": "application/merge-patch+json"},
        {"User-Agent": "curl/8", "Accept": "*/*", "X-Request-Id": "x", "traceparent": "00-1-2-01"},
    ],
)
def test_what_an_owner_sends_is_taken(headers: dict[str, str]) -> None:
    assert broken_by(headers) is None


@pytest.mark.parametrize(
    ("rule", "headers"),
    [
        ("host", {"Host": "evil.example"}),
        ("host", {"Host": "evil.example:8765"}),
        ("host", {"Host": ""}),
        ("host", {"Host": "0.0.0.0:8765"}),
        ("host", {"Host": "[::]:8765"}),
        ("host", {"Host": "10.0.0.1"}),
        ("host", {"Host": "localhost.evil.example"}),
        ("host", {"Host": "evil.localhost"}),
        ("host", {"Host": "127.0.0.1.evil.example"}),
        ("host", {"Host": "localhost:80:80"}),
        ("host", {"Host": "localhost@evil.example"}),
        ("host", {"Host": "x.oagw.test"}),
        ("host", {"Host": "2130706433"}),
        ("origin", {"Origin": "http://evil.example"}),
        ("origin", {"Origin": "null"}),
        ("origin", {"Origin": ""}),
        ("origin", {"Origin": "http://127.0.0.1:3000"}),
        ("origin", {"Origin": "http://127.0.0.1"}),
        ("origin", {"Origin": "http://localhost:8765"}),
        ("origin", {"Origin": "https://127.0.0.1:8765"}),
        ("origin", {"Origin": "https://localhost", "Host": "localhost"}),
        ("origin", {"Origin": "chrome-extension://127.0.0.1:8765"}),
        ("origin", {"Origin": "http://127.0.0.1:8765, http://evil.example"}),
        ("fetch-site", {"Sec-Fetch-Site": "cross-site"}),
        ("fetch-site", {"Sec-Fetch-Site": "same-site"}),
        ("fetch-site", {"Sec-Fetch-Site": ""}),
        ("forwarded", {"X-Forwarded-For": "203.0.113.7"}),
        ("forwarded", {"X-Forwarded-For": "127.0.0.1"}),
        ("forwarded", {"Forwarded": "for=203.0.113.7"}),
        ("forwarded", {"Via": "1.1 proxy"}),
        ("forwarded", {"X-Real-IP": "203.0.113.7"}),
        ("forwarded", {"x-forwarded-host": "evil.example"}),
        ("forwarded", {"X-Forwarded-Proto": "https"}),
        ("forwarded", {"CF-Connecting-IP": "203.0.113.7"}),
        ("content-type", {"Content-Length": "2"}),
        ("content-type", {"Content-Length": "2", "Content-Type": "text/plain"}),
        ("content-type", {"Content-Length": "2", "Content-Type": "text/plain; application/json"}),
        ("content-type", {"Content-Length": "2", "Content-Type": "application/x-www-form-urlencoded"}),
        ("content-type", {"Content-Length": "2", "Content-Type": "multipart/form-data; boundary=application/json"}),
        ("content-type", {"Transfer-Encoding": "chunked", "Content-Type": ""}),
    ],
)
def test_what_an_attack_sends_breaks_a_rule(rule: str, headers: dict[str, str]) -> None:
    assert broken_by(headers) == rule


def test_the_peer_decides_first() -> None:
    assert broken_by({}, client="192.0.2.1") == "loopback"
    assert broken_by({}, client="") == "loopback"
    assert broken_by({"Host": "oagw.test"}, client="192.0.2.1") == "loopback", "a name makes nobody local"
    assert broken_by({}, version="1.0") == "http-version"
    assert broken_by({"Origin": "https://127.0.0.1:8765"}, scheme="https") is None
    assert broken_by({"Origin": "http://127.0.0.1:8765"}, scheme="https") == "origin"
    assert broken_by({"Origin": "https://localhost", "Host": "localhost:443"}, scheme="https") is None


def test_a_unix_socket_is_local_whatever_its_clients_call_it() -> None:
    assert broken_by({"Host": "docker"}, client="unix:") is None
    assert broken_by({"Host": "docker"}, client="unix:", version="1.0") is None
    assert broken_by({"X-Forwarded-For": "203.0.113.7"}, client="unix:") == "forwarded"
    assert broken_by({"Origin": "http://evil.example"}, client="unix:") == "origin"


def test_a_request_without_headers_is_nobodys() -> None:
    assert broken_rule("127.0.0.1", "http", "HTTP/1.1", {}) is not None


def test_tokens_are_compared_whole() -> None:
    assert is_one_of("two", ("one", "two"))
    assert not any(is_one_of(given, ("one", "two")) for given in ("", "tw", "two ", "TWO", "tw\xf6", "\udcff"))
    assert not is_one_of("", ())


# On the wire.


def attack(
    server: SimulatorThread, method: str = "GET", target: str = "/_sim/config", body: Any = None, **headers: str
) -> RawReply:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    data = request(target, body, given, method)
    if "Host" in given:
        data = data.replace(b"Host: localhost\r\n", b"", 1)
    return talk(server.port, data)


@pytest.mark.parametrize("target", ["/_sim/config", "/_sim/nothing", "/metrics", "/_sim/requests/x"])
@pytest.mark.parametrize(
    ("rule", "headers"),
    [
        ("host", {"Host": "evil.example"}),
        ("origin", {"Origin": "http://evil.example"}),
        ("fetch-site", {"Sec_Fetch_Site": "same-site"}),
        ("forwarded", {"X_Forwarded_For": "203.0.113.7"}),
    ],
)
def test_a_refusal_names_its_rule(server: SimulatorThread, target: str, rule: str, headers: dict[str, str]) -> None:
    reply = attack(server, "GET", target, **headers)
    document = json.loads(reply.body)
    assert (reply.status, document["rule"]) == (403, rule)
    assert f"rule {rule}" in document["error"]
    assert document["hint"]
    assert reply.header("X-OAGW-Error-Source") == "gateway"
    assert reply.header("Access-Control-Allow-Origin") is None


def test_a_reset_from_elsewhere_resets_nothing(server: SimulatorThread) -> None:
    server.control.add_rule(RULE)
    try:
        for headers in ({"Host": "evil.example", "Origin": "http://evil.example"}, {"Origin": "null"}):
            assert attack(server, "POST", "/_sim/reset", **headers).status == 403
        assert attack(server, "POST", "/_sim/rules", RULE, Content_Type="text/plain").status == 403
        assert len(server.control.rules()) == 1
    finally:
        server.control.reset()


def test_a_preflight_is_refused(server: SimulatorThread) -> None:
    asked = {"Origin": "http://evil.example", "Access_Control_Request_Method": "PATCH"}
    reply = attack(server, "OPTIONS", "/_sim/config", **asked)
    assert reply.status == 403
    assert b"access-control" not in reply.head.lower()


def test_a_host_of_the_list_is_taken(server: SimulatorThread) -> None:
    assert attack(server, Host="oagw.test:8765").status == 200
    assert attack(server, Host="SIM").status == 200
    assert attack(server, Host="other.test").status == 403


def test_the_owner_with_a_token_may_come_from_anywhere() -> None:
    with SimulatorThread(admin_token="secret") as guarded:
        elsewhere = {"Host": "oagw.internal", "X_Forwarded_For": "203.0.113.7"}
        assert attack(guarded, Authorization="Bearer secret", **elsewhere).status == 200
        assert attack(guarded, Authorization="Bearer secre", **elsewhere).status == 403
        assert attack(guarded, Authorization=f"Bearer {TOKEN}").status == 403
        assert attack(guarded, Authorization="Bearer secr\xe9t").status == 403


# The clients that would make them.


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_a_rebound_name_is_refused_and_curl_is_served(server: SimulatorThread) -> None:
    def curl(url: str, *arguments: str) -> dict[str, Any]:
        ran = subprocess.run(["curl", "-s", "--max-time", "5", *arguments, url], capture_output=True, check=True)
        return json.loads(ran.stdout or "null")

    port = server.port
    rebound = curl(f"http://rebound.test:{port}/_sim/requests", "--resolve", f"rebound.test:{port}:127.0.0.1")
    assert rebound["rule"] == "host"
    assert curl(f"http://127.0.0.1:{port}/_sim/requests")["requests"] == []
    assert curl(f"http://localhost:{port}/_sim/reset", "-X", "POST") is None
    assert "latency" in curl(f"http://localhost:{port}/_sim/config", "--json", '{"latency": null}', "-X", "PATCH")
    assert curl(f"http://localhost:{port}/_sim/config", "-d", "{}", "-X", "PATCH")["rule"] == "content-type"


@needs_nginx
@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ("", "http-version"),  # an nginx before 1.29.7, as it is
        ("proxy_http_version 1.1; proxy_set_header Host public.example;", "host"),
        ("proxy_http_version 1.1; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;", "forwarded"),
        ("proxy_http_version 1.1; proxy_set_header X-Real-IP $remote_addr;", "forwarded"),
    ],
)
def test_nginx_in_front_publishes_no_control(server: SimulatorThread, tmp_path: Path, settings: str, rule: str) -> None:
    with nginx(tmp_path, server.base_url, settings) as port:
        for target in ("/_sim/requests", "/metrics"):
            reply = talk(port, request(target))
            assert reply.status == 403
            assert f'"rule":"{rule}"'.encode() in reply.body
        assert talk(port, request("/health")).status == 200


FOREIGN_PAGE = """
const sim = "http://127.0.0.1:%d/_sim";
const said = async (asking) => { try { return (await asking).type } catch (error) { return error.name } };
(async () => {
  const json = { method: "POST", headers: { "Content-Type": "application/json" }, body: '{"name": "evil"}' };
  const tried = {
    read: await said(fetch(`${sim}/requests`)),
    blind: await said(fetch(`${sim}/reset`, { method: "POST", mode: "no-cors" })),
    simple: await said(fetch(`${sim}/rules`, { method: "POST", mode: "no-cors", body: '{"name": "evil"}' })),
    json: await said(fetch(`${sim}/rules`, json)),
  };
  const form = document.createElement("form");
  form.action = `${sim}/reset`; form.method = "POST"; form.target = "frame";
  const frame = document.createElement("iframe");
  frame.name = "frame"; frame.onload = () => done(tried);
  document.body.append(frame, form);
  form.submit();
})();
"""


@needs_browser
def test_a_page_of_another_origin_changes_nothing(server: SimulatorThread) -> None:
    server.control.add_rule(RULE)
    try:
        script = "addEventListener('load', () => {" + FOREIGN_PAGE % server.port + "});"
        with page(script) as origin, browsing(origin.origin):
            tried = origin.wait()
        assert tried == {"read": "TypeError", "blind": "opaque", "simple": "opaque", "json": "TypeError"}
        assert [rule["name"] for rule in server.control.rules()] == ["mine"]
    finally:
        server.control.reset()


def test_helpers_of_the_rules() -> None:
    assert is_loopback("::ffff:127.0.0.1")
    assert is_own_host("[::1]")
    assert not is_own_host(None)
    assert is_same_origin("http://a", "http", "a:80")
    assert not is_same_origin("http://", "http", "")
    assert is_json_type("text/json")
    assert not is_json_type("+json")
