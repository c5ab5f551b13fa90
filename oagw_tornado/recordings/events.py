"""Server-sent events in what was read of a stream, which was cut anywhere: between two, or in the middle of one.

An event is a block of lines that ends with a blank one and has a data line; a block without one (a comment, say) is
none, as clients do not see it.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Sequence
from typing import NamedTuple

# The end of a line, and of the blank one behind it.
_END = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r(?!\n))")
_HAS_DATA = re.compile(rb"(?:\A|[\r\n])\xef?\xbb?\xbf?data(?::|\r|\n|\Z)")


class Pieces(NamedTuple):
    """Pieces of a body, when each is there, and how many events end with each."""

    contents: Sequence[bytes]
    offsets: Sequence[int]
    events: Sequence[int]

    @property
    def are_events(self) -> bool:
        """Each piece is one event."""
        return all(count == 1 for count in self.events)


def as_read(contents: Sequence[bytes], offsets: Sequence[int]) -> Pieces:
    """The reads as they are."""
    blocks = _Blocks()
    return Pieces(contents, offsets, array("q", [sum(map(_is_event, blocks.feed(data))) for data in contents]))


def one_by_one(contents: Iterable[bytes], offsets: Iterable[int]) -> Pieces:
    """Every block by itself, whole: it is there when its last byte was. What is left at the end is the last piece."""
    pieces: list[bytes] = []
    instants, counts = array("q"), array("q")
    blocks, at = _Blocks(), 0
    for data, at in zip(contents, offsets, strict=True):
        for block in blocks.feed(data):
            pieces.append(block)
            instants.append(at)
            counts.append(_is_event(block))
    if blocks.open:
        pieces.append(bytes(blocks.open))
        instants.append(at)
        counts.append(0)
    return Pieces(pieces, instants, counts)


def _is_event(block: bytes) -> bool:
    return _HAS_DATA.search(block) is not None


class _Blocks:
    """Bytes in, whole blocks out, each with the blank line that ends it; linear in the bytes, however they are cut."""

    def __init__(self) -> None:
        #: The block that has not ended yet.
        self.open = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The blocks that end in `data`."""
        known = len(self.open)
        self.open += data
        blocks: list[bytes] = []
        start = 0
        # What ends a block may have begun in the bytes before.
        for match in _END.finditer(self.open, max(0, known - 3)):
            blocks.append(bytes(self.open[start : match.end()]))
            start = match.end()
        if start:
            del self.open[:start]
        return blocks
