"""Reads the configuration again: on SIGHUP, and with ``--watch`` whenever one of its files has changed."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

#: How often the files are looked at, in seconds.
LOOK = 0.5


class FilesRead:
    """Reads text files, and knows which."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    def read(self, path: str) -> str:
        """The text of a file. Raises OSError or UnicodeDecodeError."""
        if path not in self.paths:
            self.paths.append(path)
        with open(path, encoding="utf-8-sig") as file:
            return file.read()

    def stamps(self) -> list[tuple[int, int, int] | None]:
        """What changes when one of them does."""
        return [_stamp(path) for path in self.paths]


class Reloading:
    """Calls `reload` when it is time. `reload` never raises."""

    def __init__(self, files: FilesRead, reload: Callable[[], None]) -> None:
        self._files = files
        self._reload = reload
        import asyncio

        self._loop = asyncio.get_running_loop()
        self._had_terminal = os.isatty(2)
        self._timer: asyncio.TimerHandle | None = None

    def on_signal(self, hang_up: Callable[[], None]) -> None:
        """Reload on SIGHUP; one that says that the terminal is gone calls `hang_up` instead."""

        def signalled() -> None:
            if self._had_terminal and not os.isatty(2):
                hang_up()
            else:
                self._reload()

        self._loop.add_signal_handler(signal.SIGHUP, signalled)

    def watch(self, is_wanted: bool) -> None:
        """Reload when a file changes, or no longer."""
        if not is_wanted:
            self.stop()
        elif self._timer is None:
            self._watch()

    def _watch(self) -> None:
        seen = self._files.stamps()

        def look() -> None:
            nonlocal seen
            self._timer = self._loop.call_later(LOOK, look)
            stamps = self._files.stamps()
            if stamps != seen:
                self._reload()
                # As of before: what changes while it is read is read again.
                seen = stamps + self._files.stamps()[len(stamps) :]

        self._timer = self._loop.call_later(LOOK, look)

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _stamp(path: str) -> tuple[int, int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
