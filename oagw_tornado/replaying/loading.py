"""Recordings, read off the loop when they are first needed, and kept as long as there is room."""

from __future__ import annotations

import asyncio
import os
import time

from oagw_tornado.recordings.format import RecordingError
from oagw_tornado.recordings.recording import bounded_lines, read_recording
from oagw_tornado.replaying.playable_reply import PlayableReply
from oagw_tornado.units.sizes import format_size

#: Bytes of recordings that are kept, by the sizes of their files.
MOST_KEPT = 64 * 2**20

# What each read takes beside.
READ_BYTES = 100

#: Bytes of one file.
LARGEST_RECORDING = 256 * 2**20


def give_turn() -> None:
    """Let another thread have the interpreter, if one waits."""
    time.sleep(0)


class Loader:
    """Gives recordings as they are replayed; the latest are kept, as long as they hold at most `most` bytes."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self.most = most
        self.held = 0
        # The one that was asked for last stands last.
        self._kept: dict[str, tuple[int, PlayableReply]] = {}
        self._loading: dict[str, asyncio.Future[PlayableReply]] = {}

    def get(self, path: str) -> PlayableReply | None:
        """The recording in the file `path`, if it is here."""
        found = self._kept.pop(path, None)
        if found is None:
            return None
        self._kept[path] = found
        return found[1]

    async def load(self, path: str) -> PlayableReply:
        """The recording in the file `path`. Raises OSError, or RecordingError with the line that is wrong."""
        loading = self._loading.get(path)
        if loading is None:
            loading = self._loading[path] = asyncio.ensure_future(self._load(path))
        # One client of several may leave.
        return await asyncio.shield(loading)

    async def _load(self, path: str) -> PlayableReply:
        try:
            size, reply = await asyncio.get_running_loop().run_in_executor(None, _read, path)
        finally:
            del self._loading[path]
        if size <= self.most:
            self._kept[path] = size, reply
            self.held += size
            while self.held > self.most:
                self.held -= self._kept.pop(next(iter(self._kept)))[0]
        return reply

    def clear(self) -> None:
        """Keep nothing: the files may be others now."""
        self._kept.clear()
        self.held = 0


def _read(path: str) -> tuple[int, PlayableReply]:
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > LARGEST_RECORDING:
            raise RecordingError(f"larger than {format_size(LARGEST_RECORDING)}: its body would be held in memory")
        recording = read_recording(bounded_lines(file), give_turn)
    return size + READ_BYTES * len(recording.reads), PlayableReply(recording)


def words(error: OSError | RecordingError) -> str:
    """What is wrong with a file."""
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
