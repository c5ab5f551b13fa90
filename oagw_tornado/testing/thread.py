"""The simulator in a thread of this process, with an event loop of its own: it starts in milliseconds."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import oagw_tornado.wire.http1_server  # noqa: F401  # what `start` would load otherwise
from oagw_tornado.cli import choose_loop
from oagw_tornado.config.config import read_config
from oagw_tornado.config.settings import ConfigError
from oagw_tornado.extensions import gather
from oagw_tornado.simulator import Simulator
from oagw_tornado.testing.server import Addresses, SimulatorError, SimulatorServer

if TYPE_CHECKING:
    from oagw_tornado.faults.fault import Fault
    from oagw_tornado.services.handler import ServiceHandler
    from oagw_tornado.services.upstream import Upstream

# The same.
choose_loop("auto")


class SimulatorThread(SimulatorServer):
    """A simulator in a thread. It shares the interpreter lock with the tests: for exact timing use a process."""

    _thread: threading.Thread | None = None
    _loop: asyncio.AbstractEventLoop
    _ending: asyncio.Event

    def __init__(
        self,
        *,
        upstreams: Mapping[str, Upstream | type[ServiceHandler]] | None = None,
        faults: Iterable[type[Fault]] = (),
        **options: Any,
    ) -> None:
        """`upstreams` and `faults` are as in `Simulator`, everything else as in `SimulatorServer`."""
        super().__init__(**options)
        self._upstreams = upstreams
        self._faults = tuple(faults)

    def start(self) -> Self:
        if self._thread is not None:
            raise RuntimeError("it is already running")
        started: Future[int] = Future()
        self._errors = ErrorLog()
        self._thread = threading.Thread(target=self._run, args=(started,), name="simulator", daemon=True)
        self._thread.start()
        try:
            self.port = started.result(self.start_timeout)
        except BaseException as error:
            self._thread.join(1.0)
            self._thread = None
            if isinstance(error, Exception):
                raise SimulatorError(f"the server did not start: {str(error) or type(error).__name__}") from error
            raise
        return self

    def stop(self) -> None:
        thread, self._thread = self._thread, None
        if thread is None:
            return
        if thread.is_alive():
            self._loop.call_soon_threadsafe(self._ending.set)
        thread.join()

    @property
    def is_running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def take_errors(self) -> str:
        return self._errors.take()

    def _run(self, started: Future[int]) -> None:
        self._errors.thread = threading.get_ident()
        logging.getLogger().addHandler(self._errors)
        try:
            arguments = self._arguments()
            if self._rules:
                arguments.append("--config=rules")
            extensions = gather(self._upstreams, self._faults)
            with extensions.known_faults():
                config = read_config(arguments, {}, self._read_file)
            if config.realtime:
                raise ConfigError("realtime", "is for a process of its own: SimulatorProcess has one")
            with asyncio.Runner(loop_factory=choose_loop(config.loop)) as runner:
                config = replace(config, access_log=bool(config.access_log))
                runner.run(self._serve(Simulator(config, extensions=extensions), started))
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)
        finally:
            logging.getLogger().removeHandler(self._errors)

    async def _serve(self, simulator: Simulator, started: Future[int]) -> None:
        self._loop = asyncio.get_running_loop()
        self._ending = asyncio.Event()
        await simulator.start()
        try:
            self._addresses = Addresses.read(simulator.addresses)
            started.set_result(simulator.port)
            await self._ending.wait()
        finally:
            await simulator.stop()

    def _read_file(self, path: str) -> str:
        return json.dumps({"rules": self._rules}) if self._rules else Path(path).read_text("utf-8-sig")


class ErrorLog(logging.Handler):
    """Keeps what one thread, the server's, logs of uncaught exceptions."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.thread = 0
        self._texts: list[str] = []
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self.thread and record.exc_info:
            self._texts.append(self.format(record))

    def take(self) -> str:
        texts, self._texts = self._texts, []
        return "\n".join(texts)
