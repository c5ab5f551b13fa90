"""A test whose fixture was late is void: it errors, whatever the test itself says."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

STREAM = """
    import pytest

    def stream(oagw, oagw_client):
        body = {"messages": [{"role": "user", "content": "hi"}], "stream": True}
        with oagw_client.execute("openai", "POST", "/v1/chat/completions?sim-itl=1ms", json=body) as response:
            return len(list(response.iter_events()))
"""


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No plugin but this one: others take longer to load than all that is shown here."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def run(pytester: pytest.Pytester, ini: str, test: str) -> pytest.RunResult:
    pytester.makeini(f"[pytest]\nfilterwarnings = error\n{ini}")
    pytester.makepyfile(STREAM + test)
    arguments = ("-p", "no:cacheprovider", "-p", "oagw_tornado.testing.plugin", "--strict-markers")
    return pytester.runpytest_subprocess(*arguments)


def test_a_budget_that_is_not_kept_is_an_error_of_a_test_that_passed(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        "oagw_timing_budget = 1ns",
        """
    def test_it(oagw, oagw_client):
        assert stream(oagw, oagw_client) > 3
""",
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        ["*void: the simulated gateway did not keep within its timing budget of 1ns", "*late: p99 of the lateness of *"]
    )


def test_the_marker_counts_more_than_the_ini(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        "oagw_timing_budget = 1ns",
        """
    @pytest.mark.oagw_timing_budget("30s")
    def test_generous(oagw, oagw_client):
        stream(oagw, oagw_client)

    @pytest.mark.oagw_timing_budget("0")
    def test_none(oagw, oagw_client):
        stream(oagw, oagw_client)
""",
    )
    result.assert_outcomes(passed=2)


def test_without_a_budget_nothing_is_asked(pytester: pytest.Pytester) -> None:
    run(
        pytester,
        "",
        """
    def test_it(oagw, oagw_client):
        stream(oagw, oagw_client)
""",
    ).assert_outcomes(passed=1)


def test_a_budget_that_is_none_says_what_was_expected(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        "oagw_timing_budget = 2",
        """
    def test_it(oagw):
        pass
""",
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*late-p99: '2' is not a duration with its unit*"])
