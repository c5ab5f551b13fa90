"""HTTP/1.1 by hand: what a client library would hide, a raw socket shows."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Mapping
from typing import Any, NamedTuple

TOKEN = "test-integration-token"
CHAT = "/api/oagw/v1/proxy/openai/v1/chat/completions"


class RawReply(NamedTuple):
    """What came back until the connection ended, or nothing came for a while."""

    head: bytes
    body: bytes
    """As it was framed."""
    end: str
    """``closed``, ``reset`` or ``silent``."""

    @property
    def status(self) -> int:
        return int(self.head.split(b" ", 2)[1])

    def header(self, name: str) -> str | None:
        for line in self.head.decode("latin-1").split("\r\n")[1:]:
            key, _, value = line.partition(": ")
            if key.lower() == name.lower():
                return value
        return None

    @property
    def chunks(self) -> list[bytes]:
        """The data of the chunks in the body, as far as it is chunked; the last one is empty if it ended in order."""
        chunks, rest = [], self.body
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            try:
                length = int(size, 16)
            except ValueError:
                break
            chunks.append(rest[:length])
            rest = rest[length + 2 :]
        return chunks


def request(
    target: str, body: Any = None, headers: Mapping[str, str] | None = None, method: str | None = None
) -> bytes:
    """The bytes of a request, authorized, that asks for the connection to be closed behind it."""
    content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [
        f"{method or ('GET' if body is None else 'POST')} {target} HTTP/1.1",
        "Host: localhost",
        "Connection: close",
    ]
    given = {"Authorization": f"Bearer {TOKEN}", "Content-Length": str(len(content)), **(headers or {})}
    if body is not None:
        given.setdefault("Content-Type", "application/json")
    lines += [f"{name}: {value}" for name, value in given.items()]
    return "\r\n".join([*lines, "", ""]).encode() + content


def talk(port: int, data: bytes, patience: float = 5.0) -> RawReply:
    """Send `data`, and read until the end or until nothing came for `patience` seconds."""
    with dial(port, patience) as connection:
        connection.sendall(data)
        return read_reply(connection)


def dial(port: int, patience: float = 5.0) -> socket.socket:
    """A connection to a server of this suite, over TLS if the suite runs over it."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=patience)
    if tls is None:
        return connection
    return tls.wrap_socket(connection, server_hostname="127.0.0.1", suppress_ragged_eofs=False)


#: How clients speak if the suite runs over TLS; conftest.py sets it.
tls: ssl.SSLContext | None = None


def read_reply(connection: socket.socket) -> RawReply:
    """Read until the end, or until nothing came for as long as the connection waits."""
    received, end = b"", "closed"
    try:
        while piece := connection.recv(65536):
            received += piece
    except (ConnectionResetError, ssl.SSLEOFError):  # OpenSSL tells a reset and an end without a goodbye by one name
        end = "reset"
    except TimeoutError:
        end = "silent"
    head, separator, body = received.partition(b"\r\n\r\n")
    return RawReply(head, body, end) if separator else RawReply(b"", received, end)


def chat(text: str = "one two three", **more: Any) -> dict[str, Any]:
    """A streamed completion: the prototype says ``Streaming response to: <text>``, a word an event."""
    return {"model": "gpt-4", "stream": True, "messages": [{"role": "user", "content": text}], **more}
