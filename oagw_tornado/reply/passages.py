"""Parts in the bytes of a dialect: opening, contents and closing of each; and a stream made of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

from oagw_tornado.reply.schedule import WITH_HEAD, Frame, Stream
from oagw_tornado.units.latency import ZERO, Latency


class Passage(NamedTuple):
    """One part of a stream. Each of its content frames is `before`, one of `contents`, and `after`.

    What opens it leaves with its first content, what closes it with its last. One without contents is an event all
    the same: the last of its `opening`.
    """

    opening: tuple[bytes, ...] = ()
    contents: Iterable[bytes] = ()
    closing: Iterable[bytes] = ()
    before: bytes = b""
    after: bytes = b""
    wait: Latency | None = None
    """Before it; None: as the knobs have it."""
    gap: Latency | None = None
    """Between two of its contents; None: as the knobs have it."""
    is_silent: bool = False
    """It has no contents."""


def frames_of(opening: tuple[bytes, ...], passages: list[Passage], closing: Iterable[bytes]) -> Iterable[Frame]:
    """The frames of a whole stream. `closing` takes the place of one more content frame."""
    if not passages:
        return Stream(opening, iter(()), closing)
    if len(passages) == 1 and passages[0].wait is None and passages[0].gap is None and not passages[0].is_silent:
        (passage,) = passages
        opened = opening + passage.opening
        closed = chain(passage.closing, closing)
        return Stream(opened, iter(passage.contents), closed, passage.before, passage.after, len(opening))
    return _frames(opening, passages, closing)


def _frames(opening: tuple[bytes, ...], passages: list[Passage], closing: Iterable[bytes]) -> Iterator[Frame]:
    for data in opening:
        yield Frame(data, False, WITH_HEAD)
    for number, passage in enumerate(passages):
        yield from _frames_of_one(passage, is_first=not number)
    for data in closing:
        yield Frame(data, False)


def _frames_of_one(passage: Passage, is_first: bool) -> Iterator[Frame]:
    begins, contents, closing, before, after, wait, gap, is_silent = passage
    last = len(begins) - 1 if is_silent else -1
    for number, data in enumerate(begins):
        yield Frame(data, number == last, wait)
        # The first of them takes its time; what follows leaves with it, unless all of it waits for the first token.
        wait = ZERO if wait is not None or not is_first else None
    pieces = iter(contents)
    for data in pieces:
        yield Frame(before + data + after, True, wait)
        break
    for data in pieces:
        yield Frame(before + data + after, True, None, gap)
    for data in closing:
        yield Frame(data, False, ZERO)
