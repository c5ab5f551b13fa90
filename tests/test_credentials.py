"""A credential is masked wherever a request is shown: by what is known to be none, not by a list of names to hide."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raw_http import CHAT, TOKEN, chat, request, talk

from oagw_tornado.evidence.credentials import HEADERS, PARAMETERS, Disclosure
from oagw_tornado.testing import SimulatorProcess

HUSH = "hush-4711-hush"
shown = Disclosure()


@pytest.mark.parametrize(
    "target",
    [
        f"/p?{name}={HUSH}"
        for name in (
            "api_key", "api-key", "API_KEY", "apikey", "api%5Fkey", "api%5fkey", "%61pi_key", "api+key", "api%20key",
            "api.key", "api__key", "api%255Fkey", "key", "token", "access_token", "Access-Token", "sig", "signature",
            "subscription-key", "X-Amz-Signature", "X-Goog-Credential", "code", "state", "password", "pwd", "auth",
            "jwt", "session", "client_secret", "sim-token", "sim-api-key", "quite-unknown", "", "api_key[]", "a[key]",
        )
    ]
    + [
        f"/p?city=Oslo&x=1&token={HUSH}&y=2",
        f"/p?city=Oslo;token={HUSH}",
        f"/p?city=Oslo?token={HUSH}",
        f"/p?city=Oslo%26token%3D{HUSH}",
        f"/p?sim-fault=reset;token={HUSH}",
        f"/p?sim-fault=reset;at-event=2;key={HUSH}",
        f"/p#access_token={HUSH}",
        f"/p?{HUSH}",
        f"/p;jsessionid={HUSH}/q?x=1",
        f"http://user:{HUSH}@host/p?x=1",
        f"http://{HUSH}@host/p",
        f"//user:{HUSH}@host/p",
        f"user:{HUSH}@host:443",
        f"/redirect?url=http://u:{HUSH}@h/",
        f"/p?from=http://u:{HUSH}@h/",
    ],
)  # fmt: skip
def test_a_target_shows_none(target: str) -> None:
    assert HUSH not in shown.target(target)


@pytest.mark.parametrize(
    "target",
    [
        "/p",
        "/p?city=Oslo&count=inf&interval=0",
        "/p?c%69ty=Oslo",
        "/p?sim-fault=reset;at-event=2,split&sim-seed=4",
        "/p?per-page=3&per_page=4&include[]=usage",
        "/p?unknown=true&other=0&third=",
        "/v1/models/gpt-4:free;v=1",
        "*",
        "http://host/p?city=Oslo",
        "/task-list-of-the-whole-long-week",
        "/@scope/name",
    ],
)
def test_what_is_none_is_shown_as_it_came(target: str) -> None:
    assert shown.target(target) == target


@pytest.mark.parametrize(
    "name",
    [
        "Authorization", "authorization", "AUTHORIZATION", "Proxy-Authorization", "X-Api-Key", "x_api_key", "Api-Key",
        "X-Goog-Api-Key", "Ocp-Apim-Subscription-Key", "Cookie", "Set-Cookie", "X-Auth-Token", "X-Amz-Security-Token",
        "X-Forwarded-Authorization", "X-Forwarded-Access-Token", "X-Csrf-Token", "Sec-WebSocket-Protocol", "X-Secret",
        "X-Sim-Token", "X-Tenant", "Cf-Access-Jwt-Assertion", "X-Vault-Token", "Private-Token", "X-Hub-Signature",
    ],
)  # fmt: skip
def test_a_header_that_is_not_known_is_masked(name: str) -> None:
    assert shown.header(name, HUSH) == "***"


def test_headers_that_are_known_are_shown_with_what_they_hold_masked() -> None:
    assert shown.header("User-Agent", "curl/8") == "curl/8"
    assert shown.header("X-Sim-Fault", "reset;at-event=2") == "reset;at-event=2"
    assert shown.header("TRACEPARENT", "00-1-2-01") == "00-1-2-01"
    assert shown.header("Referer", f"http://u:{HUSH}@h/p?token={HUSH}&x=1") == "http://***@h/p?token=***&x=1"
    assert HUSH not in shown.header("User-Agent", f"x Bearer {HUSH}")


def test_no_list_shows_what_names_a_credential() -> None:
    smelling = ("key", "token", "secret", "passw", "auth", "cookie", "signature", "session", "credential", "jwt")
    for name in (HEADERS | PARAMETERS) - {"idempotency-key", "max-tokens"}:
        assert not any(part in name for part in smelling), name


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (json.dumps({"api_key": HUSH}), "application/json"),
        (json.dumps({"a": [{"Pass-Word": HUSH, "n": 1}]}), ""),
        (json.dumps({"x": "\\", "clientSecret": HUSH + '"'}), ""),
        ('{"api\\u005fkey" : "%s"}' % HUSH, ""),  # noqa: UP031
        ('{"token":"%s' % HUSH, ""),  # noqa: UP031
        (f"grant_type=client_credentials&client_secret={HUSH}", "application/x-www-form-urlencoded"),
        (f"a=1&{quote('api_key')}={HUSH}", "Application/X-WWW-Form-Urlencoded; charset=utf-8"),
        (
            f'--B\r\nContent-Disposition: form-data; name="token"\r\n\r\n{HUSH}\r\n--B--',
            "multipart/form-data; boundary=B",
        ),
        (f"Authorization: Bearer {HUSH}", "text/plain"),
    ],
)
def test_a_body_shows_none(body: str, kind: str) -> None:
    text = shown.body(body.encode(), kind)
    assert HUSH not in text
    assert "***" in text


def test_a_body_without_one_is_shown_as_it_came() -> None:
    body = json.dumps(
        {"model": "gpt-4", "max_tokens": 5, "key": "value", "messages": [{"content": "my token"}], "π": 1}
    )
    assert shown.body(body.encode()) == body
    assert shown.body(b"\xff\x00") == "\ufffd\x00"


@pytest.mark.parametrize(
    "key",
    [
        "sk-proj-abcdefgh12345678", "sk-ant-api03-abcdefgh12345678", "ghp_abcdefghij0123456789abcdefghij012345",
        "xoxb-123456789012-abcdef", "AIzaSyA12345678901234567890123456789012", "AKIAABCDEFGHIJKLMNO1",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcdefgh12345678", "github_pat_11ABCDEFG0123456789",
    ],
)  # fmt: skip
def test_well_known_forms_are_masked_wherever_they_are(key: str) -> None:
    for text in (shown.target(f"/x/{key}/y"), shown.target(f"/x?q={key}"), shown.header("User-Agent", key)):
        assert key not in text
    assert key not in shown.body(json.dumps({"messages": [{"content": f"my key: {key}."}]}).encode())


def test_what_the_simulator_takes_as_a_token_is_masked_wherever_it_is() -> None:
    own = Disclosure(secrets=["letmein-please", "letmein-please-too", "x"])
    assert own.target("/a/letmein-please-too/x?name=letmein-please") == "/a/***/x?name=***"
    assert own.body(b'{"prompt": "letmein-please"}') == '{"prompt": "***"}'


def test_more_names_can_be_shown() -> None:
    own = Disclosure(["X-Tenant", "customer_id", "token"])
    assert own.header("x-tenant", "blue") == "blue"
    assert own.target("/x?customer-id=7&token=1234&key=5") == "/x?customer-id=7&token=1234&key=***"
    assert own.body(b'{"token": "1234", "password": "5"}') == '{"token": "1234", "password": "***"}'


names = st.text("apikey_-.%5Ftoen", max_size=12)


@given(st.lists(st.tuples(st.sampled_from("?&;#"), names | st.sampled_from(sorted(PARAMETERS)))), st.text(max_size=9))
def test_whatever_the_target_only_known_names_show_their_values(parts: list[tuple[str, str]], path: str) -> None:
    # The list has them in lower case, with hyphens.
    unknown = [(separator, name) for separator, name in parts if unquote(name).replace("_", "-") not in PARAMETERS]
    target = f"/{path}?" + "".join(f"{separator}{name}={HUSH}" for separator, name in unknown)
    assert HUSH not in shown.target(target)


@given(
    st.binary(max_size=300),
    st.sampled_from(["", "application/json", "multipart/x", "application/x-www-form-urlencoded"]),
)
def test_no_body_breaks_it(body: bytes, kind: str) -> None:
    assert isinstance(shown.body(body, kind), str)


@pytest.mark.parametrize(
    "piece",
    [b'"', b'"a":', b'\\"', b'{"key":"v",', b"sk-", b"//", b"eyJaaaaaaaa.", b"; name=", b"?a=b&", b"bearer ", b"@"],
)
def test_its_work_grows_with_the_body_alone(piece: bytes) -> None:
    def seconds(size: int) -> float:
        body = b"key" + piece * (size // len(piece))
        fastest = float("inf")
        for _ in range(3):
            began = time.process_time()
            shown.body(body)
            shown.body(body, "multipart/form-data")
            shown.target(body.decode())
            fastest = min(fastest, time.process_time() - began)
        return fastest

    assert seconds(160_000) < 40 * seconds(16_000) + 0.02, "ten times as much takes about ten times as long"


def test_neither_journal_nor_log_nor_metrics_show_one() -> None:
    rest = f"?api%5Fkey={HUSH}&city=Oslo;token={HUSH}"
    with SimulatorProcess(access_log=True, inter_token_latency="0") as oagw:
        headers = {"X-Api-Key": HUSH, "Cookie": f"a={HUSH}", "X-Sim-Latency": "0", "Referer": f"http://x/?t={HUSH}"}
        body: dict[str, Any] = chat(api_key=HUSH)
        talk(oagw.port, request(CHAT + rest, body, headers))
        talk(oagw.port, request(f"http://u:{HUSH}@x{CHAT}{rest}", body, headers))
        talk(oagw.port, request(f"/nowhere{rest}", headers=headers))
        requests = oagw.control.requests()
        assert len(requests) == 3
        told = [
            json.dumps(requests),
            talk(oagw.port, request("/_sim/requests?events=1&format=ndjson")).body.decode(),
            talk(oagw.port, request("/_sim/requests?format=har")).body.decode(),
            talk(oagw.port, request("/metrics")).body.decode(),
        ]
        deadline = time.monotonic() + 5
        while (log := oagw.stderr).count("oagw_tornado.access") < 3:
            assert time.monotonic() < deadline, log
            time.sleep(0.01)
        told.append(log)
    for text in told:
        assert HUSH not in text
        assert TOKEN not in text
    assert "city=Oslo" in told[0]
    assert "city=Oslo" in log


@pytest.mark.parametrize("name", ["Host", "X-Forwarded-Host"])
def test_a_host_is_shown_without_whose_it_is(name: str) -> None:
    disclosure = Disclosure()
    assert disclosure.header(name, "user:word@example.com:80") == "***@example.com:80"
    for plain in ("example.com:80", "[::1]:80", "127.0.0.1", ""):
        assert disclosure.header(name, plain) == plain
