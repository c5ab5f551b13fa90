"""Request bodies in a content coding (RFC 9110, section 8.4): decoded piece by piece, within the limit on bodies.

``gzip`` and ``deflate`` are always available, ``br`` and ``zstd`` if a module is installed that can limit its output: a
few bytes may expand to gigabytes, and no more than the limit is decoded. Nor is it decoded in one go, because every
stream of the process would wait meanwhile.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from io import BytesIO
from time import monotonic
from typing import Any

#: Bytes that are made of a body in one turn of the loop, and seconds if there is hardly anything to be made.
AT_A_TIME = 2**19
SHARE = 0.002
# Bytes that are fed at once: what a decoder has not consumed is copied each time.
_FED = 2**16


class CannotDecode(ValueError):
    """The body does not match its Content-Encoding. The text says so."""


def coding_of(content_encoding: str | None) -> str:
    """The coding that a Content-Encoding header names, in lower case; empty if the body is as it is."""
    names = [name.strip().lower() for name in (content_encoding or "").split(",")]
    return ", ".join(name for name in names if name not in ("", "identity"))


@cache
def codings() -> dict[str, Callable[[], Any]]:
    """The codings that can be decoded here, each with what makes a decoder: ``decompress(data, max_length)``."""
    made: dict[str, Callable[[], Any]] = {
        "gzip": lambda: zlib.decompressobj(31),
        "deflate": lambda: zlib.decompressobj(15),
    }
    made["x-gzip"] = made["gzip"]
    for name, find in (("br", _brotli), ("zstd", _zstandard)):
        decoder = find()
        if decoder is not None:
            made[name] = decoder
    return made


def accepted() -> str:
    """The codings as an Accept-Encoding header has them."""
    return ", ".join(name for name in codings() if name != "x-gzip")


def decoded(body: bytes, coding: str) -> Iterator[bytes]:
    """The pieces of `body`, decoded; none is much longer than `AT_A_TIME`. Raises CannotDecode."""
    make = codings()[coding]
    view = memoryview(body)
    if coding == "deflate" and not _is_zlib(body):
        make = _raw_deflate
    decoder = make()
    try:
        for start in range(0, len(view), _FED):
            data: bytes | memoryview = view[start : start + _FED]
            while data:
                if decoder.eof:  # another member, or frame, follows
                    decoder = make()
                yield from _pieces(decoder, data)
                data = decoder.unused_data
                if data:
                    yield b""  # one of many members may hold nothing
    except _errors() as error:
        raise CannotDecode(f"the request body is not valid {coding}: {error}") from None
    if not decoder.eof:
        raise CannotDecode(f"the request body is not valid {coding}: it ends too early")


def _pieces(decoder: Any, data: bytes | memoryview) -> Iterator[bytes]:
    piece = decoder.decompress(data, AT_A_TIME)
    while piece:
        yield piece
        if decoder.eof:
            return
        piece = decoder.decompress(getattr(decoder, "unconsumed_tail", b""), AT_A_TIME)


def _is_zlib(body: bytes) -> bool:
    """Whether it has zlib's header (RFC 1950), as deflate should: some clients send the bare data of RFC 1951."""
    return len(body) >= 2 and body[0] & 15 == 8 and (body[0] << 8 | body[1]) % 31 == 0


def _raw_deflate() -> Any:
    return zlib.decompressobj(-15)


class _Brotli:
    """Brotli's decoder with the methods of the others."""

    unused_data = b""

    def __init__(self, decompressor: Any) -> None:
        self._decompressor = decompressor

    @property
    def eof(self) -> bool:
        return bool(self._decompressor.is_finished())

    def decompress(self, data: bytes | memoryview, max_length: int) -> bytes:
        piece: bytes = self._decompressor.process(bytes(data), output_buffer_limit=max_length)
        return piece


def _brotli() -> Callable[[], Any] | None:
    try:
        import brotli  # type: ignore[import-untyped,import-not-found,unused-ignore]
    except ImportError:
        return None
    if not hasattr(brotli.Decompressor, "can_accept_more_data"):
        return None  # before 1.2 nothing holds it back
    return lambda: _Brotli(brotli.Decompressor())


def _zstandard() -> Callable[[], Any] | None:
    for name in ("compression.zstd", "backports.zstd"):
        try:
            module = __import__(name, fromlist=["ZstdDecompressor"])
        except ImportError:
            continue
        return lambda module=module: module.ZstdDecompressor()  # type: ignore[misc]
    return None


@cache
def _errors() -> tuple[type[Exception], ...]:
    found: list[type[Exception]] = [zlib.error]
    for module, name in (("brotli", "error"), ("compression.zstd", "ZstdError"), ("backports.zstd", "ZstdError")):
        try:
            found.append(getattr(__import__(module, fromlist=[name]), name))
        except ImportError:
            continue
    return tuple(found)


class Decoding:
    """A body that is decoded, a piece in each turn of the loop; a small one at once.

    `done` gets the whole of it, `failed` what is wrong, or None if there is more than `limit` bytes of it.
    """

    def __init__(
        self,
        pieces: Iterator[bytes],
        limit: int,
        done: Callable[[bytes], None],
        failed: Callable[[CannotDecode | None], None],
    ) -> None:
        self._pieces = pieces
        self._limit = limit
        self._done = done
        self._failed = failed
        self._body = BytesIO()
        self._size = 0

    def run(self) -> bool:
        """Go on; False if there is more to do, which is done in later turns."""
        made = 0
        end = monotonic() + SHARE
        try:
            for piece in self._pieces:
                self._size += len(piece)
                if self._size > self._limit:
                    self.stop()
                    self._failed(None)
                    return True
                self._body.write(piece)
                made += len(piece)
                if made >= AT_A_TIME or (not piece and monotonic() >= end):
                    asyncio.get_running_loop().call_soon(self.run)
                    return False
        except CannotDecode as error:
            self._failed(error)
            return True
        if self._size >= 0:
            self._done(self._body.getvalue())
        return True

    def stop(self) -> None:
        """Decode no more: nobody waits for it."""
        self._pieces = iter(())
        self._size = -1
