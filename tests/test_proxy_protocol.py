"""The PROXY protocol in front of a connection: its headers as values, and whose connection they say it is."""

from __future__ import annotations

import socket
import struct
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from raw_http import RawReply, read_reply, request
from wire import VisibleServer, end_sending, serving

from oagw_tornado.wire.proxy_protocol import BadHeader, ProxiedPeer, read_header, still_needed

WEATHER = "/api/oagw/v1/proxy/weather/current"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


# The PROXY protocol.


def binary(command: int, family: int, content: bytes, version: int = 2) -> bytes:
    return SIGNATURE + bytes((version << 4 | command, family)) + struct.pack("!H", len(content)) + content


V4 = socket.inet_aton("203.0.113.7") + socket.inet_aton("127.0.0.1") + struct.pack("!HH", 1, 2)
V6 = socket.inet_pton(socket.AF_INET6, "2001:db8::7") * 2 + struct.pack("!HH", 1, 2)


@pytest.mark.parametrize(
    ("header", "client"),
    [
        (b"PROXY TCP4 203.0.113.7 127.0.0.1 1 2\r\n", "203.0.113.7"),
        (b"PROXY TCP6 2001:db8::7 ::1 65535 65535\r\n", "2001:db8::7"),
        (b"PROXY UNKNOWN\r\n", ""),
        (b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", ""),
        (binary(1, 0x11, V4), "203.0.113.7"),
        (binary(1, 0x11, V4 + b"\x04\0\x03abc"), "203.0.113.7"),
        (binary(1, 0x21, V6), "2001:db8::7"),
        (binary(0, 0x00, b""), ""),
        (binary(0, 0x11, V4), ""),
        (binary(1, 0x31, b"\0" * 216), ""),
    ],
)
def test_proxy_headers(header: bytes, client: str) -> None:
    read = b""
    while needed := still_needed(read):
        assert len(read) + needed <= len(header), "it reads no further than its own end"
        read += header[len(read) : len(read) + needed]
    assert read == header
    assert read_header(read) == ProxiedPeer(client)


BAD = [
    b"GET / HTTP/1.1\r\n",
    b"PROXY TCP4 300.0.0.1 127.0.0.1 1 2\r\n",
    b"PROXY TCP4 1.2.3.4 127.0.0.1 1 99999\r\n",
    b"PROXY TCP4 ::1 ::1 1 2\r\n",
    b"PROXY  TCP4 1.2.3.4 127.0.0.1 1 2\r\n",
    b"PROXY TCP4 1.2.3.4 127.0.0.1 1 2\n",
    b"PROXY " + b"x" * 200,
    b"\r\n\r\n\0\r\nQUIT\r",
    binary(2, 0x11, V4),
    binary(1, 0x11, V4, version=1),
    binary(1, 0x11, V4[:4]),
    binary(1, 0x11, V4 + b"\0" * 5000),
    b"\x16\x03\x01\x02\0\x01",
]


def through(data: bytes) -> ProxiedPeer:
    read = b""
    while needed := still_needed(read):
        piece = data[len(read) : len(read) + needed]
        if not piece:
            raise BadHeader("short")
        read += piece
    return read_header(read)


@pytest.mark.parametrize("data", BAD)
def test_what_is_no_proxy_header(data: bytes) -> None:
    with pytest.raises(BadHeader):
        through(data)


@given(st.binary() | st.binary(max_size=30).map(SIGNATURE.__add__) | st.binary(max_size=120).map(b"PROXY ".__add__))
@example(SIGNATURE)
def test_any_bytes_are_a_proxy_header_or_are_refused(data: bytes) -> None:
    try:
        through(data)
    except BadHeader:
        pass


@pytest.mark.parametrize("secure", [False, True])
def test_a_proxy_says_whose_connection_it_is(wire: str, secure: bool, tls_state: Any) -> None:
    with serving(wire, proxy_protocol=True, control_listen=":0", **({"tls": "auto"} if secure else {})) as server:
        for header, client in (
            (b"PROXY TCP4 203.0.113.7 127.0.0.1 1 2\r\n", "203.0.113.7"),
            (binary(1, 0x21, V6), "2001:db8::7"),
            (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
        ):
            reply = talk_behind(server, header, request(WEATHER), secure)
            assert reply.status == 200
            assert server.control.requests(limit=1)[0]["client"] == client
        for data in (b"", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
                connection.sendall(data)
                end_sending(connection)
                assert ended(connection)


def test_who_came_through_a_proxy_is_not_local(wire: str) -> None:
    with serving(wire, proxy_protocol=True) as server:
        for header, status in (
            (b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n", 403),
            (b"PROXY TCP4 203.0.113.7 127.0.0.1 1 2\r\n", 403),
            (b"PROXY UNKNOWN\r\n", 200),
        ):
            assert talk_behind(server, header, request("/_sim/timing"), False).status == status


def ended(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def talk_behind(server: VisibleServer, header: bytes, data: bytes, secure: bool) -> RawReply:
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        if not secure:
            connection.sendall(header + data)
            return read_reply(connection)
        import ssl

        connection.sendall(header)
        context = ssl.create_default_context(cafile=server.ca_file)
        with context.wrap_socket(connection, server_hostname="localhost") as secured:
            secured.sendall(data)
            return read_reply(secured)
