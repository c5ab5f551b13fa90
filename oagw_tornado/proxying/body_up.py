"""The body of one request on its way to a real upstream: passed on as it arrives, with its framing and trailers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from hashlib import sha256
from io import BytesIO

from oagw_tornado.gateway.request import ServerRequest
from oagw_tornado.knobs.model_name import without_knobs
from oagw_tornado.knobs.vocabulary import MODEL_MARK
from oagw_tornado.proxying.trailers import BodyWithTrailers, passed_trailers

# Bytes sent upstream in one go.
_AT_ONCE = 2**18


class BodyUp:
    """One such body; `size` and `sha256` are those of what was sent so far."""

    def __init__(self, request: ServerRequest, *, takes_knobs_in_model_names: bool, is_hashed: bool) -> None:
        sent = request.body if request.sent_body is None else request.sent_body
        if MODEL_MARK in sent and takes_knobs_in_model_names and request.rest is None:
            sent = without_knobs(sent)
        self._request = request
        self._first = sent
        self.size = len(sent)
        self._hash = sha256(sent) if is_hashed else None

    def sha256(self) -> str:
        """In hexadecimal digits; of nothing, if it was not to be hashed."""
        return (self._hash or sha256()).hexdigest()

    @property
    def is_chunked(self) -> bool:
        """Whether it comes in chunks, and may have trailers."""
        return self._request.headers.get("Transfer-Encoding") is not None

    def content(
        self, headers: list[tuple[str, str]], sent: Callable[[], None]
    ) -> bytes | BytesIO | AsyncIterator[bytes] | BodyWithTrailers | None:
        """It, as the client of the upstream takes it; `sent` is called when all of it was."""
        rest = self._request.rest
        if self.is_chunked and (rest is not None or self._trailers()):
            return BodyWithTrailers(self._pieces(sent), self._trailers)
        if rest is None:
            sent()
            # aiohttp writes bytes in one go, and warns of many; of a file it takes piece by piece.
            return BytesIO(self._first) if len(self._first) > _AT_ONCE else self._first or None
        length = self._request.headers.get("Content-Length")
        if length is not None:
            headers.append(("Content-Length", length))
        return self._pieces(sent)

    async def _pieces(self, sent: Callable[[], None]) -> AsyncIterator[bytes]:
        """Raises BodyLost."""
        first, self._first = self._first, b""
        yield first
        if self._request.rest is not None:
            async for piece in self._request.rest:
                self.size += len(piece)
                if self._hash is not None:
                    self._hash.update(piece)
                yield piece
        sent()

    def _trailers(self) -> bytes:
        return passed_trailers(self._request.connection.trailers)  # type: ignore[union-attr]
