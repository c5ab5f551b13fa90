"""The pytest plugin: a simulated gateway with streaming upstreams as a fixture.

    def test_client_survives_a_reset(oagw, oagw_client):
        oagw.add_rule(when={"first": 1}, fault="reset;at-event=3")
        ...
        oagw.assert_requested(alias="openai", path="/v1/chat/completions", count=2)

One server runs for the session (one per worker of pytest-xdist), from the first test that uses it; it is
reset before each test. If no test uses it, this module is all that is loaded.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from oagw_tornado.client import OagwClient
    from oagw_tornado.testing.fixture import Oagw
    from oagw_tornado.testing.session import SessionServer

_USED = pytest.StashKey["Oagw"]()

MARKER = (
    "oagw(**knobs): options, knobs or a rule of the simulated gateway for this test, such as "
    'time_to_first_token="200ms", fault="reset;at-event=3"; with match= or when= it is a rule'
)

REPLAY_MARKER = (
    "oagw_replay(directory, *, on_miss, speed, ignore, per): answer this test's requests with recordings; without a "
    "directory those in recordings/MODULE/TEST beside the test's file"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini("oagw_server", "where the simulated gateway runs: process or thread", default="process")
    parser.addini("oagw_options", "its options, one a line: inter-token-latency = 5ms", "linelist", default=[])
    parser.addini("oagw_start_timeout", "seconds that it has to start", default="10")
    parser.addini(
        "oagw_timing_budget",
        "lateness at p99 within which the simulated gateway must keep its events, such as 2ms: a test during which it "
        "did not is void, and errors",
        default="",
    )
    parser.addini(
        "oagw_fail_on_server_error",
        "fail a test whose requests got a 5xx that no fault asked for, or a traceback in the server",
        "bool",
        default=True,
    )

    parser.getgroup("oagw", "simulated gateway").addoption(
        "--oagw-report",
        metavar="FILE",
        help="write a report of all tests that used the simulated gateway, an HTML file",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARKER)
    config.addinivalue_line("markers", REPLAY_MARKER)
    config.addinivalue_line(
        "markers", "oagw_timing_budget(lateness): that of this test, in place of the ini's; 0: none"
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Hold the server's own errors against the test that caused them."""
    try:
        result = yield
    except Exception:
        trouble = _trouble(item)
        if trouble:
            item.add_report_section("call", "oagw", trouble)
        raise
    trouble = _trouble(item)
    if trouble:
        pytest.fail(trouble, pytrace=False)
    return result


def _trouble(item: pytest.Item) -> str:
    oagw = item.stash.get(_USED, None)
    if oagw is None or not item.config.getini("oagw_fail_on_server_error"):
        return ""
    from oagw_tornado.testing.session import trouble_of

    return trouble_of(oagw)


@pytest.fixture(scope="session")
def _oagw_session(pytestconfig: pytest.Config) -> Iterator[SessionServer]:
    from oagw_tornado.testing.session import SessionServer

    server = SessionServer(
        pytestconfig.getini("oagw_server"),
        pytestconfig.getini("oagw_options"),
        float(pytestconfig.getini("oagw_start_timeout")),
    )
    try:
        yield server
        left_over = server.left_over()
        report = pytestconfig.getoption("--oagw-report")
        if report:
            server.write_report(_of_this_worker(report, pytestconfig))
    finally:
        server.stop()
    if left_over and pytestconfig.getini("oagw_fail_on_server_error"):
        pytest.fail(left_over, pytrace=False)


@pytest.fixture
def oagw(_oagw_session: SessionServer, request: pytest.FixtureRequest) -> Iterator[Oagw]:
    """The simulated gateway of this session, reset: rules, gates, journal, timing, and ``assert_requested``."""
    fixture = _oagw_session.for_test(request.node.nodeid)
    _oagw_session.configure(fixture, list(request.node.iter_markers("oagw")))
    replay = request.node.get_closest_marker("oagw_replay")
    if replay is not None:
        from oagw_tornado.testing.session import replay_for

        replay_for(fixture, replay, request.node.path, getattr(request.node, "originalname", request.node.name))
    request.node.stash[_USED] = fixture
    yield fixture
    if request.config.getoption("--oagw-report"):
        _oagw_session.keep_for_report(fixture)
    budget = _timing_budget(request)
    if budget not in ("", "0") and fixture.server.is_running:
        from oagw_tornado.testing.session import void_by

        # An error of the fixture, not a failure of the test: its measurement is void.
        void = void_by(fixture, budget)
        if void:
            pytest.fail(void, pytrace=False)


def _of_this_worker(file: str, config: pytest.Config) -> str:
    """The name of its own file, where pytest-xdist has several workers: ``report-gw1.html``."""
    import os

    worker = getattr(config, "workerinput", {}).get("workerid")
    stem, extension = os.path.splitext(file)
    return f"{stem}-{worker}{extension}" if worker else file


def _timing_budget(request: pytest.FixtureRequest) -> str:
    mark = request.node.get_closest_marker("oagw_timing_budget")
    if mark is None:
        return str(request.config.getini("oagw_timing_budget")).strip()
    if len(mark.args) != 1 or mark.kwargs:
        raise TypeError("the marker oagw_timing_budget takes one argument, a duration such as '2ms'")
    return str(mark.args[0])


@pytest.fixture
def oagw_url(oagw: Oagw) -> str:
    """The address of the simulated gateway, without a path."""
    return oagw.base_url


@pytest.fixture
def oagw_openai_url(oagw: Oagw) -> str:
    """What an OpenAI SDK takes as its base URL; its API key is ``oagw.token``."""
    return oagw.openai_base_url


@pytest.fixture
def oagw_client(oagw: Oagw) -> Iterator[OagwClient]:
    """A client of the simulated gateway."""
    from oagw_tornado.client import OagwClient

    with OagwClient(oagw.base_url, oagw.token) as client:
        yield client
