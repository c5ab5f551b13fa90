"""The head of a request: its grammar, and what it says about the body and the connection. Pure; both engines use it.

A head is parsed once, when it is complete, so it reads the same however TCP split it. The grammar is strictly that of
RFC 9112: anything that two servers could read differently (a bare LF, a folded line, a space before the colon, two
lengths) is refused. `parse_head` takes the bytes from the first of the method to the empty line and returns a `Head`,
or raises `Refused` with the status that the client gets.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from tornado.httputil import RequestStartLine

from oagw_tornado.wire.headers import WireHeaders

#: `Head.length` of a body that comes in chunks.
CHUNKED = -1

#: The characters of a token (RFC 9110, section 5.6.2), as a set of a regular expression has them.
TOKEN = rb"!#$%&'*+.^_`|~0-9A-Za-z-"
# The longest method in the IANA registry has 16 characters.
_METHOD = re.compile(rb"[%b]{1,64}(?: |\Z)" % TOKEN)
_REQUEST_LINE = re.compile(rb"([%b]{1,64}) ([!-~\x80-\xff]+) HTTP/([0-9])\.([0-9])" % TOKEN)
# The forms of a target other than a path: absolute-form, asterisk-form (RFC 9112, section 3.2).
_OTHER_TARGET = re.compile(rb"[A-Za-z]+://|\*\Z")
#: One field line, with its end.
FIELD_LINE = re.compile(rb"[%b]++:[\t -~\x80-\xff]*+\r\n" % TOKEN)
_FIELDS = re.compile(rb"(?:%b)*+" % FIELD_LINE.pattern)
_SLASH = ord("/")
_DIGITS = re.compile(rb"[0-9]+")
_NAMES = {name.encode(): name for name in ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")}
# No body is longer: the length fits a signed machine word, and any check of limits finds it over them.
_LONGEST = 10**18


class Limits(NamedTuple):
    """What a client may use of a server. Sizes in bytes, times in seconds."""

    max_header_size: int = 64 * 2**10
    max_header_lines: int = 100
    header_timeout: float = 10.0
    idle_timeout: float = 75.0
    body_timeout: float = 60.0


class Refused(Exception):
    """These bytes are not a request that is served: `status` and `text` are the answer, and the connection ends."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class Head:
    """One request, without its body."""

    __slots__ = ("method", "target", "version", "start_line", "headers", "keep_alive", "length")

    def __init__(
        self, method: str, target: str, version: str, headers: WireHeaders, keep_alive: bool, length: int
    ) -> None:
        self.method = method
        self.target = target
        self.version = version
        """``HTTP/1.0`` or ``HTTP/1.1``; a later 1.x is served as 1.1 (RFC 9110, section 2.5)."""
        self.start_line = RequestStartLine(method, target, version)
        self.headers = headers
        self.keep_alive = keep_alive
        """Whether the client lets the connection go on behind this request."""
        self.length = length
        """Bytes of the body, or `CHUNKED`."""

    def again(self) -> Head:
        """The same for another request, which may change its headers."""
        return Head(self.method, self.target, self.version, self.headers.again(), self.keep_alive, self.length)

    @property
    def expects_continue(self) -> bool:
        """Whether the client waits for a word before it sends the body (RFC 9110, section 10.1.1)."""
        return self.version == "HTTP/1.1" and self.headers.get("Expect", "").lower() == "100-continue"


def too_large(limits: Limits) -> Refused:
    return Refused(431, f"Request header fields too large: more than {limits.max_header_size} bytes")


def check_start(data: bytes | bytearray, at: int) -> None:
    """Raise Refused if what begins at `at`, whole or not, can not become a request line."""
    if _METHOD.match(data, at, at + 65) is None:
        raise Refused(400, "Bad request: no method, which is a word of at most 64 characters and a space")


def parse_head(data: bytes, limits: Limits) -> Head:
    """The head that is the whole of `data`. Raises Refused."""
    check_start(data, 0)
    if len(data) > limits.max_header_size:
        raise too_large(limits)
    line_end = data.find(b"\r\n")
    line = _REQUEST_LINE.fullmatch(data, 0, max(line_end, 0))
    if line is None:
        raise Refused(400, "Bad request: the first line is not METHOD target HTTP/1.1")
    method, target, major, minor = line.groups()
    if major != b"1":
        raise Refused(505, f"HTTP version not supported: HTTP/{major.decode()}.{minor.decode()}; HTTP/1.1 is spoken")
    if target[0] != _SLASH and method != b"CONNECT" and _OTHER_TARGET.match(target) is None:
        raise Refused(400, "Bad request: the target is neither a path, nor a URL, nor *")
    lines = data[line_end + 2 : -4].split(b"\r\n")
    if len(lines) > limits.max_header_lines:
        raise Refused(431, f"Request header fields too large: more than {limits.max_header_lines} lines")
    if _FIELDS.fullmatch(data, line_end + 2, len(data) - 2) is None:
        raise Refused(400, "Bad request: a header line is not NAME: value, or does not end in CR LF")
    headers = WireHeaders(lines if lines[0] else [])
    version = "HTTP/1.0" if minor == b"0" else "HTTP/1.1"
    length = _body_length(headers)
    return Head(
        _NAMES.get(method) or method.decode(),
        target.decode("latin-1"),
        version,
        headers,
        _persists(method, minor == b"0", headers),
        length,
    )


def _body_length(headers: WireHeaders) -> int:
    """How the body is framed (RFC 9112, section 6.3)."""
    fields = headers.fields
    coding = fields.get(b"transfer-encoding")
    length = fields.get(b"content-length")
    if coding is not None:
        if length is not None:
            raise Refused(400, "Bad request: both Content-Length and Transfer-Encoding")
        names = [name.strip().lower() for name in coding.split(b",")]
        if names == [b"chunked"]:
            return CHUNKED
        if all(name in (b"chunked", b"") for name in names):
            raise Refused(400, "Bad request: Transfer-Encoding is not chunked, once")
        raise Refused(501, "Transfer coding not implemented: only chunked is")
    if length is None:
        return 0
    if _DIGITS.fullmatch(length) is None:
        raise Refused(400, "Bad request: Content-Length is not one number")
    digits = length.lstrip(b"0")
    return min(int(digits or b"0"), _LONGEST) if len(digits) < 20 else _LONGEST


def _persists(method: bytes, is_old: bool, headers: WireHeaders) -> bool:
    """Whether the connection may go on behind this request (RFC 9112, section 9.3)."""
    if method == b"CONNECT":
        # It would have made a tunnel of the connection: nothing may follow.
        return False
    fields = headers.fields
    given = fields.get(b"connection")
    if given is None:
        return not is_old
    wishes = [wish.strip() for wish in given.lower().split(b",")]
    if b"close" in wishes:
        return False
    if not is_old:
        return True
    # With a transfer coding the framing is in doubt: HTTP/1.0 has none (RFC 9112, section 6.1). Nor may another request
    # follow one that should have a length but has none.
    return (
        b"keep-alive" in wishes
        and b"transfer-encoding" not in fields
        and (b"content-length" in fields or method in (b"GET", b"HEAD"))
    )
