"""A server with a configuration file, and what it says when that is read again."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from oagw_tornado.testing import SimulatorProcess


class Reloaded:
    """A server with a file, and what it says of it."""

    def __init__(self, file: Path, server: SimulatorProcess) -> None:
        self.file = file
        self.server = server
        self.said = 0

    def write(self, text: str) -> None:
        new = self.file.with_suffix(".new")
        new.write_text(text)
        os.replace(new, self.file)

    def signal(self) -> str:
        os.kill(self.server.pid, signal.SIGHUP)
        return self.next_line()

    def reload(self, text: str) -> str:
        """Have the server read `text`; gives the line that it says."""
        self.write(text)
        return self.signal()

    def next_line(self) -> str:
        self.said += 1
        deadline = time.monotonic() + 30
        while len(lines := [line for line in self.server.stderr.splitlines() if ": reload: " in line]) < self.said:
            assert time.monotonic() < deadline, self.server.stderr
            time.sleep(0.01)
        return lines[self.said - 1].removeprefix("oagw-tornado: reload: ")

    @property
    def latency(self) -> str:
        return str(self.server.control.call("GET", "/_sim/config")["latency"])


@contextmanager
def reloaded(folder: Path, text: str, **options: object) -> Iterator[Reloaded]:
    file = folder / "sim.yaml"
    file.write_text(text)
    server = SimulatorProcess(config=file, **options)
    del server._options["token"]  # one of the command line would override the file's
    with server:
        yield Reloaded(file, server)
