"""The server of a pytest session: started for the first test that uses it, reset before each, its errors reported."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from oagw_tornado.testing.expectation import described
from oagw_tornado.testing.fixture import Oagw
from oagw_tornado.testing.server import SimulatorServer

#: Tests in a report.
MOST_RUNS = 500


class Marker(Protocol):
    """A pytest mark."""

    @property
    def args(self) -> tuple[Any, ...]: ...
    @property
    def kwargs(self) -> Any: ...


class SessionServer:
    """One server, restarted only if it has died. `options` are lines of ``name = value``, or ``name`` for a flag."""

    def __init__(self, kind: str, options: Sequence[str], start_timeout: float) -> None:
        self._kind = kind
        self._options = dict(map(_option, options))
        self._start_timeout = start_timeout
        self._server: SimulatorServer | None = None
        # What there is to tell of each test, for a report.
        self._runs: list[Any] = []
        # The last test that used it, and errors that were found after it had ended.
        self._last_test = ""
        self._late: list[str] = []

    def for_test(self, name: str) -> Oagw:
        """The server as started, for the test of that name."""
        self._note_late_errors()
        self._last_test = name
        if self._server is not None and not self._server.is_running:
            self.stop()
        if self._server is None:
            self._server = self._new_server().start()
        fixture = Oagw(self._server)
        fixture.reset()
        return fixture

    def configure(self, fixture: Oagw, marks: Sequence[Marker]) -> None:
        """Apply the marks of a test, the closest one first: it counts most."""
        options: dict[str, Any] = {}
        for mark in marks:
            if mark.args:
                raise TypeError("the marker oagw takes keywords only")
            if "match" in mark.kwargs or "when" in mark.kwargs:
                fixture.add_rule(**mark.kwargs)
            else:
                options = {**mark.kwargs, **options}
        if options:
            fixture.configure(**options)

    def keep_for_report(self, fixture: Oagw) -> None:
        """Keep what there is to tell of the test that has just used the server."""
        if fixture.server.is_running:
            self._runs.append(fixture.control.call("GET", "/_sim/report", query=_report_query(self._last_test)))
            if len(self._runs) > MOST_RUNS:
                # What was quick is the least that is missed.
                self._runs.remove(min(self._runs, key=lambda run: run["verdict"]["seconds"]))

    def write_report(self, file: str) -> None:
        """Write the report of all tests that used the server."""
        from oagw_tornado.page.report import document

        if self._runs:
            Path(file).write_bytes(document("oagw-tornado: report of a test run", self._runs))

    def left_over(self) -> str:
        """Errors that came after the test which caused them had been reported."""
        self._note_late_errors()
        return "\n".join(self._late)

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None

    def _note_late_errors(self) -> None:
        if self._server is not None and self._server.is_running and (errors := self._server.take_errors()):
            self._late.append(f"the simulated gateway logged an error after {self._last_test}:\n{errors}")

    def _new_server(self) -> SimulatorServer:
        if self._kind == "process":
            from oagw_tornado.testing.process import SimulatorProcess

            return SimulatorProcess(start_timeout=self._start_timeout, **self._options)
        if self._kind == "thread":
            from oagw_tornado.testing.thread import SimulatorThread

            return SimulatorThread(start_timeout=self._start_timeout, **self._options)
        raise ValueError(f"oagw_server: expected process or thread, not {self._kind!r}")


def replay_for(fixture: Oagw, mark: Marker, file: Path, test: str) -> None:
    """Replay what the mark of a test says, a directory from where its file is. Raises TypeError, ControlError."""
    if len(mark.args) > 1:
        raise TypeError("the marker oagw_replay takes one directory")
    given = dict(mark.kwargs)
    directory = mark.args[0] if mark.args else given.pop("directory", None)
    place = file.parent / (Path("recordings") / file.stem / test if directory is None else directory)
    fixture.replay(place, **given)


def trouble_of(oagw: Oagw) -> str:
    """What went wrong in the server while a test ran, for its report; empty: nothing."""
    if not oagw.server.is_running:
        return oagw.server.take_errors() or "the simulated gateway does not run any more"
    unexpected = oagw.unexpected_errors()
    errors = oagw.server.take_errors()
    if unexpected and not errors:
        # The reply may be faster than the log, which another thread writes.
        deadline = time.monotonic() + 0.5
        while not errors and time.monotonic() < deadline:
            time.sleep(0.01)
            errors = oagw.server.take_errors()
    lines = [f"the simulated gateway failed: {described(request)}" for request in unexpected]
    if errors:
        lines.append(f"the simulated gateway logged an error:\n{errors}")
    return "\n".join(lines)


def void_by(oagw: Oagw, budget: str) -> str:
    """Why the test that used this server is void, for its report; empty: it was in time."""
    verdict = oagw.control.call("GET", "/_sim/verdict", query={"late-p99": budget})
    if verdict["verdict"] == "innocent":
        return ""
    reasons = "\n".join(f"  {reason}" for reason in verdict["reasons"])
    return f"void: the simulated gateway did not keep within its timing budget of {budget}\n{reasons}"


def _report_query(name: str) -> dict[str, str]:
    return {"format": "json", "label": name[:500]}


def _option(line: str) -> tuple[str, Any]:
    name, equals, value = line.partition("=")
    return name.strip().replace("-", "_"), value.strip() if equals else True
