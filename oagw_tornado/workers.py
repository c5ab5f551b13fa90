"""Several processes instead of one: the same addresses, the same configuration, one state."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module

from oagw_tornado import __version__
from oagw_tornado.config.config import Config
from oagw_tornado.config.settings import ConfigError
from oagw_tornado.extensions import Extensions
from oagw_tornado.process.idle_work import NEEDED_SOON
from oagw_tornado.process.supervisor import LONGER, Supervisor, WorkerPlace
from oagw_tornado.state.probe import check_state
from oagw_tornado.wire.listeners import Listeners, addresses_in_words, page_server
from oagw_tornado.wire.worker_sockets import WorkerSockets
from oagw_tornado.wiring.assembly import prepare

Serve = Callable[[WorkerPlace, tuple[Listeners, Listeners]], int]


def number_of_workers(config: Config) -> int:
    """How many processes `config` asks for on this machine. Raises ConfigError if they would share no state."""
    number = config.workers or processors()
    if number > 1 and config.state is None:
        raise ConfigError(
            "--workers", f"{number} workers need a state to share: name its server with --state redis://HOST:PORT"
        )
    return number


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_workers(
    number: int,
    config: Config,
    extensions: Extensions,
    serve: Serve,
    say: Callable[[str], None],
    greet: Callable[[list[str], int, str | None], None],
    reloads: bool,
) -> int:
    """Run `number` workers, each of which does `serve`, until a signal ends them; returns the exit code.

    `greet` gets the addresses, the port and where the page is once all are ready. Raises ConfigError and CannotListen.
    """
    authority = prepare(config, extensions)
    check_state(config)
    sockets = WorkerSockets(config, number)
    # Loaded once for all: workers share the memory of everything loaded before the fork, and start at once.
    for module in (*NEEDED_SOON, "redis.asyncio", "oagw_tornado.state.shared_state", "oagw_tornado.control.joining"):
        import_module(module)
    _load_engine(config)

    def ready() -> None:
        if authority is not None:
            from shlex import quote

            say(f"export SSL_CERT_FILE={quote(str(authority))}")
            say(f"export NODE_EXTRA_CA_CERTS={quote(str(authority))}")
        public, apart = sockets.addresses
        say(f"oagw-tornado: {number} workers share {config.state}")
        say(f"oagw-tornado {__version__}: {addresses_in_words(public, apart)}")
        greet(public, sockets.port, page_server(config, apart))

    def work(place: WorkerPlace) -> int:
        return serve(place, sockets.of_worker(place.number))

    def draining() -> None:
        sockets.remove_files()
        sockets.close()

    patience = config.drain_timeout + LONGER
    supervisor = Supervisor(number, work, ready, draining, lambda text: say(f"oagw-tornado: {text}"), patience, reloads)
    try:
        return supervisor.run()
    finally:
        sockets.remove_files()
        sockets.close()


def _load_engine(config: Config) -> None:
    from oagw_tornado.wiring.assembly import engine

    fast = engine(config.http_server) == "fast"
    import_module("oagw_tornado.wire.http1_server" if fast else "oagw_tornado.wire.stock")
    if config.loop != "asyncio":
        try:
            import_module("uvloop")
        except ImportError:
            pass
