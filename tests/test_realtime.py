"""What ``--realtime`` says it got is so, and what it did not get is told with what would allow it."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest

from oagw_tornado.process import realtime
from oagw_tornado.process.realtime import PRIORITY, Realtime
from oagw_tornado.testing import SimulatorError, SimulatorProcess, SimulatorThread


def test_elsewhere_nothing_of_it_is_known() -> None:
    assert Realtime("darwin").take() == ((), ("nothing of it is known on darwin",))


def test_what_is_refused_is_told_and_the_rest_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    asked: list[str] = []
    monkeypatch.setattr(realtime, "_set_priority", refuse)
    monkeypatch.setattr(realtime, "_lock_memory", lambda: asked.append("memory"))
    monkeypatch.setattr(realtime, "_end_timer_slack", refuse)
    monkeypatch.setattr(realtime.Realtime, "_keep_awake", lambda self: asked.append("awake"))
    got, refused = Realtime("linux").take()
    assert got == ("locked memory", "processors that wake at once")
    assert asked == ["memory", "awake"]
    assert refused[0] == (
        "no real-time priority (SCHED_FIFO 10): Operation not permitted (CAP_SYS_NICE or ulimit -r 10 allows it)"
    )
    assert refused[1].startswith("no timer slack of 1 ns: ")


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel")
def test_a_server_says_what_it_has() -> None:
    """Whatever this machine allows."""
    with SimulatorProcess(realtime=True) as server:
        lines = [line for line in server.stderr.splitlines() if "--realtime: " in line]
        got = lines[0]
        refused = "\n".join(lines[1:])
        is_fifo = os.sched_getscheduler(server.pid) & ~os.SCHED_RESET_ON_FORK == os.SCHED_FIFO
        assert is_fifo == ("real-time priority" in got) == ("no real-time priority" not in refused)
        if is_fifo:
            assert os.sched_getparam(server.pid).sched_priority == PRIORITY
        status = Path(f"/proc/{server.pid}/status").read_text()
        locked = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmLck"))
        assert (locked > 0) == ("locked memory" in got) == ("no locked memory" not in refused)
        opened = {os.readlink(each) for each in Path(f"/proc/{server.pid}/fd").iterdir()}
        assert ("/dev/cpu_dma_latency" in opened) == ("wake at once" in got)
        # The thread of the log, and all others, are ordinary.
        for thread in Path(f"/proc/{server.pid}/task").iterdir():
            if int(thread.name) != server.pid:
                assert os.sched_getscheduler(int(thread.name)) == os.SCHED_OTHER


def test_a_thread_of_somebody_else_is_left_as_it_is() -> None:
    with pytest.raises(SimulatorError, match="realtime: is for a process of its own"):
        SimulatorThread(realtime=True).start()
