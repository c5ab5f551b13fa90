"""TLS: certificates of our own and of others, what a handshake may be, and faults in it."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import stat
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from raw_http import CHAT, RawReply, chat, read_reply, request
from wire import serving

from oagw_tornado.testing import SimulatorError, SimulatorProcess, SimulatorThread
from oagw_tornado.wire.certificates import Authority

WEATHER = "/api/oagw/v1/proxy/weather/current"
HOSTS = ["localhost", "127.0.0.1", "::1"]


@pytest.fixture(scope="module")
def trusted(tls_state: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(tls_state))


def over_tls(
    port: int, context: ssl.SSLContext, data: bytes = request(WEATHER), host: str = "localhost"
) -> tuple[RawReply, tuple[str | None, str | None]]:
    """The reply, and what the handshake has agreed on: the version, and the protocol above it."""
    plain = socket.create_connection(("127.0.0.1", port), timeout=10)
    with plain, context.wrap_socket(plain, server_hostname=host, suppress_ragged_eofs=False) as secured:
        secured.sendall(data)
        agreed = secured.version(), secured.selected_alpn_protocol()
        return read_reply(secured), agreed


def start(**options: Any) -> str:
    """What a server says instead of starting."""
    with pytest.raises(SimulatorError) as caught:
        SimulatorThread(**options).start()
    return str(caught.value)


# What is made.


def test_an_authority_is_made_once(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "state")
    certificate, key = authority.issue(HOSTS)
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    secret = [file for file in (tmp_path / "state").iterdir() if file.suffix == ".pem"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in secret} == {0o600}
    before = [file.read_bytes() for file in (authority.certificate, certificate, key)]
    assert authority.issue(["localhost"]) == (certificate, key)
    assert [file.read_bytes() for file in (authority.certificate, certificate, key)] == before
    authority.issue(["other.test"])
    assert authority.certificate.read_bytes() == before[0]
    assert certificate.read_bytes() != before[1]
    again = certificate.read_bytes()
    authority.issue(["localhost", "other.test", "::1"])
    assert certificate.read_bytes() == again, "it is for all who were asked for"


@pytest.mark.parametrize("broken", ["ca.json", "ca-key.pem", "server.json", "server.pem"])
def test_what_is_lost_is_made_again(tmp_path: Path, broken: str) -> None:
    authority = Authority(tmp_path)
    authority.issue(HOSTS)
    (tmp_path / broken).unlink()
    certificate, key = authority.issue(HOSTS)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    checked = subprocess.run(
        ["openssl", "verify", "-CAfile", str(authority.certificate), str(certificate)], capture_output=True, check=False
    )
    assert checked.returncode == 0


def test_the_program_says_how_to_trust_it(tls_state: Path) -> None:
    with SimulatorProcess(tls="auto") as server:
        lines = server.stderr.splitlines()
        assert lines[:2] == [f"export SSL_CERT_FILE={tls_state}", f"export NODE_EXTRA_CA_CERTS={tls_state}"]
        assert lines[2].endswith(f"listening on https://127.0.0.1:{server.port}")
        assert server.base_url == f"https://127.0.0.1:{server.port}"
        assert "latency" in server.control.call("GET", "/_sim/config")


# Handshakes.


def test_what_a_handshake_agrees_on(wire: str, trusted: ssl.SSLContext) -> None:
    trusted.set_alpn_protocols(["h2", "http/1.1"])
    with serving(wire, tls="auto") as server:
        reply, agreed = over_tls(server.port, trusted)
        assert (reply.status, reply.end, agreed) == (200, "closed", ("TLSv1.3", "http/1.1"))
        for host in ("127.0.0.1", socket.gethostname()):
            assert over_tls(server.port, trusted, host=host)[0].status == 200
        older = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        older.load_verify_locations(server.ca_file)
        older.maximum_version = ssl.TLSVersion.TLSv1_2
        assert over_tls(server.port, older)[1][0] == "TLSv1.2"
        oldest = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )
        assert oldest.returncode != 0


def test_streams_pipelines_and_large_bodies(wire: str, trusted: ssl.SSLContext) -> None:
    with serving(wire, tls="auto", inter_token_latency="1ms") as server:
        reply, _ = over_tls(server.port, trusted, request(CHAT, chat("a b c")))
        assert reply.chunks[-2:] == [b"data: [DONE]\n\n", b""]
        assert len(server.control.requests(limit=1)[0]) > 10
        text = "word " * 60_000
        reply, _ = over_tls(server.port, trusted, request(CHAT, chat(text, stream=False)))
        assert reply.status == 200
        assert text.strip() in json.loads(reply.body)["choices"][0]["message"]["content"]
        kept = request(WEATHER).replace(b"Connection: close\r\n", b"")
        reply, _ = over_tls(server.port, trusted, kept * 40 + request(WEATHER))
        assert reply.body.count(b"HTTP/1.1 200 OK") == 40
        for fault, end in (("reset", "reset"), ("close", "closed")):
            data = request(CHAT, chat(), {"X-Sim-Fault": f"{fault};at-event=1"})
            assert over_tls(server.port, trusted, data)[0].end == end


def test_every_byte_alone(wire: str, trusted: ssl.SSLContext) -> None:
    with serving(wire, tls="auto") as server:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = trusted.wrap_bio(incoming, outgoing, server_hostname="localhost")
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as plain:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

            def step(act: Any) -> Any:
                while True:
                    try:
                        return act()
                    except ssl.SSLWantReadError:
                        for byte in outgoing.read():
                            plain.sendall(bytes((byte,)))
                        incoming.write(plain.recv(65536))

            step(tls.do_handshake)
            tls.write(request("/health"))
            assert step(lambda: tls.read(65536)).startswith(b"HTTP/1.1 200")


def test_a_client_that_does_not_speak_tls_is_told(wire: str, tls_state: Path) -> None:
    with serving(wire, tls="auto") as server, socket.create_connection(("127.0.0.1", server.port), timeout=20) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        said = b""
        try:
            while piece := plain.recv(65536):
                said += piece
        except ConnectionResetError:
            pass
        if wire.startswith("fast"):
            assert said.startswith(b"HTTP/1.1 400")
            assert b"https://" in said


def test_who_never_shakes_hands_is_sent_away(wire: str, tls_state: Path) -> None:
    times = {"header_timeout": "300ms"} if wire.startswith("fast") else {"idle_timeout": "300ms"}
    with serving(wire, tls="auto", **times) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=6) as plain:
            assert plain.recv(100) == b""
        server.wait_until(lambda _: True)


def test_clients_may_have_to_show_a_certificate(wire: str, tmp_path: Path, tls_state: Path) -> None:
    mine, other = Authority(tmp_path / "mine"), Authority(tmp_path / "other")
    shown = mine.issue(["client.test"])
    other.issue(["client.test"])
    with serving(wire, tls="auto", tls_client_ca=mine.certificate, control_listen=":0") as server:
        context = ssl.create_default_context(cafile=server.ca_file)
        assert not is_let_in(server.port, context)
        context.load_cert_chain(*other.issue(["client.test"]))
        assert not is_let_in(server.port, context)
        context.load_cert_chain(*shown)
        assert over_tls(server.port, context)[0].status == 200


def is_let_in(port: int, context: ssl.SSLContext) -> bool:
    """Whether there is an answer. With TLS 1.3 a client learns only from its first read that there is none."""
    try:
        return over_tls(port, context)[0].head != b""
    except (ssl.SSLError, ConnectionError):
        return False


def test_a_certificate_is_read_again_when_it_changes(wire: str, tmp_path: Path) -> None:
    first, second = Authority(tmp_path / "1"), Authority(tmp_path / "2")
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"

    def put(authority: Authority) -> None:
        made = authority.issue(HOSTS)
        shutil.copy(made[1], key)
        shutil.copy(made[0], certificate)

    def reaches(authority: Authority) -> bool:
        context = ssl.create_default_context(cafile=str(authority.certificate))
        try:
            return over_tls(port, context)[0].status == 200
        except ssl.SSLCertVerificationError:
            return False

    put(first)
    with serving(wire, tls_cert=certificate, tls_key=key) as running:
        port = running.port
        assert reaches(first)
        certificate.write_text("half a certi")
        time.sleep(1.05)  # it looks once a second
        assert reaches(first), "what is of no use changes nothing"
        put(second)
        deadline = time.monotonic() + 5
        while not reaches(second):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert not reaches(first)


# What cannot be.


@pytest.mark.parametrize(
    ("options", "key", "reason"),
    [
        ({"tls_key": "k.pem"}, "--tls-key", "--tls-cert"),
        ({"tls": "auto", "tls_cert": "c.pem"}, "--tls", "--tls-cert"),
        ({"listen": "https://localhost:0"}, "--listen", "--tls auto"),
        ({"tls_client_ca": "ca.pem"}, "--tls-client-ca", "https"),
        ({"tls_fault": "expired"}, "--tls-fault", "https"),
        ({"tls_cert": "/nowhere/c.pem"}, "--tls-cert", "/nowhere/c.pem"),
        ({"tls_cert": __file__}, "--tls-cert", "PEM"),
        ({"tls": "auto", "tls_client_ca": __file__}, "--tls-client-ca", "PEM"),
        ({"tls": "auto", "tls_client_ca": "/nowhere/ca.pem"}, "--tls-client-ca", "/nowhere/ca.pem"),
        ({"tls_cert": "c.pem", "tls_fault": "wrong-host"}, "--tls-fault", "--tls auto"),
        ({"tls": "auto", "tls_fault": "late"}, "--tls-fault", "slow-handshake"),
        ({"control_listen": ":0", "no_control": True}, "--control-listen", "--no-control"),
    ],
)
def test_what_cannot_work_is_refused(tls_state: Path, options: dict[str, Any], key: str, reason: str) -> None:
    said = start(**options)
    assert key in said
    assert reason in said
    assert "\n" not in said


def test_a_key_that_is_anothers_is_named(tmp_path: Path) -> None:
    certificate, _ = Authority(tmp_path / "1").issue(HOSTS)
    _, key = Authority(tmp_path / "2").issue(HOSTS)
    assert start(tls_cert=certificate, tls_key=key).endswith(
        f"--tls-key: the key in {key} is not that of the certificate in {certificate}"
    )


@pytest.mark.parametrize(
    ("of_key", "said"),
    [
        (None, "--tls-cert: {certificate} has no private key; --tls-key names the file of one"),
        ("nothing", "--tls-key: {key} has no private key in PEM"),
        (
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n",
            "--tls-key: the key in {key} is encrypted; expected one without a password",
        ),
        ("", "--tls-key: cannot read {key}: Is a directory"),
    ],
)
def test_the_file_that_is_of_no_use_is_named(tmp_path: Path, of_key: str | None, said: str) -> None:
    certificate, _ = Authority(tmp_path / "1").issue(HOSTS)
    key = tmp_path / "key.pem"
    if of_key:
        key.write_text(of_key)
    else:
        key.mkdir()
    options = {} if of_key is None else {"tls_key": key}
    assert start(tls_cert=certificate, **options).endswith(said.format(certificate=certificate, key=key))


# Trouble on purpose.


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("expired", "certificate has expired"),
        ("wrong-host", "certificate is not valid for|IP address mismatch|Hostname mismatch"),
        ("self-signed", "self.signed certificate"),
    ],
)
def test_a_certificate_may_be_bad(wire: str, trusted: ssl.SSLContext, fault: str, reason: str) -> None:
    listen = [f"https://127.0.0.1:0?tls-fault={fault}", "https://127.0.0.1:0"]
    with serving(wire, tls="auto", listen=listen) as server:
        ports = server.inside(lambda simulator: [int(url.rpartition(":")[2]) for url in simulator.listeners.urls])
        with pytest.raises(ssl.SSLCertVerificationError, match=reason):
            over_tls(ports[1], trusted)
        assert over_tls(ports[2], trusted)[0].status == 200, "the others are as they should be"


def test_a_handshake_may_be_slow_or_reset(wire: str, trusted: ssl.SSLContext) -> None:
    with serving(wire, tls="auto", tls_fault="slow-handshake=300ms") as server:
        began = time.monotonic()
        assert over_tls(server.port, trusted)[0].status == 200
        assert time.monotonic() - began >= 0.3
    with serving(wire, tls="auto", tls_fault="reset-in-handshake", control_listen=":0") as server:
        with pytest.raises(ConnectionResetError):
            over_tls(server.port, trusted)
        assert server.control.requests() == []
