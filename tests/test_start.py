"""How the program starts: it listens before it imports what serves, and imports no more than a plain start needs."""

from __future__ import annotations

import asyncio
import gc
import pickle
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from copy import deepcopy
from dataclasses import FrozenInstanceError, fields, replace
from functools import wraps
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oagw_tornado.config.config import Config, read_config
from oagw_tornado.config.plain_start import plain_address
from oagw_tornado.knobs.vocabulary import Knobs
from oagw_tornado.process import idle_work
from oagw_tornado.process.idle_work import IdleWork
from oagw_tornado.wire.tcp_listening import listen_on

WORDS = st.sampled_from(
    ("--port", "--host", "--port=80", "--host=::1", "--port=", "9000", "0", "65535", "65536", "localhost", "127.0.0.1",
     "::1", "[::1]", "-1", "--", "--watch", "--config", "x y", "", "٣", "--listen=9001", "--help", "check", "00080")
)  # fmt: skip


@given(st.lists(WORDS, max_size=5))
def test_what_is_taken_for_a_plain_start_is_what_the_options_say(arguments: list[str]) -> None:
    address = plain_address(arguments, {"HOME": "/"})
    if address is None:
        return
    assert read_config(arguments, {}, str) == replace(Config(), host=address[0], port=address[1])


@pytest.mark.parametrize(
    "arguments", [["--port", "70000"], ["--prot", "1"], ["--port"], ["--itl", "5ms"], ["check"], ["1", "1"]]
)
def test_any_other_start_reads_all_options_first(arguments: list[str]) -> None:
    assert plain_address(arguments, {}) is None
    assert plain_address([], {"OAGW_SIM_ITL": "5ms"}) is None


def test_all_addresses_of_a_host_share_a_port() -> None:
    sockets = listen_on("localhost", 0)
    try:
        assert len({each.getsockname()[1] for each in sockets}) == 1
    finally:
        for each in sockets:
            each.close()


def test_a_port_that_is_taken_is_an_error_and_no_socket_is_left() -> None:
    (sock,) = listen_on("127.0.0.1", 0)
    with pytest.raises(OSError, match="in use"):
        listen_on("127.0.0.1", sock.getsockname()[1])
    sock.close()


def test_it_listens_before_tornado_is_there() -> None:
    """With a tornado that waits for a line: until then connections are accepted by the system, and nothing answers."""
    code = """
import sys
class Late:
    def find_spec(self, name, path=None, target=None):
        if name in ("asyncio", "tornado", "uvloop"):
            sys.meta_path.remove(self)
            sys.stdin.readline()
sys.meta_path.insert(0, Late())
sys.argv = ["oagw-tornado", *sys.argv[1:]]
from oagw_tornado.__main__ import main
sys.exit(main())
"""
    for options in ([], ["--itl", "5ms"]):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        with subprocess.Popen(
            [sys.executable, "-c", code, "--port", str(port), *options], stdin=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdin is not None
            assert process.stderr is not None
            try:
                client = _connected(port)
                client.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
                process.stdin.write(b"\n")
                process.stdin.flush()
                assert client.recv(1000).startswith(b"HTTP/1.1 200")
                client.close()
                assert b"listening on http://127.0.0.1:%d\n" % port in process.stderr.readline()
            finally:
                process.kill()


def _connected(port: int) -> socket.socket:
    import time

    deadline = time.monotonic() + 20
    while True:
        try:
            client = socket.create_connection(("127.0.0.1", port))
            client.settimeout(20)
            return client
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.005)


def _loaded(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules)"], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_what_listens_asks_for_no_more_than_the_interpreter_has_at_hand() -> None:
    loaded = _loaded("import oagw_tornado.__main__")
    assert not loaded & {"socket", "typing", "re", "asyncio", "tornado", "dataclasses"}


def test_the_configuration_is_read_without_what_serves() -> None:
    loaded = _loaded("import oagw_tornado.cli; oagw_tornado.cli.read_config(['--itl', '5ms'], {}, None)")
    assert not loaded & {"asyncio", "tornado", "yaml", "logging", "ssl", "importlib.metadata"}


def test_a_record_is_a_frozen_data_class() -> None:
    config = Config(port=1)
    assert replace(config, port=2) == Config(port=2) != config
    assert hash(replace(config, port=2)) == hash(Config(port=2))
    assert pickle.loads(pickle.dumps(config)) == deepcopy(config) == config
    assert "port=1" in repr(config)
    assert {each.name for each in fields(config)} >= {"host", "port"}
    assert replace(config, rule_places=("a",)) == config
    with pytest.raises(FrozenInstanceError):
        config.port = 3  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del Knobs().seed
    with pytest.raises(TypeError, match="prot"):
        Config(prot=1)  # type: ignore[call-arg]


FIRST_REQUESTS = """
from importlib import import_module
from urllib.error import HTTPError
from urllib.request import Request, urlopen
import oagw_tornado.cli, oagw_tornado.testing.thread, oagw_tornado.wire.stock
from oagw_tornado.process.idle_work import NEEDED_SOON
for name in NEEDED_SOON:
    import_module(name)
before = set(sys.modules)
CHAT = b'{"model": "m", "max_tokens": 9, "stream": %s, "messages": [{"role": "user", "content": "hi"}]}'
with oagw_tornado.testing.thread.SimulatorThread() as server:
    def ask(path, body=None, **headers):
        headers = {"Authorization": "Bearer test-integration-token", "Content-Type": "application/json",
                   "X-Sim-Itl": "0", **headers}
        try:
            urlopen(Request(server.base_url + path, body, headers)).read()
        except HTTPError as error:
            error.read()
    proxy = "/api/oagw/v1/proxy/"
    for stream in (b"false", b"true"):
        ask(proxy + "openai/v1/chat/completions", CHAT % stream)
        ask(proxy + "openai/v1/chat/completions", CHAT % stream, **{"X-Sim-Fault": "truncate;at-event=1"})
        ask(proxy + "anthropic/v1/messages", CHAT % stream)
        ask(proxy + "openai/v1/responses", b'{"model": "m", "input": "hi", "stream": %s}' % stream)
    ask(proxy + "stream-test/events", **{"X-Sim-Event-Interval": "0"})
    ask(proxy + "calculator/add", b'{"operation": "add", "a": 1, "b": 2}')
    ask(proxy + "nobody/at-home")
    ask("/health")
    ask("/_sim/rules", b'{"match": {"alias": "github"}, "latency": "1ms"}')
    ask(proxy + "github/users/octocat")
    ask("/_sim/requests")
    ask("/_sim/verdict")
    ask("/_sim/reset", b"")
sys.modules = {name: None for name in sys.modules.keys() - before if name.startswith("oagw")}
"""


def test_no_first_request_of_a_usual_kind_waits_for_an_import() -> None:
    """What idle work loads is all of this package that these need."""
    assert _loaded(FIRST_REQUESTS) == set()


@pytest.fixture
def collector() -> Iterator[None]:
    """The collector, as it is for tests afterwards."""
    threshold, interval = gc.get_threshold(), sys.getswitchinterval()
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)
    sys.setswitchinterval(interval)


def in_a_loop(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    @wraps(test)
    def run() -> None:
        asyncio.run(test())

    return run


async def _until(look: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not look():
            await asyncio.sleep(0.005)


@pytest.mark.usefixtures("collector")
@pytest.mark.parametrize("is_idle", [True, False], ids=["idle", "while a stream plays"])
def test_the_thread_that_loads_rests_while_a_stream_plays(is_idle: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    rests, prepared = list[str](), list[int]()

    def rest(seconds: float) -> None:
        rests.append(threading.current_thread().name)
        assert seconds >= 2 * idle_work._SLICE

    @in_a_loop
    async def loaded() -> None:
        nonlocal is_idle
        work = IdleWork(
            asyncio.get_running_loop(),
            lambda: is_idle,
            lambda: False,
            [lambda: prepared.append(1)],
            ("colorsys", "no_such_module", "sched"),
        )
        work.start()
        try:
            await _until(lambda: "sched" in sys.modules)
            assert "colorsys" in sys.modules
            assert bool(rests) != is_idle
            assert is_idle or not prepared
            is_idle = True
            await _until(lambda: prepared == [1])
        finally:
            work.stop()

    monkeypatch.setattr(idle_work, "sleep", rest)
    # Each slice is over at once.
    monkeypatch.setattr(idle_work, "_SLICE", 0.0)
    for module in ("colorsys", "sched"):
        sys.modules.pop(module, None)
    loaded()
    assert {*rests} <= {"idle work"}


@pytest.mark.usefixtures("collector")
@in_a_loop
async def test_what_is_not_loaded_when_the_server_ends_is_left() -> None:
    prepared, threads, may_go_on = list[int](), list[threading.Thread](), threading.Event()

    def is_idle() -> bool:
        threads.append(threading.current_thread())
        may_go_on.wait(20)
        return False

    for module in ("colorsys", "sched"):
        sys.modules.pop(module, None)
    work = IdleWork(
        asyncio.get_running_loop(), is_idle, lambda: False, [lambda: prepared.append(1)], ("colorsys", "sched")
    )
    work.start()
    await _until(lambda: bool(threads))
    work.stop()
    may_go_on.set()
    await asyncio.to_thread(threads[0].join, 20)
    assert not threads[0].is_alive()
    assert "sched" not in sys.modules
    assert not prepared


@pytest.mark.usefixtures("collector")
@in_a_loop
async def test_all_is_collected_when_nobody_is_connected() -> None:
    is_alone, passes = False, list[int]()

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            passes.append(info["generation"])

    work = IdleWork(asyncio.get_running_loop(), lambda: True, lambda: is_alone, modules=())
    work.start()
    gc.callbacks.append(note)
    try:
        kept = [[number] for number in range(40_000)]
        work._look()
        assert 2 not in passes
        assert len(passes) >= 5
        is_alone = True
        work._look()
        assert 2 in passes
        assert kept
    finally:
        gc.callbacks.remove(note)
        work.stop()
