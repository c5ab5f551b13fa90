"""Errors of the server, as the pytest plugin holds them against the tests that caused them."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_plugin import run

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


@pytest.fixture
def broken_weather(project):
    """The project, with a server whose weather service raises."""
    broken = """
        from oagw_tornado.services import weather
        def serve(self, *path_args):
            raise RuntimeError("no weather today")
        weather.Current.serve = serve
    """
    project.makeconftest(broken)
    return project


def test_an_unexpected_500_fails_the_test_that_caused_it(broken_weather):
    broken_weather.makepyfile(
        """
        def test_before(oagw, oagw_client):
            assert oagw_client.execute("github", "GET", "/users/octocat").status == 200

        def test_caused_it(oagw, oagw_client):
            assert oagw_client.execute("weather", "GET", "/current").status == 500

        def test_after(oagw, oagw_client):
            assert oagw_client.execute("github", "GET", "/users/octocat").status == 200
        """
    )
    result = run(broken_weather, "-rA")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        [
            "the simulated gateway failed: GET weather /current -> 500 from upstream, complete",
            "the simulated gateway logged an error:",
            "*RuntimeError: no weather today",
            "FAILED *::test_caused_it*",
        ]
    )


def test_an_unexpected_500_of_a_process_shows_its_traceback(broken_weather, monkeypatch):
    home = broken_weather.mkdir("home")
    (home / "sitecustomize.py").write_text(Path(broken_weather.path, "conftest.py").read_text())
    monkeypatch.setenv("PYTHONPATH", str(home))
    broken_weather.makeini("[pytest]\noagw_server = process")
    broken_weather.makepyfile(
        """
        def test_caused_it(oagw, oagw_client):
            assert oagw_client.execute("weather", "GET", "/current").status == 500
        """
    )
    result = run(broken_weather)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["the simulated gateway failed: GET weather*", "*RuntimeError: no weather today"])


def test_the_servers_error_is_shown_beside_the_tests_own(broken_weather):
    broken_weather.makepyfile(
        """
        def test_caused_it(oagw, oagw_client):
            assert oagw_client.execute("weather", "GET", "/current").status == 200
        """
    )
    result = run(broken_weather)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E*assert 500 == 200", "*- Captured oagw call -*", "*RuntimeError: no weather today"])


def test_a_500_that_was_asked_for_fails_nothing(project):
    project.makepyfile(
        """
        import pytest

        def ask(oagw_client, **more):
            return oagw_client.execute("weather", "GET", "/current", **more).status

        def test_rule(oagw, oagw_client):
            oagw.add_rule(fault="status;code=503")
            assert ask(oagw_client) == 503

        def test_header(oagw_client):
            assert ask(oagw_client, headers={"X-Sim-Fault": "status;code=500"}) == 500

        @pytest.mark.oagw(fault="status;code=502")
        def test_mark(oagw_client):
            assert ask(oagw_client) == 502
        """
    )
    run(project).assert_outcomes(passed=3)


def test_the_check_can_be_turned_off(broken_weather):
    broken_weather.makeini("[pytest]\noagw_server = thread\noagw_fail_on_server_error = false")
    broken_weather.makepyfile(
        """
        def test_caused_it(oagw, oagw_client):
            assert oagw_client.execute("weather", "GET", "/current").status == 500
        """
    )
    run(broken_weather).assert_outcomes(passed=1)


def test_a_server_that_dies_fails_its_test_and_no_other(alone, pytester):
    pytester.makepyfile(
        """
        import os, signal, time

        def test_killer(oagw):
            os.kill(oagw.server.pid, signal.SIGKILL)
            while oagw.server.is_running:
                time.sleep(0.01)

        def test_after(oagw, oagw_client):
            assert oagw_client.execute("weather", "GET", "/current").status == 200
        """
    )
    result = run(pytester)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["the server has ended by itself, with exit code -9", "FAILED *::test_killer*"])


def test_an_error_that_comes_late_is_told_at_the_end(project):
    project.makepyfile(
        """
        import logging

        def log(oagw):
            async def fail():
                try:
                    raise RuntimeError("later")
                except RuntimeError:
                    logging.getLogger("oagw_tornado").exception("it went wrong")
            import asyncio
            return asyncio.run_coroutine_threadsafe(fail(), oagw.server._loop)

        def test_first(oagw, request):
            request.addfinalizer(lambda: log(oagw).result())

        def test_second(oagw): pass
        """
    )
    result = run(project)
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["the simulated gateway logged an error after *::test_first:", "*RuntimeError: later"])
