"""The pytest plugin, seen from a stranger's project: each test is a whole run of pytest in a process of its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest_plugins = "pytester"


@pytest.fixture
def alone(monkeypatch):
    """No plugin but this one: others take time to load, and load what is looked for here."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


@pytest.fixture
def project(alone, pytester: pytest.Pytester):
    """An empty project, whose server is there quickly."""
    pytester.makeini("[pytest]\noagw_server = thread")
    return pytester


def run(project: pytest.Pytester, *args: str) -> pytest.RunResult:
    if "PYTEST_DISABLE_PLUGIN_AUTOLOAD" in os.environ:
        args = ("-p", "oagw_tornado.testing.plugin", *args)
    return project.runpytest_subprocess("--strict-markers", *args, timeout=120)


def lines(result: pytest.RunResult) -> str:
    return result.stdout.str() + result.stderr.str()


TEN_LINES = """
    def test_chat(oagw, oagw_client):
        question = {"stream": True, "messages": [{"role": "user", "content": "one two"}]}
        with oagw_client.execute("openai", "POST", "/v1/chat/completions", json=question) as response:
            events = list(response.iter_events())
        assert events[-1].data == "[DONE]"
        oagw.assert_requested(alias="openai", path="/v1/chat/completions", count=1)
"""


@pytest.mark.parametrize("server", ["process", "thread"])
def test_ten_lines_are_green_in_an_empty_project(pytester, server, monkeypatch):
    if server == "thread":  # once, pytest finds it by itself
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeini(f"[pytest]\noagw_server = {server}\nfilterwarnings = error")
    pytester.makepyfile(TEN_LINES)
    run(pytester).assert_outcomes(passed=1)


def test_what_did_arrive_is_shown_when_what_was_expected_did_not(project):
    project.makepyfile(
        """
        def test_chat(oagw, oagw_client):
            oagw_client.execute("weather", "GET", "/current?city=Oslo").json()
            oagw_client.execute("weather", "GET", "/tomorrow").json()
            oagw_client.execute("nowhere", "GET", "/x").json()
            oagw.assert_requested(alias="weather", path="/current", count=2)
        """
    )
    result = run(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E*expected 2 requests with alias weather, path /current, but 1 of the 3 that arrived fit",
            "E*  GET (no alias) /api/oagw/v1/proxy/nowhere/x -> 404 from gateway, *",
            "E*  GET weather /tomorrow -> 404 from upstream, complete",
            "E*[*] GET weather /current -> 200 from upstream, complete",
        ]
    )
    assert "fixture.py" not in lines(result)


def test_requests_are_found_by_everything_that_is_known_of_them(project):
    project.makepyfile(
        """
        import pytest

        def test_find(oagw, oagw_client):
            for path in ("/current", "current/x", "/tomorrow"):
                oagw_client.execute("weather", "POST", path).json()
            found = oagw.assert_requested
            assert len(found()) == len(found(count=3)) == 3
            assert [request["status"] for request in found(alias="weather")] == [404, 200, 200]
            assert len(found(path="current*")) == 2
            assert len(found(path="/current", method="post", status=200, outcome="complete", count=1)) == 1
            assert found(path="/none", count=0) == []
            for wanted in ({"method": "GET"}, {"status": 500}, {"outcome": "client-left"}, {"path": "urrent"}):
                with pytest.raises(AssertionError, match="at least one request with"):
                    found(**wanted)
            with pytest.raises(AssertionError, match="0 requests"):
                found(count=0)

        def test_wait_for_what_is_under_way(oagw, oagw_client):
            with oagw_client.execute("stream-test", "GET", "/events?count=inf&interval=1ms") as response:
                next(response.iter_events())
            (left,) = oagw.assert_requested(outcome="client-left", within=10)
            assert left["events_sent"] >= 1
        """
    )
    run(project).assert_outcomes(passed=2)


def test_each_test_starts_with_the_server_as_started(project):
    project.makepyfile(
        """
        import pytest

        @pytest.mark.parametrize("round", range(2))
        def test_reset(oagw, oagw_client, round):
            assert oagw.requests() == []
            assert oagw.control.rules() == []
            assert oagw.timing()["events"] == 0
            assert oagw_client.execute("weather", "GET", "/current").status == 200
            oagw.add_rule(fault="status;code=418")
            oagw.configure(latency="5s")
        """
    )
    run(project).assert_outcomes(passed=2)


def test_one_server_for_the_session(project):
    project.makepyfile(
        """
        import pytest
        urls = set()

        @pytest.mark.parametrize("round", range(3))
        def test_url(oagw, oagw_url, oagw_openai_url, round):
            assert oagw_openai_url == f"{oagw_url}/api/oagw/v1/proxy/openai/v1"
            assert oagw.base_url == oagw_url
            urls.add(oagw_url)
            assert len(urls) == 1
        """
    )
    run(project).assert_outcomes(passed=3)


def test_options_come_from_the_ini_file(alone, pytester):
    pytester.makeini(
        "[pytest]\noagw_server = thread\noagw_options =\n  token = secret\n  latency=0\n  inter-token-latency = 1ms\n"
    )
    pytester.makepyfile(
        """
        def test_options(oagw, oagw_client):
            assert oagw.token == "secret"
            assert oagw_client.execute("weather", "GET", "/current").status == 200
            config = oagw.control.call("GET", "/_sim/config")
            assert config["inter-token-latency"] == "1ms"
        """
    )
    run(pytester).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("ini", "message"),
    [
        ("oagw_options = latencie = 5ms", "*SimulatorError:*--latencie: no such option*"),
        ("oagw_server = elsewhere", "*ValueError: oagw_server: expected process or thread, not 'elsewhere'"),
        ("oagw_options = latencie = 5ms\noagw_server = process", "*oagw-tornado: --latencie: no such option*"),
    ],
)
def test_a_server_that_can_not_start_says_why(alone, pytester, ini, message):
    pytester.makeini("[pytest]\n" + ("" if "oagw_server" in ini else "oagw_server = thread\n") + ini)
    pytester.makepyfile("def test_it(oagw): pass")
    result = run(pytester)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([message])


def test_marks_set_options_and_rules_for_one_test(project):
    project.makepyfile(
        """
        import pytest

        pytestmark = pytest.mark.oagw(latency="1ms", seed=1)

        def known(oagw):
            config = oagw.control.call("GET", "/_sim/config")
            return config["latency"], config["seed"], config["fault"]

        @pytest.mark.oagw(latency="2ms")
        class TestClass:
            @pytest.mark.oagw(latency="3ms", fault="reset;at-event=3")
            def test_closest_counts(self, oagw):
                assert known(oagw) == ("3ms", 1, "reset;at-event=3")

            def test_class(self, oagw):
                assert known(oagw)[:2] == ("2ms", 1)

        def test_module(oagw):
            assert known(oagw)[:2] == ("1ms", 1)

        @pytest.mark.oagw(match={"alias": "weather"}, fault="status;code=503")
        @pytest.mark.oagw(when={"first": 1}, fault="status;code=418")
        def test_rules(oagw, oagw_client):
            statuses = [oagw_client.execute(alias, "GET", path).status
                        for alias, path in [("weather", "/current"), ("github", "/x"), ("weather", "/current")]]
            assert statuses == [418, 404, 503]
        """
    )
    run(project).assert_outcomes(passed=4)


def test_a_mark_that_is_not_understood_is_an_error(project):
    project.makepyfile(
        """
        import pytest

        @pytest.mark.oagw(time_to_first_tokn="200ms")
        def test_unknown(oagw): pass

        @pytest.mark.oagw(fault="explode", when={"first": 1})
        def test_rule(oagw): pass

        @pytest.mark.oagw("200ms")
        def test_positional(oagw): pass
        """
    )
    result = run(project)
    result.assert_outcomes(errors=3)
    result.stdout.fnmatch_lines(
        [
            "*ControlError: time-to-first-tokn: no such option (did you mean time-to-first-token?) (status 400)",
            "*ControlError: fault: 'explode' is not one of *",
            "*TypeError: the marker oagw takes keywords only",
        ]
    )


def test_the_mark_is_registered(project):
    project.makepyfile("def test_it(): pass")
    run(project, "--markers").stdout.fnmatch_lines(["@pytest.mark.oagw(**knobs)*"])


def test_nothing_is_loaded_where_no_test_asks_for_it(project):
    project.makeconftest(
        """
        import sys
        HEAVY = ("tornado", "httpx", "orjson", "oagw_tornado.testing.process", "oagw_tornado.testing.session",
                 "oagw_tornado.testing.thread", "oagw_tornado.simulator", "http.client")

        def pytest_sessionfinish():
            print("loaded:", [name for name in HEAVY if name in sys.modules])
        """
    )
    project.makepyfile("def test_it(): pass")
    result = run(project, "-s")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*loaded: []"])


def test_each_worker_of_xdist_has_a_server_of_its_own(project):
    project.makepyfile(
        """
        import pathlib, time
        import pytest

        @pytest.mark.parametrize("number", range(6))
        def test_url(oagw, oagw_client, number, worker_id):
            oagw.add_rule(fault=f"status;code={410 + number}")
            assert oagw_client.execute("weather", "GET", "/current").status == 410 + number
            with pathlib.Path("urls").open("a") as urls:
                urls.write(f"{worker_id} {oagw.base_url}\\n")
        """
    )
    run(project, "-p", "xdist.plugin", "-n", "2").assert_outcomes(passed=6)
    seen = {tuple(line.split()) for line in Path(project.path, "urls").read_text().splitlines()}
    workers, urls = zip(*seen, strict=True)
    assert len(seen) == len(set(workers)) == len(set(urls)) <= 2


def test_unittest_cases_can_use_it_too(project):
    project.makepyfile(
        """
        import unittest
        import pytest

        class Case(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def _server(self, oagw):
                self.oagw = oagw

            def test_it(self):
                assert self.oagw.requests() == []
        """
    )
    run(project).assert_outcomes(passed=1)


def test_the_client_says_which_extra_it_wants(project):
    project.makepyfile(
        """
        import sys
        sys.modules["httpx"] = None

        def test_without(oagw):
            assert oagw.requests() == []

        def test_with(oagw_client): pass
        """
    )
    result = run(project)
    result.assert_outcomes(passed=1, errors=1)
    assert "from the extra 'client'" in lines(result)


def test_a_mark_replays_the_recordings_beside_the_test(project):
    head = (
        '{"recording":1,"alias":"mine","at":"2026-01-01T00:00:00.000000Z","request":{"method":"GET","path":"x"},'
        '"reply":{"status":200},"first_byte_us":1}\n{"at":2,"text":"recorded"}\n{"at":2,"ended":"complete"}\n'
    )
    for place in ("recordings/test_replayed/test_named_by_itself", "elsewhere"):
        (project.path / place / "mine").mkdir(parents=True)
        (project.path / place / "mine" / "x.jsonl").write_text(head)
    project.makepyfile(
        test_replayed="""
        import pytest

        @pytest.mark.oagw_replay
        @pytest.mark.parametrize("number", [1, 2])
        def test_named_by_itself(oagw, oagw_client, number):
            assert oagw_client.execute("mine", "GET", "/x").text() == "recorded"
            assert oagw.replays()["replays"] == 1

        @pytest.mark.oagw_replay("elsewhere", speed=0, on_miss="pass")
        def test_named(oagw, oagw_client):
            assert oagw_client.execute("mine", "GET", "/x").text() == "recorded"
            assert oagw_client.execute("weather", "GET", "/current").status == 200

        def test_not_replayed(oagw, oagw_client):
            assert oagw.replays()["upstreams"] == {}

        @pytest.mark.oagw_replay("nowhere")
        def test_that_is_not_there(oagw):
            pass
        """
    )
    result = run(project)
    result.assert_outcomes(passed=4, errors=1)
    assert "cannot read the directory" in lines(result)
