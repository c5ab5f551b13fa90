"""Measurements of the server's own process, second by second, on which a verdict is based.

A timer on the loop samples twenty times a second. Its lateness, and the kernel's accounting of the loop's thread since
the last sample, distinguish a busy loop from one that had to wait for a processor and from a process that was stopped.
Sampling is off the path of events and costs some microseconds.
"""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import struct
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from oagw_tornado.evidence.packed_counts import PackedCounts
from oagw_tornado.evidence.timing import BINS_PER_SECOND

if TYPE_CHECKING:
    from oagw_tornado.evidence.verdict import Second

#: Seconds between two looks.
EVERY = 0.05
#: Seconds of history that are kept.
KEPT = 600

# Of `struct tcp_info` (linux/tcp.h): of a listening socket, tcpi_unacked is its queue and tcpi_sacked the room in it.
_QUEUE = struct.Struct("24xII")


class VitalSigns:
    """Samples on `loop` from `start` to `stop`, both of which are called in the loop's thread.

    `take_late` gives the lateness of the events since it was last asked: bins with their counts, the latest (seconds),
    and how many waited for their client. `listening` gives the sockets whose queues are looked at. `beside` is called
    with each look: whoever has to look around as often.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        take_late: Callable[[], tuple[Mapping[int, int], float, int]],
        listening: Callable[[], Iterable[socket.socket]],
        beside: Callable[[], None] = lambda: None,
    ) -> None:
        self._loop = loop
        self._take_late = take_late
        self._listening = listening
        self._beside = beside
        self._kernel = _LoopThread()
        self._seconds: deque[Second] = deque()
        # All that was before these, since the last reset.
        self._before: Second | None = None
        self._handle: asyncio.TimerHandle | None = None
        self._collecting_since = 0.0
        self.since = time.time()
        # When the current second began, the processor times at that point, and the samples since.
        self._due = self._began = 0.0
        self._cpu = self._busy = self._busy_then = 0.0
        self._starved: float | None = None
        self._starved_then: float | None = None
        self._lags: dict[int, int] = {}
        self._longest = self._stopped = self._queue = self._pause = 0.0
        self._queued = 0

    def start(self) -> None:
        self._kernel.open()
        gc.callbacks.append(self._collector)
        self._due = time.monotonic()
        self._begin()
        self._look()

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
            gc.callbacks.remove(self._collector)
            self._kernel.close()

    def reset(self) -> None:
        """Forget what was; a verdict is on what comes from now on."""
        self._take_late()
        self._seconds.clear()
        self._before = None
        self.since = time.time()
        self._begin()

    def seconds(self, window: float | None = None) -> list[Second]:
        """All since the last reset, the oldest first, up to this instant; or those that ended in the last `window`.

        What is longer ago than `KEPT` is one long second.
        """
        if time.monotonic() > self._began:
            self._end()
        if window is None:
            return [*([self._before] if self._before is not None else ()), *self._seconds]
        earliest = time.time() - window
        return [second for second in self._seconds if second.ended > earliest]

    def whole_seconds(self, after: float = 0.0) -> list[Second]:
        """Those that ended `after` a Unix time, the oldest first; the one under way goes on."""
        found: list[Second] = []
        for second in reversed(self._seconds):
            if second.ended <= after:
                break
            if second.length >= 1.0:
                found.append(second)
        return found[::-1]

    def _look(self) -> None:
        now = time.monotonic()
        lag = max(0.0, now - self._due)
        busy, starved = self._kernel.read()
        if lag > self._longest:
            self._longest = lag
            self._stopped = max(0.0, lag - (busy - self._busy_then) - ((starved or 0.0) - (self._starved_then or 0.0)))
        index = int(lag * BINS_PER_SECOND)
        self._lags[index] = self._lags.get(index, 0) + 1
        self._busy_then, self._starved_then = busy, starved
        for waiting, room in map(queue_of, self._listening()):
            if room and waiting >= self._queued:
                self._queued, self._queue = waiting, max(self._queue, waiting / room)
        if now - self._began >= 1.0:
            self._end()
        self._beside()
        self._due = max(self._due + EVERY, now)
        self._handle = self._loop.call_later(self._due - now, self._look)

    def _begin(self) -> None:
        self._began = time.monotonic()
        self._busy, self._starved = self._kernel.read()
        self._busy_then, self._starved_then = self._busy, self._starved
        self._cpu = time.process_time()
        self._lags = {}
        self._longest = self._stopped = self._queue = self._pause = 0.0
        self._queued = 0

    def _end(self) -> None:
        """Add what was measured since the last second ended, long or short."""
        from oagw_tornado.evidence.verdict import Second, merged

        busy, starved = self._kernel.read()
        late, latest, blocked = self._take_late()
        second = Second(
            ended=time.time(),
            length=time.monotonic() - self._began,
            late=PackedCounts(late),
            latest=latest,
            blocked=blocked,
            lags=PackedCounts(self._lags),
            longest=self._longest,
            stopped=self._stopped,
            cpu=time.process_time() - self._cpu,
            busy=busy - self._busy,
            starved=None if starved is None or self._starved is None else starved - self._starved,
            queue=self._queue,
            queued=self._queued,
            pause=self._pause,
            memory=resident_memory(),
        )
        seconds = self._seconds
        if seconds and seconds[-1].length < 1.0:  # cut short by somebody who asked
            seconds[-1] = merged(seconds[-1], second)
        else:
            seconds.append(second)
        if len(seconds) > KEPT:
            oldest = seconds.popleft()
            self._before = oldest if self._before is None else merged(self._before, oldest)
        self._begin()

    def _collector(self, phase: str, info: dict[str, Any]) -> None:
        now = time.monotonic()
        if phase == "start":
            self._collecting_since = now
        else:
            self._pause = max(self._pause, now - self._collecting_since)


class _LoopThread:
    """What the kernel says of the thread that opened it: seconds that it ran, and that it waited for a processor."""

    def __init__(self) -> None:
        self._fd = -1

    def open(self) -> None:
        try:
            self._fd = os.open(f"/proc/self/task/{threading.get_native_id()}/schedstat", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:  # another system, or a kernel without these figures
            self._fd = -1

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def read(self) -> tuple[float, float | None]:
        if self._fd >= 0:
            try:
                return time.thread_time(), int(os.pread(self._fd, 96, 0).split()[1]) / 1e9
            except (OSError, ValueError, IndexError):
                pass
        return time.thread_time(), None


def queue_of(listening: socket.socket) -> tuple[int, int]:
    """Connections that wait to be accepted, and how many may; (0, 0) where the system does not tell."""
    if not sys.platform.startswith("linux"):
        return 0, 0
    try:
        return _QUEUE.unpack_from(listening.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _QUEUE.size))
    except (OSError, struct.error):  # closed, or no TCP socket
        return 0, 0


def resident_memory() -> int:
    """Bytes of memory that this process holds now; the most it ever held where the system tells no more; else 0."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        pass
    try:
        import resource
    except ImportError:
        return 0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
