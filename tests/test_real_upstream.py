"""How a real upstream is described, and what of a message passes: pure functions, without a socket."""

from __future__ import annotations

from typing import Any

import pytest

from oagw_tornado.knobs.predicate import RuleError
from oagw_tornado.knobs.real_upstream import Origin, parse_real_upstream, resolve_environment
from oagw_tornado.knobs.upstream_document import UpstreamError, parse_upstream
from oagw_tornado.knobs.vocabulary import Knobs
from oagw_tornado.proxying.header_rules import passed_reply, passed_request
from oagw_tornado.proxying.kept import credentials_in, kept_query, kept_reply, kept_request
from oagw_tornado.proxying.masking import MaskedReads, Masking
from oagw_tornado.proxying.target import LeadsOut, target
from oagw_tornado.recordings.format import Read
from oagw_tornado.units.latency import ZERO, Fixed

URL = "http://127.0.0.1:9000/base"


@pytest.mark.parametrize(
    ("url", "origin", "authority"),
    [
        ("https://api.openai.com", Origin("https", "api.openai.com", 443), "api.openai.com"),
        ("http://127.0.0.1:9000/base/", Origin("http", "127.0.0.1", 9000, "/base"), "127.0.0.1:9000"),
        ("http://[::1]:80/", Origin("http", "::1", 80), "[::1]"),
        ("http://LocalHost:81", Origin("http", "localhost", 81), "localhost:81"),
    ],
)
def test_an_origin_is_read(url: str, origin: Origin, authority: str) -> None:
    assert parse_real_upstream({"url": url}).origin == origin
    assert origin.authority == authority


@pytest.mark.parametrize(
    ("document", "error"),
    [
        ({"authorization": "x"}, "real.authorization: needs url"),
        ({"url": 5}, "real.url: expected a URL such as"),
        ({"url": "api.openai.com"}, "real.url: 'api.openai.com' is not a URL"),
        ({"url": "ftp://x"}, "real.url: 'ftp://x' is not a URL"),
        ({"url": "http://"}, "real.url: 'http://' is not a URL"),
        ({"url": "http://a b"}, "real.url: 'http://a b' is not a URL"),
        ({"url": "http://x:99999"}, "real.url: 'http://x:99999': Port out of range"),
        ({"url": "http://x:0"}, "expected a port from 1 to 65535"),
        ({"url": "http://me:secret@x"}, "real.url: holds a name or a password"),
        ({"url": "http://x/?a=1"}, "expected no query"),
        ({"url": "http://x/a/../b"}, "expected a path without .."),
        ({"url": URL, "authorization": ""}, "real.authorization: expected the value of a header, or env:NAME"),
        ({"url": URL, "authorization": "a\r\nb"}, "real.authorization: expected the value of a header"),
        ({"url": URL, "authorization": "env:"}, "real.authorization: expected the name of a variable"),
        ({"url": URL, "headers": []}, "real.headers: expected an object"),
        ({"url": URL, "headers": {"a b": "x"}}, "real.headers: 'a b' is not the name of a header"),
        ({"url": URL, "headers": {"Host": "x"}}, "real.headers.Host: is set by the gateway itself"),
        ({"url": URL, "headers": {"x": 5}}, "real.headers.x: expected the value of a header"),
        ({"url": URL, "headers": {f"x-{n}": "x" for n in range(51)}}, "real.headers: expected at most 50"),
        ({"url": URL, "authorization": "x", "headers": {"authorization": "y"}}, "is given by authorization too"),
        ({"url": URL, "connect-timeout": "soon"}, "real.connect-timeout: 'soon' is not a duration"),
        ({"url": URL, "response-timeout": 0}, "real.response-timeout: '0' is not between 1ms and 86400s"),
        ({"url": URL, "idle-timeout": True}, "real.idle-timeout: expected a duration such as 30s"),
        ({"url": URL, "tls-ca": ""}, "real.tls-ca: expected a path"),
        ({"url": URL, "record": 5}, "real.record: expected a path"),
        ({"url": URL, "urls": 5}, "real.urls: "),
    ],
)
def test_what_is_wrong_is_named(document: dict[str, Any], error: str) -> None:
    with pytest.raises(UpstreamError) as raised:
        parse_upstream("real", document)
    assert error in str(raised.value)
    assert "secret" not in str(raised.value)


def test_credentials_come_from_the_environment_and_are_shown_nowhere() -> None:
    given = {"url": URL, "authorization": "env:A_KEY", "headers": {"X-Api-Key": "env:B_KEY", "X-Team": "quality"}}
    upstream = parse_real_upstream(given)
    resolved = resolve_environment(upstream, {"A_KEY": "sk-1234567890", "B_KEY": "key-1234567890"})
    assert resolved.authorization == "Bearer sk-1234567890"
    assert dict(resolved.headers) == {"X-Api-Key": "key-1234567890", "X-Team": "quality"}
    assert {"sk-1234567890", "key-1234567890"} <= set(resolved.secrets)
    assert "1234567890" not in str(resolved.as_json())
    assert upstream.as_json()["authorization"] == "env:A_KEY"
    for environ in ({}, {"A_KEY": ""}, {"A_KEY": "a\nb"}):
        with pytest.raises(RuleError, match=r"authorization: .*A_KEY"):
            resolve_environment(upstream, environ)


def test_a_real_upstream_takes_its_own_time_unless_it_is_told_otherwise() -> None:
    real = parse_upstream("real", {"url": URL})
    assert real.over(Knobs()).inter_token_latency == ZERO
    assert real.over(Knobs(inter_token_latency=Fixed(0.2))).inter_token_latency == Fixed(0.2)
    assert parse_upstream("real", {"url": URL, "itl": "50ms"}).over(Knobs()).inter_token_latency == Fixed(0.05)


def test_what_belongs_to_a_connection_or_to_the_gateway_stays_behind() -> None:
    lines = [
        ("Host", "gateway"), ("Connection", "close, X-Hop"), ("X-Hop", "1"), ("TE", "trailers"), ("Upgrade", "h2c"),
        ("Authorization", "Bearer gateway"), ("X-Api-Key", "gateway"), ("X-Sim-Fault", "reset"), ("X-OAGW-Y", "1"),
        ("Expect", "100-continue"), ("Content-Length", "5"), ("Transfer-Encoding", "chunked"), ("X-Team", "theirs"),
        ("Proxy-Authorization", "Basic x"), ("Accept", "*/*"), ("Cookie", "a=1"), ("X-Request-Id", "r"),
    ]  # fmt: skip
    passed = passed_request(lines, (("Authorization", "Bearer real"), ("X-Team", "ours")), "X-Api-Key")
    assert passed == [
        ("Accept", "*/*"), ("Cookie", "a=1"), ("X-Request-Id", "r"), ("Authorization", "Bearer real"),
        ("X-Team", "ours"),
    ]  # fmt: skip
    assert passed_request([("X-Api-Key", "theirs")], ()) == [("X-Api-Key", "theirs")]


def test_of_a_reply_too() -> None:
    lines = [
        ("content-type", "text/plain"), ("Connection", "x-hop"), ("X-Hop", "1"), ("Keep-Alive", "timeout=5"),
        ("Transfer-Encoding", "chunked"), ("Trailer", "X-Sum"), ("Date", "now"), ("Set-Cookie", "a"),
        ("Set-Cookie", "b"), ("X-OAGW-Error-Source", "upstream"), ("x-request-id", "theirs"),
        ("Content-Encoding", "br"),
    ]  # fmt: skip
    assert passed_reply(lines) == (
        ("Content-Type", "text/plain"), ("Set-Cookie", "a"), ("Set-Cookie", "b"), ("X-Upstream-Request-Id", "theirs"),
        ("Content-Encoding", "br"),
    )  # fmt: skip


BASE = Origin("http", "a.test", 80, "/base")


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("v1/a%2Fb", "/base/v1/a%2Fb"),
        ("/evil.test/x", "/base//evil.test/x"),
        ("@evil.test/", "/base/@evil.test/"),
        ("http://evil.test/x", "/base/http://evil.test/x"),
        ("a..b/...", "/base/a..b/..."),
        ("a#b", "/base/a%23b"),
        ("\xc3\xa4", "/base/%C3%A4"),
    ],
)
def test_a_path_stands_behind_what_is_configured(path: str, asked: str) -> None:
    assert target(BASE, path, "q=1") == (asked, "q=1")


@pytest.mark.parametrize("path", ["..", "a/../../b", "%2e%2e/b", ".%2E/b", "a/..%2fb", "a\\..\\b", "%5c..%5cb"])
def test_a_path_that_leads_out_of_it_is_refused(path: str) -> None:
    with pytest.raises(LeadsOut):
        target(BASE, path, "")


def test_a_secret_is_masked_however_it_was_cut_and_keeps_its_length() -> None:
    secret = "sk-very/secret"
    text = f"before {secret} between sk-very%2Fsecret sk-veryx {secret}"
    whole = Masking([secret, "short"]).text(text)
    assert secret not in whole
    assert len(whole) == len(text)
    assert whole.count("*") == 2 * len(secret) + len(secret) + 2
    for size in (1, 3, 7):
        reads = MaskedReads(Masking([secret, "short"]))
        pieces = [text.encode()[start : start + size] for start in range(0, len(text), size)]
        given = [read for at, piece in enumerate(pieces) for read in reads.feed(Read(at, piece))] + reads.finish()
        assert b"".join(read.data for read in given).decode() == whole
        assert [(read.at, len(read.data)) for read in given] == [(at, len(piece)) for at, piece in enumerate(pieces)]


def test_what_ends_as_no_secret_begins_is_given_at_once() -> None:
    reads = MaskedReads(Masking(["sk-very-secret"]))
    assert reads.feed(Read(1, b"data: 1\n\n")) == [Read(1, b"data: 1\n\n")]
    assert reads.feed(Read(2, b"data: s")) == []
    assert reads.feed(Read(3, b"o\n\n")) == [Read(2, b"data: s"), Read(3, b"o\n\n")]


def test_a_recording_keeps_headers_that_are_known_to_carry_no_credential() -> None:
    masking = Masking(["sk-very-secret"])
    lines = [("Authorization", "Bearer x"), ("Cookie", "a"), ("X-Api-Key", "b"), ("Accept", "*/*"), ("X-Who", "me")]
    assert kept_request(lines, masking) == (("Accept", "*/*"),)
    reply = [
        ("Set-Cookie", "a"), ("X-Ratelimit-Remaining-Tokens", "5"), ("Location", "/a?token=abc&b=1"),
        ("ETag", "sk-very-secret"), ("X-Debug", "key"),
    ]  # fmt: skip
    assert kept_reply(reply, masking) == (
        ("X-Ratelimit-Remaining-Tokens", "5"), ("Location", "/a?token=***&b=1"), ("ETag", "*" * 14),
    )  # fmt: skip


def test_parameters_that_are_credentials_by_their_names_are_not_kept() -> None:
    query = "key=AIza1&api-version=1&access_token=t%2Fk&pageToken=5&max_tokens=5&X-Amz-Signature=s&flag"
    kept = "key=***&api-version=1&access_token=***&pageToken=5&max_tokens=5&X-Amz-Signature=***&flag"
    assert kept_query(query, Masking([])) == kept
    assert {*credentials_in(query)} == {"AIza1", "t%2Fk", "t/k", "s"}, "as they were sent, and decoded"
