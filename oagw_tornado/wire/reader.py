"""Bytes in, requests out: llhttp (httptools) and what it leaves to its user.

llhttp knows the grammar of HTTP/1.1 (RFC 9112), refuses what could smuggle a request, and keeps its place between
reads. It sets no limits, hands on pieces as they come, and ends at an upgrade; all of that is settled here, so that
the connection sees whole heads, in order, and at most one fault, behind them.
"""

from __future__ import annotations

import re
from collections import deque
from typing import cast

import httptools
from tornado.httputil import HTTPHeaders, HTTPInputError

from oagw_tornado.wire.headers import WireHeaders

_REQUEST_LINE = re.compile(rb"\r?\n?([!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}) (\S+) HTTP/1\.[01]\r?\n")
_METHODS = {name.encode(): name for name in ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")}


class _Trailers:
    """Where the fields behind a chunked body go: they may not join those of the head (RFC 9110, section 6.5.1)."""

    def add_field(self, name: bytes, value: bytes) -> None:
        """Nobody asks for them."""


_TRAILERS = cast(WireHeaders, _Trailers())


class Message:
    """One request as far as it has arrived. Listed only once its head is complete."""

    __slots__ = ("method", "target", "version", "headers", "chunks", "complete", "keep_alive")

    def __init__(self, method: str, target: str, version: str, headers: HTTPHeaders, keep_alive: bool) -> None:
        self.method = method
        self.target = target
        self.version = version
        self.headers = headers
        self.chunks: list[bytes] = []  # body bytes that nobody has taken yet
        self.complete = False
        self.keep_alive = keep_alive


class RequestReader:
    """Reads the requests of one connection; the same one may read for another once it `is_clean`.

    After `feed`, `messages` holds each request whose head is complete, in order, the last one perhaps without its
    whole body; later calls add to it. `fault` is (status, text) once the bytes stop being HTTP: nothing is read
    after that.
    """

    def __init__(self, max_header_size: int) -> None:
        self.messages: deque[Message] = deque()
        self.fault: tuple[int, str] | None = None
        self._max_header_size = max_header_size
        self._start()

    def _start(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._headers = WireHeaders()
        # True from the first byte of a request to the end of its head.
        self._in_head = False
        # True while the body of the last message is still arriving.
        self._in_body = False
        # True once llhttp takes nothing more, because the last request asked for the connection to be closed.
        self._spent = False
        # The request whose body is arriving; it may have been taken from `messages` already.
        self._message: Message | None = None
        # The request that wanted an upgrade, until the parser is at its body.
        self._upgraded: Message | None = None
        # Bytes fed since the head began, or since the last byte of the body: what limits heads and trailers.
        self._fed = 0
        # Set by a callback, which must not raise: llhttp would call it the callback's fault.
        self._refused: tuple[int, str] | None = None

    @property
    def is_clean(self) -> bool:
        """True between requests: the next byte begins a new one."""
        return not (self._in_head or self._in_body or self._spent or self.fault)

    @property
    def in_head(self) -> bool:
        """True if a request has begun and its head is not complete."""
        return self._in_head

    @property
    def held(self) -> int:
        """Bytes of body in the requests that nobody has taken yet."""
        return sum(len(chunk) for message in self.messages for chunk in message.chunks)

    def feed(self, data: bytes) -> None:
        """Take what arrived."""
        if self.fault is not None or self._spent:
            return
        known = len(self.messages)
        if self._in_head or self._in_body:
            self._fed += len(data)
        else:
            self._fed = len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._decline_upgrade(data[upgrade.args[0] :])
            return
        except httptools.HttpParserInvalidMethodError:
            line = _REQUEST_LINE.match(data)
            head_end = data.find(b"\r\n\r\n")
            if line is None or head_end < 0 or len(self.messages) != known:
                self.fault = (400, "Bad request: the method is not one of HTTP's")
                return
            try:
                headers = HTTPHeaders.parse(data[line.end() : head_end + 2].decode("latin-1"))
            except HTTPInputError as error:
                self.fault = (400, f"Bad request: {error}"[:200])
                return
            # A method that llhttp has never heard of is a request all the same; who replies will refuse it.
            message = Message(line[1].decode(), line[2].decode("latin-1"), "HTTP/1.1", headers, False)
            message.complete = True
            self.messages.append(message)
            self.fault = (0, "")
            return
        except httptools.HttpParserError as error:
            self.fault = self._refused or (400, f"Bad request: {str(error)[:200]}")
            return
        if self._refused is not None:
            self.fault = self._refused
        elif self._fed > self._max_header_size and (self._in_head or self._in_body):
            self._refuse_size()
            self.fault = self._refused

    def _decline_upgrade(self, rest: bytes) -> None:
        """Go on in HTTP/1.1 behind the head of the last message: no other protocol is offered (RFC 9110, section 7.8).

        httptools takes what follows such a head, the body too, for the other protocol's. A second parser gets it,
        behind a head of our own that says how the body is framed.
        """
        message = self.messages[-1]
        self._start()
        if message.method == "CONNECT":
            # It would have made a tunnel of the connection: nothing may follow.
            message.keep_alive = False
        framing = b""
        for name in ("Content-Length", "Transfer-Encoding"):
            value = message.headers.get(name)
            if value is not None:
                framing += f"{name}: {value}\r\n".encode("latin-1")
        if framing:
            message.complete = False
            self._upgraded = message
            self.feed(b"POST / HTTP/1.1\r\n%b\r\n" % framing)
        else:
            self._spent = not message.keep_alive
        if rest:
            self.feed(rest)

    def _refuse_size(self) -> None:
        self._refused = (431, f"Request header fields too large: more than {self._max_header_size} bytes")

    # httptools' callbacks.

    def on_message_begin(self) -> None:
        self._in_head = True
        self._url = b""
        self._headers = WireHeaders()

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.add_field(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._in_body = True
        if self._upgraded is not None:
            self._message, self._upgraded = self._upgraded, None
            self._headers = _TRAILERS
            self._fed = 0
            return
        parser = self._parser
        if self._fed > self._max_header_size and len(self._url) + self._headers.size > self._max_header_size:
            self._refuse_size()
        self._fed = 0
        version = parser.get_http_version()
        if version not in ("1.1", "1.0"):
            self._refused = (400, f"Bad request: HTTP/{version} is not spoken here")
        if self._refused is None:
            method = parser.get_method()
            self._message = message = Message(
                _METHODS.get(method) or method.decode("latin-1"),
                self._url.decode("latin-1"),
                "HTTP/1.1" if version == "1.1" else "HTTP/1.0",
                self._headers,
                parser.should_keep_alive(),
            )
            self.messages.append(message)
        self._headers = _TRAILERS

    def on_body(self, body: bytes) -> None:
        self._fed = 0
        if self._message is not None:
            self._message.chunks.append(body)

    def on_message_complete(self) -> None:
        self._in_body = False
        message, self._message = self._message, None
        if message is not None:
            message.complete = True
            self._spent = not message.keep_alive
