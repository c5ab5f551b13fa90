"""The server as a program: arguments in, a ready line, signals, an exit code."""

from __future__ import annotations

import errno
import gc
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from oagw_tornado import __version__
from oagw_tornado.commands import COMMANDS, run_command
from oagw_tornado.config.config import Config, check_listening, has_replays, read_config
from oagw_tornado.config.listeners import Listener
from oagw_tornado.config.settings import ConfigError
from oagw_tornado.extensions import ExtensionError, Extensions, gather
from oagw_tornado.process.descriptors import fill_standard_descriptors, raise_descriptor_limit
from oagw_tornado.process.reload import FilesRead, Reloading
from oagw_tornado.wire.listeners import CannotListen, Listeners, listen
from oagw_tornado.wire.sockets import adopt

if TYPE_CHECKING:
    import asyncio
    from _socket import socket as Socket

    from oagw_tornado.process.realtime import Realtime
    from oagw_tornado.process.supervisor import WorkerPlace
    from oagw_tornado.simulator import Simulator

OK, FAILED, BAD_USAGE = 0, 1, 2


def main(argv: Sequence[str] | None = None, sockets: Sequence[Socket] = ()) -> int:
    """Run the program with `argv` (default: that of this process) until a signal ends it; returns its exit code.

    `sockets` listen already at the address of a plain start, if it is one.
    """
    fill_standard_descriptors()
    arguments = sys.argv[1:] if argv is None else list(argv)
    if arguments and arguments[0] in COMMANDS:
        return _run_command(arguments[0], arguments[1:])
    if "--help" in arguments or "-h" in arguments:
        return _print_help()
    if "--version" in arguments:
        print(f"oagw-tornado {__version__}")  # noqa: T201
        return OK
    files = FilesRead()

    def read() -> Config:
        with extensions.known_faults():
            config = read_config(arguments, os.environ, files.read)
        return replace(config, access_log=os.isatty(2)) if config.access_log is None else config

    try:
        extensions = gather()
        config = read()
        require("--loop", config.loop, "uvloop")
        if config.watch and not (files.paths or has_replays(config)):
            raise ConfigError("--watch", "there is no file to watch; expected --config or --replay beside it")
        if config.workers != 1:
            code = serve_by_workers(config, extensions, read, files)
            if code is not None:
                return code
        listening = listen_early(config, sockets)
    except CannotListen as error:
        return _cannot_listen(error)
    except ConfigError as error:
        say(f"oagw-tornado: {error}")
        return BAD_USAGE
    except ExtensionError as error:
        say(f"oagw-tornado: {error}")
        return FAILED

    raise_descriptor_limit()
    return run(config, extensions, read, files, listening)


def run(
    config: Config,
    extensions: Extensions,
    read: Callable[[], Config],
    files: FilesRead,
    listening: tuple[Listeners, Listeners] | None,
    place: WorkerPlace | None = None,
) -> int:
    """Serve, with an event loop and a log of its own, until a signal ends it; returns the exit code."""
    import asyncio  # not before the server listens: it takes longer to import than all that comes before
    import signal

    from oagw_tornado.process.stderr_log import start_log

    log = start_log(config.log_level, "" if place is None else f"worker {place.number} ")
    try:
        with asyncio.Runner(loop_factory=choose_loop(config.loop)) as runner:
            return runner.run(serve(config, extensions, read, files, listening, place))
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    finally:
        for each in listening or ():
            each.close()
        log.flush_and_close(patience=1.0)


def listen_early(config: Config, sockets: Sequence[Socket] = ()) -> tuple[Listeners, Listeners] | None:
    """Listen before what serves is imported; None: more has to be looked at first, as it may be refused.

    Raises CannotListen and ConfigError; then no address is held.
    """
    has_more = config.rules or config.upstreams or config.mounts or config.knobs.fault is not None
    if config.replay or config.record or has_more or config.tls != "off" or config.tls_cert is not None:
        return None
    check_listening(config)
    return listen(config, {Listener(config.host, config.port): adopt(sockets)} if sockets else {})


def serve_by_workers(
    config: Config, extensions: Extensions, read: Callable[[], Config], files: FilesRead
) -> int | None:
    """Serve by several processes; None: one is what is asked for. Raises ConfigError and CannotListen."""
    from oagw_tornado.workers import number_of_workers, run_workers

    number = number_of_workers(config)
    if number == 1:
        return None
    raise_descriptor_limit()

    def serve_one(place: WorkerPlace, listening: tuple[Listeners, Listeners]) -> int:
        return run(config, extensions, read, files, listening, place)

    def greet(addresses: list[str], port: int, page: str | None) -> None:
        _greet(config, addresses, port, page)

    reloads = bool(files.paths) or has_replays(config)
    return run_workers(number, config, extensions, serve_one, say, greet, reloads)


def _run_command(name: str, arguments: Sequence[str]) -> int:
    from oagw_tornado.commands.arguments import CommandError

    gc.enable()  # as idle work does for a server

    try:
        return run_command(name, arguments)
    except CommandError as error:
        say(f"oagw-tornado {name}: {error}")
        return error.status
    except SystemExit as error:  # argparse: its help, or arguments that are wrong
        return error.code if isinstance(error.code, int) else FAILED
    except KeyboardInterrupt:
        from signal import SIGINT

        return 128 + SIGINT


def choose_loop(name: str) -> Callable[[], asyncio.AbstractEventLoop]:
    """What makes the event loop `name`: ``asyncio``, ``uvloop``, or ``auto`` for uvloop where it is installed."""
    import asyncio

    require("--loop", name, "uvloop")
    if name != "asyncio":
        try:
            import uvloop
        except ImportError:
            pass
        else:
            return uvloop.new_event_loop
    return asyncio.new_event_loop


def require(option: str, value: str, module: str) -> None:
    """Raise ConfigError if `option` asks for `module` by name and it is not installed."""
    if value == module:
        from importlib.util import find_spec

        if find_spec(module) is None:
            raise ConfigError(option, f"{module!r} is not installed (pip install {module})")


async def serve(
    config: Config,
    extensions: Extensions,
    read: Callable[[], Config],
    files: FilesRead,
    listening: tuple[Listeners, Listeners] | None = None,
    place: WorkerPlace | None = None,
) -> int:
    """Serve until SIGINT or SIGTERM, then let running replies finish; a second signal ends the process at once.

    `read` reads the configuration again, and `files` knows from which files. `place` is that of a worker.
    """
    import asyncio
    import signal

    from oagw_tornado.process.idle_work import IdleWork
    from oagw_tornado.process.stderr_log import set_level
    from oagw_tornado.simulator import Simulator

    signalled = asyncio.Event()

    def stop(number: int) -> None:
        if signalled.is_set():
            os._exit(128 + number)
        signalled.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM) if place is None else (signal.SIGTERM,):
        loop.add_signal_handler(number, stop, number)
    if place is not None:
        loop.add_reader(place.life, os._exit, FAILED)  # its supervisor is gone

    own_place = (0, "") if place is None else (place.number, place.predecessor)
    simulator = Simulator(config, extensions=extensions, listening=listening, place=own_place)
    try:
        await simulator.start()
    except CannotListen as error:
        return _cannot_listen(error)
    except ConfigError as error:
        say(f"oagw-tornado: {error}")
        return BAD_USAGE
    realtime = take_realtime() if config.realtime else None
    if place is None:
        _say_where(config, simulator)

    idle_work = IdleWork(
        loop,
        lambda: not simulator.responder.playing,
        lambda: simulator.open_connections == 0,
        simulator.preparations,
    )
    idle_work.start()

    def reload() -> None:
        from oagw_tornado.control.reloading import reload_by

        reload_by(simulator.control, read, lambda said: say(f"oagw-tornado: reload: {said}"))

    def reloaded(config: Config) -> None:
        set_level(config.log_level)
        reloading.watch(config.watch and bool(files.paths) and own_place[0] == 0)

    reloading = Reloading(files, reload)
    if files.paths or has_replays(config):
        reloading.on_signal(hang_up=lambda: stop(signal.SIGHUP))
    simulator.on_reload = reloaded
    reloaded(simulator.config)
    if place is not None:
        place.ready(simulator.member)
    await signalled.wait()
    reloading.stop()
    idle_work.stop()
    timeout = simulator.responder.config.drain_timeout
    if place is not None:
        place.drains(timeout)
    if running := simulator.responder.ledger.running:
        from oagw_tornado.process.first_minute import draining
        from oagw_tornado.units.durations import format_duration

        who = "oagw-tornado" if place is None else f"oagw-tornado: worker {place.number}"
        say(f"{who}: {draining(running, format_duration(timeout))}")
    await simulator.drain(timeout)
    await simulator.stop()
    if realtime is not None:
        realtime.close()
    return OK


def take_realtime() -> Realtime:
    """Ask the system for all that makes events more exact, and say what it gave and what not."""
    from oagw_tornado.process.realtime import Realtime

    realtime = Realtime()
    got, refused = realtime.take()
    say(f"oagw-tornado: --realtime: {', '.join(got) or 'nothing'}")
    for each in refused:
        say(f"oagw-tornado: --realtime: {each}")
    return realtime


def _say_where(config: Config, simulator: Simulator) -> None:
    """Say that it is ready, and where."""
    if simulator.authority is not None:
        from shlex import quote

        # Before the ready line, so that whoever waits for that line has read these.
        say(f"export SSL_CERT_FILE={quote(str(simulator.authority))}")
        say(f"export NODE_EXTRA_CA_CERTS={quote(str(simulator.authority))}")
    say(f"oagw-tornado {__version__}: {simulator.addresses}")
    _greet(config, simulator.listeners.urls, simulator.port, simulator.page_server)


def _greet(config: Config, addresses: Sequence[str], port: int, page: str | None) -> None:
    if os.isatty(2) and port:
        from urllib.parse import urlsplit

        from oagw_tornado.process.first_minute import greeting

        scheme, host = urlsplit(next(url for url in addresses if url.startswith("http")))[:2]
        say(greeting(scheme, host.rpartition(":")[0], port, config.tokens, Config().tokens, page))


def _cannot_listen(error: CannotListen) -> int:
    listener = error.listener
    from socket import gaierror

    if isinstance(error.__cause__, gaierror) or error.errno == errno.EADDRNOTAVAIL:
        say(f"oagw-tornado: --host: {listener.host!r} is not an address of this machine ({error.strerror})")
        return BAD_USAGE
    address = listener.url(listener.port).removeprefix("http://")
    taken = "the port is taken" if error.errno == errno.EADDRINUSE and listener.host else error.strerror or str(error)
    say(f"oagw-tornado: cannot listen on {address}: {taken}")
    return FAILED


def _print_help() -> int:
    from shutil import get_terminal_size

    from oagw_tornado.config.usage import help_text

    print(help_text(min(get_terminal_size().columns, 110), COMMANDS), end="")  # noqa: T201
    return OK


def say(line: str) -> None:
    """One line on stderr, if anybody is there to read it."""
    try:
        os.write(2, f"{line}\n".encode(errors="backslashreplace"))
    except OSError:
        pass
