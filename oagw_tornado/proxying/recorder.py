"""Writes the replies of a real upstream to files: one per request, bounded in total, without credentials."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from itertools import count
from typing import NamedTuple

from oagw_tornado.proxying.kept import kept_query, kept_reply, kept_request
from oagw_tornado.proxying.masking import MaskedReads, Masking
from oagw_tornado.proxying.recording_file import RecordingFile
from oagw_tornado.proxying.shown import credentials_shown, kept_body
from oagw_tornado.recordings.format import (
    SUFFIX,
    End,
    Read,
    RecordedReply,
    RecordedRequest,
    RecordingHead,
    encode_end,
    encode_head,
    encode_read,
)
from oagw_tornado.recordings.request_key import request_key

log = logging.getLogger(__name__)

#: How a recording ends for which there is no more room.
FULL = "record-max"


class RequestToRecord(NamedTuple):
    """What was asked, as the client sent it."""

    method: str
    path: str
    query: str
    headers: list[tuple[str, str]]
    body: bytes | None
    """None: it is too large to be kept."""
    body_sha256: Callable[[], str]
    body_bytes: Callable[[], int]
    """Of all that was sent, which may still grow."""
    wall: float
    """When it was admitted, in Unix time."""

    @property
    def content_type(self) -> str:
        return next((value for name, value in self.headers if name.lower() == "content-type"), "")


class RecordingSpace:
    """The room that the recordings of one directory have: `most` bytes, with those that are there already."""

    def __init__(self, directory: str, most: int) -> None:
        self._directory = directory
        self._most = most
        self._used: int | None = None
        self._is_full = False

    def allow(self, most: int) -> None:
        """Let there be `most` bytes from now on."""
        if most != self._most:
            self._most, self._is_full = most, False

    def take(self, size: int) -> bool:
        """Whether there is room for `size` bytes, which count from now on."""
        if self._used is None:
            self._used = _size_of(self._directory)
        if self._is_full or self._used + size > self._most:
            if not self._is_full:
                self._is_full = True
                log.warning("%s: recordings have reached --record-max; no more is recorded", self._directory)
            return False
        self._used += size
        return True


class Recorder:
    """The recordings of one upstream, in ``DIRECTORY/ALIAS``."""

    def __init__(self, directory: str, alias: str, space: RecordingSpace, secrets: Iterable[str]) -> None:
        """`secrets` are masked wherever they are, beside what each client shows of its own."""
        self._alias = alias
        self._folder = os.path.join(directory, alias)
        self.directory = directory
        self.space = space
        self._secrets = tuple(secrets)
        self._numbers = count(1)
        self._has_failed = False
        #: Told the file of each recording that has come to its end.
        self.recorded: Callable[[str], None] | None = None

    def prepare(self) -> None:
        """Make the directories. Raises OSError."""
        for path in (self.directory, self._folder):
            os.makedirs(path, 0o700, exist_ok=True)
        if not os.access(self._folder, os.W_OK | os.X_OK):
            raise PermissionError(13, "Permission denied", self._folder)

    def check(self) -> None:
        """See, without making anything, whether the directories can be made. Raises OSError."""
        path = os.path.abspath(self._folder)
        while not os.path.lexists(path):
            path = os.path.dirname(path)
        if not os.path.isdir(path):
            raise NotADirectoryError(20, "Not a directory", path)
        if not os.access(path, os.W_OK | os.X_OK):
            raise PermissionError(13, "Permission denied", path)

    def begin(self, asked: RequestToRecord) -> RecordingWriter:
        """A recording of what is said to this request."""
        shown = credentials_shown(asked.headers, asked.query, asked.body or b"", asked.content_type)
        masking = Masking((*self._secrets, *shown))
        return RecordingWriter(self, asked, masking)

    def open(self, asked: RequestToRecord, key: str) -> RecordingFile:
        """A file for the recording of a request. Raises OSError."""
        at = datetime.fromtimestamp(asked.wall, UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        while True:
            name = f"{at}-{asked.method}-{key[:8]}-{next(self._numbers)}{SUFFIX}"
            try:
                return RecordingFile(os.path.join(self._folder, name), self.space.take)
            except FileExistsError:
                continue

    def head(
        self, asked: RequestToRecord, masking: Masking, reply: RecordedReply | None, first_byte: int | None
    ) -> RecordingHead:
        """The first line of a recording."""
        request = RecordedRequest(
            asked.method,
            masking.text(asked.path),
            kept_query(asked.query, masking),
            kept_request(asked.headers, masking),
            None if not asked.body else kept_body(asked.body, asked.content_type, masking),
            asked.body_sha256(),
            asked.body_bytes(),
        )
        if reply is not None:
            reply = RecordedReply(reply.status, masking.text(reply.reason), kept_reply(reply.headers, masking))
        at = datetime.fromtimestamp(asked.wall, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return RecordingHead(self._alias, at, request, reply, first_byte)

    def failed(self, error: OSError) -> None:
        """A recording could not be written: that is said once, and no reply suffers from it."""
        if not self._has_failed:
            self._has_failed = True
            log.error("%s: what is said cannot be recorded: %s", self._folder, error.strerror or error)


class RecordingWriter:
    """One request's recording. Times are in microseconds since its admission. Nothing here raises."""

    def __init__(self, recorder: Recorder, asked: RequestToRecord, masking: Masking) -> None:
        self._recorder = recorder
        self._asked = asked
        self._masking = masking
        self._reads = MaskedReads(masking)
        self._file: RecordingFile | None = None
        self._is_over = False
        self._at = 0

    def replied(self, at: int, status: int, reason: str, headers: Iterable[tuple[str, str]]) -> None:
        """The head of the reply is there."""
        self._begin(RecordedReply(status, reason, tuple(headers)), at)

    def read(self, at: int, data: bytes) -> None:
        """More of the body is there."""
        self._at = at
        if self._file is not None:
            for read in self._reads.feed(Read(at, data)):
                self._write(encode_read(read))

    def end(self, at: int, ended: str, error: str = "") -> None:
        """How it ended; what comes behind the first word on that does not count."""
        if self._is_over:
            return
        if self._file is None:
            self._begin(None, None)
        for read in self._reads.finish():
            self._write(encode_read(read))
        self._is_over = True
        self._close(End(at, ended, self._masking.text(error)))

    def _begin(self, reply: RecordedReply | None, at: int | None) -> None:
        asked, recorder = self._asked, self._recorder
        try:
            head = encode_head(recorder.head(asked, self._masking, reply, at))
            key = request_key(asked.method, asked.path, asked.query, asked.body or asked.body_sha256().encode())
            self._file = recorder.open(asked, key)
        except OSError as error:
            self._is_over = True
            recorder.failed(error)
            return
        self._write(head)

    def _write(self, line: bytes) -> None:
        file = self._file
        if file is None or not file.is_open:
            return
        try:
            if not file.write(line):
                self._is_over = True
                self._close(End(self._at, FULL))
        except OSError as error:
            self._is_over = True
            self._recorder.failed(error)
            self._close(None)

    def _close(self, end: End | None) -> None:
        file, self._file = self._file, None
        if file is None:
            return
        try:
            has_head = os.path.getsize(file.path) > 0
            if end is not None and has_head:
                file.write(encode_end(end), is_last=True)
            file.close(end.ended if end is not None and has_head else None)
            if not has_head:
                os.unlink(file.path)
            elif self._recorder.recorded is not None:
                self._recorder.recorded(file.path)
        except OSError as error:
            self._recorder.failed(error)


def _size_of(directory: str) -> int:
    """Bytes of the recordings in `directory`."""
    size = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            if name.endswith(SUFFIX):
                try:
                    size += os.stat(os.path.join(folder, name)).st_size
                except OSError:  # gone meanwhile
                    pass
    return size
