"""A log on stderr that never blocks the server.

The program that starts the server may never read its stderr. A pipe holds some 64 KiB; then a write blocks, and in a
single-threaded server everything else with it. So a thread writes, the server only queues, and lines that do not fit
into a full queue are dropped and counted.
"""

from __future__ import annotations

import logging
import os
from queue import SimpleQueue
from threading import Thread

#: Lines that wait to be written.
CAPACITY = 10_000


class StderrLog(logging.Handler):
    """Writes each record as one line to the descriptor `fd`, in a thread that starts with the first record."""

    def __init__(self, fd: int = 2, capacity: int = CAPACITY) -> None:
        super().__init__()
        self._fd = fd
        self._capacity = capacity
        self._lines: SimpleQueue[str | None] = SimpleQueue()
        self._writer: Thread | None = None
        self._dropped = 0

    def emit(self, record: logging.LogRecord) -> None:
        if self._lines.qsize() >= self._capacity:
            self._dropped += 1
            return
        if self._writer is None:
            # A daemon: a reader that never reads must not keep the process alive either.
            self._writer = Thread(target=self._write, name="stderr-log", daemon=True)
            self._writer.start()
        try:
            line = self.format(record)
        except Exception:
            self.handleError(record)
            return
        if self._dropped:
            line = f"({self._dropped} log lines dropped: stderr was not read)\n{line}"
            self._dropped = 0
        self._lines.put(line)

    def flush_and_close(self, patience: float) -> None:
        """Write what is queued, waiting `patience` seconds at most."""
        if self._writer is not None:
            self._lines.put(None)
            self._writer.join(patience)

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            data = line.encode(errors="backslashreplace") + b"\n"
            try:
                while data:
                    data = data[os.write(self._fd, data) :]
            except OSError:  # closed, or its reader has gone: there is nobody to tell
                continue


def start_log(level: str, who: str = "") -> StderrLog:
    """Send the log records of the whole process to stderr, with `who` writes them in each line."""
    log = StderrLog()
    log.setFormatter(logging.Formatter(f"%(asctime)s %(levelname)s {who}%(name)s: %(message)s"))
    logging.basicConfig(handlers=[log])
    set_level(level)
    return log


def set_level(level: str) -> None:
    """Log what is at least as severe as `level`."""
    logging.getLogger().setLevel(level.upper())
    # Tornado logs each body that is not framed as its head says; the client gets an error, and the journal has it.
    logging.getLogger("tornado.general").setLevel(logging.WARNING if level == "info" else logging.NOTSET)
