"""Supervises worker processes: forks them, restarts those that die, and ends all of them together.

The supervisor serves nothing and has no event loop: it waits for signals and for messages from its workers.
It must not have loaded anything that does not survive a fork. No worker outlives it, however it ends.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Callable

#: A worker that lived for less than this many seconds did not come to work.
QUICK = 5.0
#: How often in a row that may happen before all is given up, and the longest wait before the next try, in seconds.
MOST_QUICK = 5
LONGEST_WAIT = 2.0

#: Seconds beyond what a worker says that it needs to end.
LONGER = 5.0

# How a word begins that is no name.
_DRAINS = "drains "

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
_PR_SET_PDEATHSIG = 1


class WorkerPlace:
    """Where a worker is: its number, and its way to say that it is ready."""

    def __init__(self, number: int, predecessor: str, words: int, life: int) -> None:
        self.number = number
        #: What the worker before it at this place was known as; empty: there was none.
        self.predecessor = predecessor
        #: Readable when the supervisor is gone.
        self.life = life
        self._words = words

    def ready(self, name: str) -> None:
        """Say that it serves, and what it is known as."""
        os.write(self._words, f"{name}\n".encode())

    def drains(self, seconds: float) -> None:
        """Say that it ends, and takes up to so many seconds for it."""
        os.write(self._words, f"{_DRAINS}{seconds}\n".encode())


class _Worker:
    def __init__(self, number: int) -> None:
        self.number = number
        self.pid = 0
        self.words = -1
        self.name = ""
        self.is_ready = False
        self.started = 0.0
        self.due = 0.0
        self.quick_deaths = 0


class Supervisor:
    """`work` is what a worker does: it gets its `Place` and gives its exit code. `say` tells one line.

    `ready` is called once all are ready; `draining` when they are told to end, in the supervisor. A worker that ends
    with an exit code of `hopeless` before it is ready is not started again.
    """

    def __init__(
        self,
        workers: int,
        work: Callable[[WorkerPlace], int],
        ready: Callable[[], None],
        draining: Callable[[], None],
        say: Callable[[str], None],
        patience: float,
        reloads: bool,
        hopeless: tuple[int, ...] = (2,),
    ) -> None:
        """`patience`: seconds that the workers have to end. `reloads`: SIGHUP is for one of them, whichever."""
        self._workers = [_Worker(number) for number in range(workers)]
        self._work = work
        self._ready = ready
        self._draining = draining
        self._say = say
        self._patience = patience
        self._reloads = reloads
        self._had_terminal = os.isatty(2)
        self._hopeless = hopeless
        self._is_ready = False
        self._ending = 0.0
        self._code = 0

    def run(self) -> int:
        """Until a signal ends it; returns the exit code."""
        self._life, self._held = os.pipe()
        wake, woken = os.pipe()
        os.set_blocking(woken, False)
        os.set_blocking(wake, False)
        before = signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
        signals = (*_SIGNALS, signal.SIGHUP) if self._reloads else _SIGNALS
        handlers = {number: signal.signal(number, lambda number, frame: None) for number in signals}
        self._apart = (wake, woken)
        try:
            while not self._is_over():
                self._start_due()
                readable = [wake, *(worker.words for worker in self._workers if worker.words >= 0)]
                ready, _, _ = select.select(readable, [], [], self._time_left())
                if wake in ready:
                    for number in os.read(wake, 4096):
                        self._signalled(number)
                for worker in self._workers:
                    if worker.words in ready:
                        self._heard(worker)
                self._reap()
                if self._ending and time.monotonic() > self._ending:
                    self._signal_all(signal.SIGKILL)
        finally:
            self._signal_all(signal.SIGKILL)
            signal.set_wakeup_fd(before)
            for number, handler in handlers.items():
                signal.signal(number, handler)
            for descriptor in (wake, woken, self._life, self._held):
                os.close(descriptor)
        return self._code

    def _is_over(self) -> bool:
        return bool(self._ending) and not any(worker.pid for worker in self._workers)

    def _time_left(self) -> float | None:
        instants = [worker.due for worker in self._workers if not worker.pid and not self._ending]
        if self._ending:
            instants.append(self._ending + 0.01)
        return max(0.0, min(instants) - time.monotonic()) if instants else None

    def _start_due(self) -> None:
        now = time.monotonic()
        for worker in self._workers:
            if not worker.pid and not self._ending and worker.due <= now:
                self._fork(worker)

    def _fork(self, worker: _Worker) -> None:
        words, other = os.pipe()
        place = WorkerPlace(worker.number, worker.name, other, self._life)
        supervisor = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            self._become_worker(place, words, supervisor)
        os.close(other)
        worker.pid, worker.words, worker.is_ready = pid, words, False
        worker.started = time.monotonic()

    def _become_worker(self, place: WorkerPlace, words: int, supervisor: int) -> None:
        """In the new process, which never comes back from here."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in (*_SIGNALS, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            # A Ctrl-C at the terminal is the supervisor's business: it drains all.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            die_with_parent()
            for descriptor in (*self._apart, self._held, words, *(each.words for each in self._workers)):
                if descriptor >= 0:
                    os.close(descriptor)
            if os.getppid() == supervisor:
                code = self._work(place)
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            try:
                sys.stdout.flush()
                sys.stderr.flush()
            finally:
                os._exit(code)

    def _heard(self, worker: _Worker) -> None:
        word = os.read(worker.words, 4096)
        if not word:
            os.close(worker.words)
            worker.words = -1
            return
        *_, said = word.decode().splitlines()
        if said.startswith(_DRAINS):
            # More than it was started with, if that was changed meanwhile.
            if self._ending:
                self._ending = max(self._ending, time.monotonic() + float(said.removeprefix(_DRAINS)) + LONGER)
            return
        worker.name = said
        if worker.is_ready:
            return
        worker.is_ready = True
        if self._is_ready:
            self._say(f"worker {worker.number} is ready again")
        elif all(each.is_ready for each in self._workers):
            self._is_ready = True
            self._ready()

    def _signalled(self, number: int) -> None:
        if number in (signal.SIGTERM, signal.SIGINT):
            if self._ending:
                self._signal_all(signal.SIGKILL)
                self._code = 128 + number
                return
            self._end(0)
        elif number == signal.SIGHUP and self._had_terminal and not os.isatty(2):
            self._end(0)  # the terminal is gone
        elif number == signal.SIGHUP:
            ready = next((worker for worker in self._workers if worker.is_ready and worker.pid), None)
            if ready is not None:
                os.kill(ready.pid, signal.SIGHUP)

    def _end(self, code: int) -> None:
        self._code = code
        self._ending = time.monotonic() + self._patience
        # The workers hold their own sockets; those held here would accept connections that nobody serves.
        self._draining()
        self._signal_all(signal.SIGTERM)

    def _signal_all(self, number: int) -> None:
        for worker in self._workers:
            if worker.pid:
                try:
                    os.kill(worker.pid, number)
                except ProcessLookupError:
                    pass

    def _reap(self) -> None:
        for worker in self._workers:
            if worker.pid:
                pid, status = os.waitpid(worker.pid, os.WNOHANG)
                if pid:
                    self._died(worker, status)

    def _died(self, worker: _Worker, status: int) -> None:
        was_ready = worker.is_ready
        worker.pid, worker.is_ready = 0, False
        if worker.words >= 0:
            os.close(worker.words)
            worker.words = -1
        code = os.waitstatus_to_exitcode(status)
        if self._ending:
            if code and not self._code:
                self._code = 1
            return
        if not was_ready and code in self._hopeless:
            self._end(code)  # it has said why
            return
        is_quick = time.monotonic() - worker.started < QUICK
        worker.quick_deaths = worker.quick_deaths + 1 if is_quick else 0
        how = f"exit code {code}" if code >= 0 else signal.Signals(-code).name
        if worker.quick_deaths >= MOST_QUICK:
            self._say(f"worker {worker.number} has ended ({how}) {MOST_QUICK} times in a row: giving up")
            self._end(1)
            return
        self._say(f"worker {worker.number} has ended ({how}); it is started again")
        wait = 0.0 if worker.quick_deaths < 2 else min(LONGEST_WAIT, 0.1 * 2**worker.quick_deaths)
        worker.due = time.monotonic() + wait


def die_with_parent() -> None:
    """Have the kernel end this process when its parent is gone, where it can (Linux: prctl(2), PR_SET_PDEATHSIG)."""
    if sys.platform.startswith("linux"):
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
