"""What all tests share. A stray warning is a failure already: see filterwarnings in setup.cfg.

Every server that a test starts runs on the engine and the loop that ``--http-server`` and ``--loop`` name. Tests that
take the fixture ``wire`` run once for each pair of both that there is, or that is left by these options.

Tests run on four workers, as many of them wait rather than work. A test of time that must have the machine to itself
is marked ``alone``: it waits until no other test runs, and holds the others up while it does.
"""

from __future__ import annotations

import os
import shutil
import ssl
import sys
import tempfile
from collections.abc import Generator
from fcntl import LOCK_EX, LOCK_SH, LOCK_UN, flock
from importlib.util import find_spec
from pathlib import Path

import pytest
import raw_http
from hypothesis import settings

from oagw_tornado.testing.server import SimulatorServer
from oagw_tornado.wire.certificates import Authority, state_directory

# Otherwise every worker has pytest rewrite all tests anew, and every server of a test compiles what it imports.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# How long an example takes says more of what else runs on the machine.
settings.register_profile("oagw", deadline=None)
settings.load_profile("oagw")

# What a module imports, or a test asks for, that is to talk to a server.
SERVERS = {"SimulatorProcess", "SimulatorThread", "SimulatorServer", "wire", "oagw", "oagw_client"}
WIRES = ("fast-uvloop", "fast-asyncio", "tornado-asyncio")
# Where the loop makes a difference to the fast engine: how bytes come and go, and when. All else takes the one that is
# the default, and asyncio with the stock engine.
BOTH_LOOPS = {
    "test_acceptor", "test_clients_event_source", "test_cuts", "test_engines", "test_half_close", "test_http1",
    "test_http1_limits", "test_http1_targets",
    "test_isolation", "test_left_behind", "test_lost_replies", "test_malformed", "test_many",
    "test_request_reader", "test_scenarios", "test_streams", "test_tls", "test_turn",
}  # fmt: skip


def pytest_addoption(parser: pytest.Parser) -> None:
    for option in ("--http-server", "--loop"):
        parser.addoption(option, type=_name, help=f"{option} of every server that a test starts")
    parser.addoption("--tls", action="store_true", help="have servers and clients speak TLS (scripts/test-tls)")


def _name(option: str) -> str:
    """An engine's, or a loop's, where it has an older one too."""
    return "fast" if option == "httptools" else option


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "wire" in metafunc.fixturenames:
        engine, loop = (metafunc.config.getoption(option) for option in ("http_server", "loop"))
        wires = [wire for wire in WIRES if wire.startswith(engine or "") and wire.endswith(loop or "")]
        if loop is None and metafunc.module.__name__ not in BOTH_LOOPS and find_spec("uvloop"):
            wires = [wire for wire in wires if wire != "fast-asyncio"]
        metafunc.parametrize("wire", wires or [f"{engine}-{loop}"], scope="session")


def pytest_configure(config: pytest.Config) -> None:
    for option in ("http_server", "loop"):
        value = config.getoption(option, None)
        if value is not None:
            SimulatorServer.default_options[option] = value
    # Certificates of this run, and of no other: the user's own are not touched.
    folder = os.environ.get("OAGW_TEST_STATE") or tempfile.mkdtemp(prefix="oagw-tls-")
    os.environ["OAGW_TEST_STATE"] = os.environ["XDG_STATE_HOME"] = folder
    if config.getoption("tls", False):
        speak_tls()
    config.addinivalue_line("markers", "server: talks to a running server (set by itself)")
    config.addinivalue_line("markers", "alone: no other test runs at the same time")


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ.pop("OAGW_TEST_STATE", ""), ignore_errors=True)


def speak_tls() -> None:
    """Have every server of this run speak TLS, and every client trust its authority."""
    authority = Authority(state_directory())
    authority.issue(["localhost", "127.0.0.1", "::1"])
    SimulatorServer.default_options["tls"] = "auto"
    for variable in ("SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"):
        os.environ[variable] = str(authority.certificate)
    raw_http.tls = ssl.create_default_context(cafile=str(authority.certificate))


@pytest.fixture(scope="session")
def tls_state() -> Path:
    """The certificate of the authority that servers with ``tls="auto"`` have in this run."""
    pytest.importorskip("cryptography")
    authority = Authority(state_directory())
    authority.issue(["localhost", "127.0.0.1", "::1"])
    return authority.certificate


#: What cannot be had over TLS, and why. The rest of the client's part runs over it: scripts/test-tls.
PLAIN = {
    "test_a_browser_comes_back_and_is_ended": "its page's own server passes the events on by plain HTTP",
    "test_httpx_raises": "a reset below TLS is a protocol error to httpx, not a read error",
    "test_no_event_is_lost_and_none_comes_twice": "a reset below TLS is an incomplete reply to httpx",
    "test_a_thousand_streams_at_once": "its sockets know no TLS",
    "test_a_completion_without_gaps_leaves_others_their_turn": "its sockets know no TLS",
    "test_gateway_cancels_its_upstream": "its gateway speaks plain HTTP",
}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("tls", False):
        for item in items:
            reason = PLAIN.get(getattr(item, "originalname", item.name))
            if reason is not None:
                item.add_marker(pytest.mark.skip(reason=f"over TLS: {reason}"))
    for item in items:
        names = {*getattr(item, "fixturenames", ()), *vars(getattr(item, "module", None) or object).keys()}
        if names & SERVERS:
            item.add_marker("server")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    if not hasattr(item.config, "workerinput") or getattr(item.config, "cache", None) is None:
        return (yield)
    folder = item.config.cache.mkdir("turns")
    with open(folder / "door", "w") as door, open(folder / "room", "w") as room:
        # Who wants to be alone stands in the door until the room is empty; the others only pass it.
        flock(door, LOCK_EX)
        flock(room, LOCK_EX if item.get_closest_marker("alone") else LOCK_SH)
        flock(door, LOCK_UN)
        return (yield)
