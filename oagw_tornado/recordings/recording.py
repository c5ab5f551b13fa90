"""A whole recording, read from its lines. It is untrusted input: errors name the line."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, NamedTuple

from oagw_tornado.recordings.format import End, Read, RecordingError, RecordingHead, decode_line
from oagw_tornado.reply.schedule import LARGEST_WRITE

#: Bytes of one line: a body in base64, with room for the rest.
LONGEST_LINE = 96 * 2**20

#: Reads of one recording.
MOST_READS = 5_000_000

# Lines read in one go, while others wait.
_AT_A_TIME = 64


class Recording(NamedTuple):
    """What was recorded of one request. Times are microseconds since its admission."""

    head: RecordingHead
    reads: list[bytes]
    """The body, read by read."""
    offsets: array[int]
    """When each of them was there."""
    end: End | None
    """None: the recorder was ended before the reply was."""
    is_torn: bool = False
    """The last line is not whole; it is left out."""

    @property
    def ended(self) -> str | None:
        """How it ended, as the journal of its recorder says it; None: the recorder did not see the end."""
        return self.end.ended if self.end is not None else self.head.ended

    @property
    def body_bytes(self) -> int:
        return sum(map(len, self.reads))

    @property
    def end_us(self) -> int:
        """When it was over, as far as is known."""
        last = self.offsets[-1] if self.offsets else self.head.first_byte_us or 0
        return max(last, self.end.at) if self.end is not None else last


def read_recording(lines: Iterable[bytes], rest: Callable[[], object] = int) -> Recording:
    """The recording that `lines` are, each with its line break. Raises RecordingError, which names the line.

    `rest` is called now and then, so that other threads get their turn.
    """
    head: RecordingHead | None = None
    reads: list[bytes] = []
    offsets = array("q")
    end: End | None = None
    is_torn = False
    for number, line in enumerate(lines, 1):
        if not line.endswith(b"\n"):
            is_torn = True
            break
        said = _decoded(number, line)
        if isinstance(said, RecordingHead):
            if head is not None:
                raise RecordingError(f"line {number}: a second head")
            head = said
            continue
        if head is None:
            raise RecordingError(f"line {number}: expected the head of a recording first")
        if end is not None:
            raise RecordingError(f"line {number}: expected nothing behind the end")
        if said.at < (offsets[-1] if offsets else head.first_byte_us or 0):
            raise RecordingError(f"line {number}: at: {said.at} is before the line above it")
        if isinstance(said, End):
            end = said
        elif said.data:
            reads.append(said.data)
            offsets.append(said.at)
        if number > MOST_READS:
            raise RecordingError(f"line {number}: expected at most {MOST_READS} lines")
        if number % _AT_A_TIME == 0:
            rest()
    if head is None:
        raise RecordingError("line 1: expected the head of a recording, and there is no whole line")
    return Recording(head, reads, offsets, end, is_torn)


def read_head(file: BinaryIO) -> RecordingHead:
    """The first line of a recording. Raises RecordingError."""
    line = next(bounded_lines(file), b"")
    said = _decoded(1, line) if line.endswith(b"\n") else None
    if not isinstance(said, RecordingHead):
        raise RecordingError("line 1: expected the head of a recording")
    return said


def bounded_lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines of a file. Raises RecordingError for one that is too long."""
    number = 0
    while line := file.readline(LONGEST_LINE):
        number += 1
        if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
            raise RecordingError(f"line {number}: longer than {LONGEST_LINE} bytes")
        yield line


def _decoded(number: int, line: bytes) -> RecordingHead | Read | End:
    try:
        return decode_line(line)
    except RecordingError as error:
        raise RecordingError(f"line {number}: {error}") from None


def in_writes(reads: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    """`reads`, with their instants, in pieces that one write takes."""
    for at, data in reads:
        for start in range(0, len(data), LARGEST_WRITE):
            yield at, data[start : start + LARGEST_WRITE]
