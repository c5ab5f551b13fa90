"""The finest timer of this machine, which wakes the pacer.

asyncio rounds timers to its clock's resolution and libuv to whole milliseconds; a Linux timerfd, polled by the loop
like any descriptor, is not rounded. Elsewhere, the loop's own `call_later` takes its place.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from time import monotonic
from typing import Protocol


class Timer(Protocol):
    """Wakes its owner once, at an absolute time of the monotonic clock."""

    def arm(self, when: float) -> None:
        """Wake at `when`, in place of any earlier wish. In the past means now."""

    def disarm(self) -> None:
        """Do not wake."""

    def close(self) -> None:
        """Give back what the timer holds."""


class LoopTimer:
    """The loop's own timer."""

    def __init__(self, loop: asyncio.AbstractEventLoop, wake: Callable[[], None]) -> None:
        self._loop = loop
        self._wake = wake
        self._handle: asyncio.TimerHandle | None = None

    def arm(self, when: float) -> None:
        self.disarm()
        # The loop's clock need not be time.monotonic; the difference of two readings is all that counts.
        self._handle = self._loop.call_later(max(0.0, when - monotonic()), self._wake)

    def disarm(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    close = disarm


class UnmadeTimer:
    """Stands in for a timer until one is needed, which `make` puts into its place."""

    def __init__(self, make: Callable[[], Timer]) -> None:
        self._make = make

    def arm(self, when: float) -> None:
        self._make().arm(when)

    def disarm(self) -> None:
        pass

    close = disarm


class TimerfdTimer:
    """A Linux timerfd (timerfd_create(2)): absolute, in nanoseconds, on the clock of `time.monotonic`.

    The descriptor is never read: arming or disarming clears its readiness, and one of both follows each wake-up.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, wake: Callable[[], None]) -> None:
        self._loop = loop
        self._fd, self._set = _open_timerfd()
        loop.add_reader(self._fd, wake)

    def arm(self, when: float) -> None:
        self._set(when)

    def disarm(self) -> None:
        self._set(0.0)

    def close(self) -> None:
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1
            self._set = _nothing


def _open_timerfd() -> tuple[int, Callable[[float], None]]:
    """A timerfd and the function that sets it (0 disarms). OSError or AttributeError where there is none."""
    if sys.version_info >= (3, 13):
        from time import CLOCK_MONOTONIC

        fd = os.timerfd_create(CLOCK_MONOTONIC, flags=os.TFD_NONBLOCK | os.TFD_CLOEXEC)

        def set_time(when: float) -> None:
            os.timerfd_settime(fd, flags=os.TFD_TIMER_ABSTIME, initial=when)

        return fd, set_time

    import ctypes

    class ITimerSpec(ctypes.Structure):
        _fields_ = [(name, ctypes.c_long) for name in ("interval_s", "interval_ns", "value_s", "value_ns")]

    libc = ctypes.CDLL(None, use_errno=True)
    monotonic_clock, nonblock_cloexec, absolute = 1, 0o2004000, 1
    fd = libc.timerfd_create(monotonic_clock, nonblock_cloexec)
    if fd < 0:
        raise OSError(ctypes.get_errno(), "timerfd_create failed")
    spec = ITimerSpec()
    reference = ctypes.byref(spec)
    settime = libc.timerfd_settime
    flags, nothing = ctypes.c_int(absolute), None
    descriptor = ctypes.c_int(fd)

    def set_time(when: float) -> None:
        seconds = int(when)
        spec.value_s = seconds
        spec.value_ns = int((when - seconds) * 1e9)
        settime(descriptor, flags, reference, nothing)

    return fd, set_time


def _nothing(when: float) -> None:
    pass


def new_timer(loop: asyncio.AbstractEventLoop, wake: Callable[[], None]) -> Timer:
    """The finest timer that this machine has."""
    if sys.platform == "linux":
        try:
            return TimerfdTimer(loop, wake)
        except (OSError, AttributeError):  # a libc or a sandbox without it
            pass
    return LoopTimer(loop, wake)
