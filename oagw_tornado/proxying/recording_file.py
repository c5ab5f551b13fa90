"""One recording on its way to disk. Each line is written at once and unbuffered, so that however the process ends,
everything up to then is on disk."""

from __future__ import annotations

import os
from collections.abc import Callable

from oagw_tornado.recordings.format import ENDED_AT, encode_ended


class RecordingFile:
    """A file that is there for its owner alone. `take` says whether so many bytes more may be written."""

    def __init__(self, path: str, take: Callable[[int], bool]) -> None:
        """Raises OSError."""
        self.path = path
        self._take = take
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    @property
    def is_open(self) -> bool:
        return self._descriptor >= 0

    def write(self, line: bytes, *, is_last: bool = False) -> bool:
        """Write a whole line; False if there is no room for it, and then nothing is written. Raises OSError.

        There is always room for the last one.
        """
        if not self._take(len(line)) and not is_last:
            return False
        rest = memoryview(line)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
        return True

    def close(self, ended: str | None) -> None:
        """Say in the head how it ended, if it has one, and close. Raises OSError."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor < 0:
            return
        try:
            if ended is not None:
                os.pwrite(descriptor, encode_ended(ended), ENDED_AT)
        finally:
            os.close(descriptor)
