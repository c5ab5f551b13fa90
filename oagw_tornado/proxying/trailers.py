"""Trailer fields (RFC 9110, section 6.5), which aiohttp's client reads and drops: finding them in a reply, choosing
those that are passed on, and writing them after a chunked body.

A reply is examined only if the client has asked for its trailers (``TE: trailers``): its bytes then also go through
the reader of chunked request bodies, in addition to aiohttp's own parser.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterable
from contextvars import ContextVar
from typing import Any

from aiohttp.payload import AsyncIterablePayload

from oagw_tornado.proxying.header_rules import HOP_BY_HOP
from oagw_tornado.wire.chunked import ChunkedBody
from oagw_tornado.wire.head import Limits, Refused

# Fields that a trailer must not have, as they frame, route or control a message, or say who may see it (section 6.5.1).
_NO_TRAILERS = HOP_BY_HOP | frozenset(
    """
    age authorization cache-control content-encoding content-length content-range content-type cookie date expect
    expires host if-match if-modified-since if-none-match if-range if-unmodified-since location max-forwards pragma
    range retry-after set-cookie vary warning www-authenticate
    """.split()  # noqa: SIM905
)
_OURS = ("x-oagw-", "x-sim-")
_CHUNKED = re.compile(rb"^transfer-encoding:(?:.*,)?[ \t]*chunked[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
#: Bytes of a head behind which trailers are looked for.
LARGEST_HEAD = 2**20

#: What finds the trailers of the reply to the request that this task sends; None: nobody wants them.
WANTED: ContextVar[ReplyTrailers | None] = ContextVar("wanted trailers", default=None)


def are_asked_for(lines: Iterable[tuple[str, str]]) -> bool:
    """Whether a client's ``TE`` has ``trailers``."""
    values = [value for name, value in lines if name.lower() == "te"]
    return any(each.strip().lower() == "trailers" for value in values for each in value.split(","))


def passed_trailers(lines: Iterable[bytes]) -> bytes:
    """Those of these field lines, each with its line end, that may pass."""
    return b"".join(line for line in lines if _passes(line.partition(b":")[0].decode("latin-1").lower()))


def _passes(name: str) -> bool:
    return name not in _NO_TRAILERS and not name.startswith(_OURS)


class ReplyTrailers:
    """Finds the trailers of one reply in the bytes of its connection, interim replies before it included."""

    def __init__(self) -> None:
        #: The field lines, once the body has ended.
        self.lines: tuple[bytes, ...] = ()
        self._rest = b""
        self._body: ChunkedBody | None = None
        self._is_over = False

    def feed(self, data: bytes) -> None:
        """More of the reply. What is not understood has no trailers: aiohttp says what is wrong with it."""
        if self._is_over:
            return
        data = self._rest + data
        try:
            self._rest = self._read(data)
        except Refused:
            self._is_over = True
        if self._is_over:
            self._rest = b""

    def _read(self, data: bytes) -> bytes:
        """Read on; returns what is to come again with what follows."""
        while self._body is None:
            head, end, data = data.partition(b"\r\n\r\n")
            if not end:
                self._is_over = len(head) > LARGEST_HEAD
                return head
            if head[9:10] == b"1" and head[9:12] != b"101":
                continue  # an interim reply
            if not _CHUNKED.search(head):
                self._is_over = True
                return b""
            self._body = ChunkedBody(Limits())
        at = 0
        while at < len(data) and not self._body.is_complete:
            before = at
            at, _ = self._body.feed(data, at)
            if at == before:
                break
        if self._body.is_complete:
            self._is_over = True
            self.lines = self._body.trailers
        return data[at:]


class BodyWithTrailers(AsyncIterablePayload):
    """The body of a request in chunks, with trailers behind it: `trailers` gives them when all else has been sent."""

    def __init__(self, pieces: AsyncIterator[bytes], trailers: Callable[[], bytes]) -> None:
        super().__init__(pieces)
        self._trailers = trailers

    async def write_with_length(self, writer: Any, content_length: int | None) -> None:
        await super().write_with_length(writer, content_length)
        trailers = self._trailers()
        if trailers and writer.chunked:
            # The last chunk is written here; aiohttp's own would end the body before them.
            writer.chunked = False
            await writer.write(b"0\r\n%b\r\n" % trailers)
