"""The events in the recorded reads of a stream, which may be split between two events or within one."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from oagw_tornado.reply.boundaries import boundaries_of


class Pieces(NamedTuple):
    """Pieces of a body, when each is there, and how many events end with each."""

    contents: Sequence[bytes]
    offsets: Sequence[int]
    events: Sequence[int]

    @property
    def are_events(self) -> bool:
        """Each piece is one event."""
        return all(count == 1 for count in self.events)


def as_read(content_type: str, contents: Sequence[bytes], offsets: Sequence[int]) -> Pieces:
    """The reads as they are. Of a body that has no events by its media type, each read counts as one."""
    boundaries = boundaries_of(content_type)
    if boundaries is None:
        return Pieces(contents, offsets, [1] * len(contents))
    counts = [sum(found.is_event for found in boundaries.feed(data)) for data in contents]
    return Pieces(contents, offsets, array("q", counts))


def pieces_of(content_type: str, contents: Iterable[bytes], offsets: Iterable[int]) -> Pieces:
    """Every event by itself, whole: it is there when its last byte was. What is left at the end is the last piece."""
    boundaries = boundaries_of(content_type)
    pieces: list[bytes] = []
    instants, counts = array("q"), array("q")
    rest, at = bytearray(), 0
    for data, at in zip(contents, offsets, strict=True):
        start = 0
        for end, is_event in boundaries.feed(data) if boundaries is not None else [(len(data), True)]:
            pieces.append(bytes(rest) + data[start:end])
            instants.append(at)
            counts.append(is_event)
            rest.clear()
            start = end
        rest += data[start:]
    if rest:
        pieces.append(bytes(rest))
        instants.append(at)
        counts.append(0)
    return Pieces(pieces, instants, counts)
