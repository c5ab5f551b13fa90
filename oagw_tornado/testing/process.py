"""The simulator as a process of its own: it shares no interpreter lock with the tests, so its timing is its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import deque
from contextlib import nullcontext, suppress
from http.client import HTTPException
from pathlib import Path
from threading import Condition, Thread
from types import TracebackType
from typing import IO, Any, Self

from oagw_tornado.testing.control import connect
from oagw_tornado.testing.server import Addresses, SimulatorError, SimulatorServer

_READY = re.compile(rb"oagw-tornado \S+: (listening on .*)")


class SimulatorProcess(SimulatorServer):
    """A simulator in a child process.

    It is killed at the end, and ends by itself when this process does, however that happens. (A process forked
    from this one without exec keeps it alive until it ends too.) Its stderr is always read, and shown if it fails.
    """

    _process: subprocess.Popen[bytes] | None = None
    _stderr: Stderr

    def __init__(self, **options: Any) -> None:
        for name in ("upstreams", "faults"):
            if name in options:
                raise TypeError(
                    f"{name}: Python objects do not reach another process; "
                    "take SimulatorThread, or install them as entry points"
                )
        super().__init__(**options)

    def start(self) -> Self:
        if self._process is not None:
            raise RuntimeError("it is already running")
        deadline = time.monotonic() + self.start_timeout
        with tempfile.TemporaryDirectory() if self._rules else nullcontext() as folder:
            self._process = self._spawn(folder)
            assert self._process.stderr is not None
            self._stderr = Stderr(self._process.stderr)
            try:
                self.port = self._wait_for_port(deadline)
                self._wait_for_health(deadline)
            except BaseException:
                self.stop()
                raise
        return self

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        self._stderr.finish()
        assert process.stdin is not None
        with suppress(OSError):
            process.stdin.close()

    @property
    def stderr(self) -> str:
        """The last 2,000 lines of the server's stderr."""
        return self._stderr.text()

    @property
    def pid(self) -> int:
        """The id of the server's process."""
        if self._process is None:
            raise RuntimeError("it is not running")
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def take_errors(self) -> str:
        news = self._stderr.take_news()
        if self._process is not None and (code := self._process.poll()) is not None:
            return f"the server has ended by itself, with exit code {code}\n{news}"
        return news if "Traceback (most recent call last)" in news else ""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        code = None if self._process is None else self._process.poll()
        self.stop()
        if code is not None and error is None:
            raise self._failed(f"the server has ended by itself, with exit code {code}")

    def _spawn(self, folder: str | None) -> subprocess.Popen[bytes]:
        arguments = self._arguments()
        if folder is not None:
            file = Path(folder, "rules.yaml")
            file.write_text(json.dumps({"rules": self._rules}))  # JSON is YAML
            arguments.append(f"--config={file}")
        return subprocess.Popen(
            [sys.executable, "-m", "oagw_tornado.testing.child", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={name: value for name, value in os.environ.items() if not name.startswith("OAGW_SIM_")},
            process_group=0,  # a Ctrl-C at the terminal, in a debugger say, is for the tests alone
        )

    def _wait_for_port(self, deadline: float) -> int:
        line = self._stderr.wait_for(_READY, deadline)
        if line is not None:
            self._addresses = Addresses.read(line[1].decode())
            return self._addresses.port
        assert self._process is not None
        if self._stderr.is_over:
            raise self._failed(f"the server ended with exit code {self._process.wait()} instead of starting")
        raise self._failed(f"the server was not ready within {self.start_timeout:g} s")

    @property
    def _is_plain(self) -> bool:
        given = {name for name, value in self._options.items() if value}
        return self.port > 0 and not given & {"tls_client_ca", "tls_fault", "proxy_protocol"}

    def _wait_for_health(self, deadline: float) -> None:
        if not self._is_plain:
            return  # it listens, but not to somebody who knows no more than its port
        left = max(deadline - time.monotonic(), 0.1)
        connection = connect(self.host, self.port, left, is_secure=self._addresses.scheme == "https")
        try:
            connection.request("GET", "/health")
            status = connection.getresponse().status
        except (OSError, HTTPException) as error:
            raise self._failed(f"the server did not answer its health check: {error!r}") from error
        finally:
            connection.close()
        if status != 200:
            raise self._failed(f"the server answered its health check with {status}")

    def _failed(self, reason: str) -> SimulatorError:
        return SimulatorError(f"{reason}; its stderr:\n{self._stderr.text() or '(empty)'}")


class Stderr:
    """Reads a stream to its end, in a thread of its own, and keeps its last lines: a full pipe blocks its writer."""

    def __init__(self, stream: IO[bytes], kept: int = 2000) -> None:
        self._stream = stream
        self._lines: deque[bytes] = deque(maxlen=kept)
        self._news: deque[bytes] = deque(maxlen=kept)
        self._changed = Condition()
        self.is_over = False
        self._thread = Thread(target=self._read, name="simulator-stderr", daemon=True)
        self._thread.start()

    def wait_for(self, pattern: re.Pattern[bytes], deadline: float) -> re.Match[bytes] | None:
        """The first line that has `pattern`; None if the stream ends or the deadline (monotonic) passes before."""
        with self._changed:
            while True:
                for line in self._lines:
                    if match := pattern.search(line):
                        return match
                if self.is_over or not self._changed.wait(max(deadline - time.monotonic(), 0)):
                    return None

    def text(self) -> str:
        with self._changed:
            return b"".join(self._lines).decode(errors="replace")

    def take_news(self) -> str:
        """What has come since the last call."""
        with self._changed:
            news = b"".join(self._news).decode(errors="replace")
            self._news.clear()
        return news

    def finish(self) -> None:
        """Read what is left; the writer has gone."""
        self._thread.join(1.0)  # longer only if somebody else holds the other end
        if not self._thread.is_alive():
            self._stream.close()

    def _read(self) -> None:
        for line in self._stream:
            with self._changed:
                self._lines.append(line)
                self._news.append(line)
                self._changed.notify_all()
        with self._changed:
            self.is_over = True
            self._changed.notify_all()
