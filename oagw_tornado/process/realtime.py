"""What the system offers a process that must be on time: requested only with ``--realtime``.

Each measure is independent: if the system refuses one, the server says what would permit it, and keeps the others.

- SCHED_FIFO, sched(7): the loop's thread runs as soon as it has something to do, before all ordinary processes. Its
  children and the thread of the log stay ordinary. The kernel leaves 5 % of each second to others.
- mlockall(2): no page of the process is written out and waited for. Not where the limit of locked memory is finite: a
  process that grew beyond it would be refused memory.
- /dev/cpu_dma_latency, as long as it is open (Documentation/power/pm_qos_interface.rst of Linux): processors sleep so
  lightly that they wake in no time. It holds for the whole machine, and costs power.
- The timer slack, prctl(2), which delays what waits with a timeout by 50 us; a timerfd, by which the pacer wakes, has
  none.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import NamedTuple

#: Above all ordinary processes, below the kernel's own threads that handle interrupts (50).
PRIORITY = 10

_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4
_PR_SET_TIMERSLACK = 29
_DMA_LATENCY = "/dev/cpu_dma_latency"


class Measure(NamedTuple):
    """One thing to ask the system for. `take` raises OSError with the reason why it is refused."""

    name: str
    allowed_by: str
    take: Callable[[], None]


class Taken(NamedTuple):
    """What became of all measures, in words."""

    got: tuple[str, ...]
    refused: tuple[str, ...]
    """Each with the reason, and what would allow it."""


class Realtime:
    """The measures for one process; `take` is called in the thread that is to be on time."""

    def __init__(self, platform: str = sys.platform) -> None:
        self._platform = platform
        # Open for as long as processors are not to sleep deeply.
        self._latency = -1

    def measures(self) -> tuple[Measure, ...]:
        """All there are on this system."""
        if self._platform != "linux":
            return ()
        return (
            Measure(
                f"real-time priority (SCHED_FIFO {PRIORITY})", f"CAP_SYS_NICE or ulimit -r {PRIORITY}", _set_priority
            ),
            Measure("locked memory", "CAP_IPC_LOCK and ulimit -l unlimited", _lock_memory),
            Measure("processors that wake at once", f"write access to {_DMA_LATENCY}", self._keep_awake),
            Measure("a timer slack of 1 ns", "Linux", _end_timer_slack),
        )

    def take(self) -> Taken:
        """Ask for all of them."""
        got, refused = [], []
        for name, allowed_by, ask in self.measures():
            try:
                ask()
            except OSError as error:
                refused.append(f"no {name.removeprefix('a ')}: {error.strerror or error} ({allowed_by} allows it)")
            else:
                got.append(name)
        if not self.measures():
            refused.append(f"nothing of it is known on {self._platform}")
        return Taken(tuple(got), tuple(refused))

    def close(self) -> None:
        """Let processors sleep again."""
        if self._latency >= 0:
            os.close(self._latency)
            self._latency = -1

    def _keep_awake(self) -> None:
        self._latency = os.open(_DMA_LATENCY, os.O_WRONLY | os.O_CLOEXEC)
        # Microseconds that a processor may take to wake.
        os.write(self._latency, (0).to_bytes(4, sys.byteorder))


def _set_priority() -> None:
    if sys.platform == "linux":
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(PRIORITY))


def _lock_memory() -> None:
    import errno
    import resource

    unlimited = resource.RLIM_INFINITY
    if resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] != unlimited:
        try:
            resource.setrlimit(resource.RLIMIT_MEMLOCK, (unlimited, unlimited))
        except (ValueError, OSError):
            raise OSError(errno.EPERM, "the limit of locked memory is finite") from None
    # Pages are locked as they come to be used: the stacks of threads are never used whole.
    _call("mlockall", _MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT)


def _end_timer_slack() -> None:
    _call("prctl", _PR_SET_TIMERSLACK, 1, 0, 0, 0)


def _call(function: str, *arguments: int) -> None:
    """Call a function of libc. Raises OSError."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc[function](*map(ctypes.c_ulong, arguments)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
