"""The machine: its processors, its C compiler, and what its kernel says of a process."""

from __future__ import annotations

import os
import platform
import resource
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
CACHE = HERE.parent / ".benchmarks"


class NoCompiler(Exception):
    """There is nothing to compile the load client with."""


def processors() -> tuple[int | None, int | None]:
    """One processor for the server and another for its client; None twice where they cannot be kept apart."""
    if not hasattr(os, "sched_setaffinity"):
        return None, None
    allowed = sorted(os.sched_getaffinity(0))
    return (allowed[0], allowed[1]) if len(allowed) > 1 else (None, None)


def pin(pid: int, processor: int | None) -> None:
    """Keep a process on one processor."""
    if processor is not None:
        os.sched_setaffinity(pid, {processor})


@contextmanager
def on_processor(processor: int | None) -> Iterator[None]:
    """Keep this thread, and the processes that it starts meanwhile with all their threads, on one processor."""
    if processor is None:
        yield
        return
    before = os.sched_getaffinity(0)
    pin(0, processor)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def allow_descriptors() -> int:
    """Raise the limit of open descriptors, which children inherit, as far as it goes; returns it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    except (ValueError, OSError):  # macOS says "no limit" and means fewer
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return most


def description() -> str:
    """The processor and how many of it: all that a report says of a machine."""
    model = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            model = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    count = os.cpu_count() or 1
    return f"{model}, {count} processor{'s' if count > 1 else ''}"


def compiled(source: str) -> Path:
    """The program made of a C file that lies beside this one. Linux only: it polls with epoll."""
    compiler = shlex.split(os.environ.get("CC", "cc"))
    if sys.platform != "linux":
        raise NoCompiler("the load client needs Linux (epoll)")
    if shutil.which(compiler[0]) is None:
        raise NoCompiler(f"no C compiler ({compiler[0]}): the load client is a C program")
    path = HERE / source
    program = CACHE / path.stem
    if not program.exists() or program.stat().st_mtime < path.stat().st_mtime:
        CACHE.mkdir(exist_ok=True)
        unfinished = program.with_name(f"{program.name}.{os.getpid()}")
        subprocess.run([*compiler, "-O2", "-o", unfinished, path, "-lm"], check=True)
        unfinished.rename(program)
    return program


def family(pid: int) -> list[int]:
    """A process and all that it has started: a server may leave its work to one of these."""
    found = [pid]
    for each in found:  # grows meanwhile
        for task in Path(f"/proc/{each}/task").glob("*/children"):
            found += map(int, task.read_text().split())
    return found


def cpu_seconds(pid: int) -> float:
    """Processor time that a process and those that it has started have used, all their threads."""
    return sum(max(_scheduled(each), _ticked(each)) for each in family(pid))


def cpu_seconds_of_children() -> float:
    """Processor time of all processes that this one has started and that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _scheduled(pid: int) -> float:
    """To the nanosecond, of the threads that there are still."""
    try:
        tasks = [Path(task, "schedstat").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
        return sum(int(text.split()[0]) for text in tasks) / 1e9
    except (OSError, IndexError):  # a kernel without schedstat
        return 0.0


def _ticked(pid: int) -> float:
    """To the hundredth of a second, and of threads that have ended, too: a JVM's compilers come and go."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def waited_seconds(pid: int) -> float:
    """How long the threads of a process were ready to run while others had its processor; 0 if nobody can tell."""
    try:
        tasks = [Path(task, "schedstat").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
        return sum(int(text.split()[1]) for text in tasks) / 1e9
    except (OSError, IndexError):
        return 0.0


def memory(pid: int, what: str) -> int:
    """Bytes of memory of a process and those that it has started: VmRSS (resident now) or VmHWM (their peaks)."""
    return sum(_memory(each, what) for each in family(pid))


def _memory(pid: int, what: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"the kernel does not say {what}")
