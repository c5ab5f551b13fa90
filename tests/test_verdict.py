"""The verdict on the fixture itself, as values: what voids a run, and what it is put down to."""

from __future__ import annotations

from typing import Any

import pytest

from oagw_tornado.evidence.verdict import Second, history, judge, merged, quantile

BIN = 0.00005


def bins(**events_by_microseconds: int) -> dict[int, int]:
    """``bins(us500=3)``: three events that were 500 microseconds late."""
    return {int(int(name[2:]) * 1e-6 / BIN): count for name, count in events_by_microseconds.items()}


def second(**changes: Any) -> Second:
    """A quiet second with twenty looks and a thousand events, all of them in time."""
    quiet = Second(
        ended=1000.0, length=1.0, late=bins(us300=1000), latest=0.0003, blocked=0, lags={2: 20}, longest=0.00012,
        stopped=0.0, cpu=0.05, busy=0.05, starved=0.001, queue=0.0, queued=0, pause=0.0, memory=30_000_000,
    )  # fmt: skip
    return quiet._replace(**changes)


def causes(verdict_reasons: tuple[str, ...]) -> list[str]:
    return [reason.partition(":")[0] for reason in verdict_reasons]


def test_a_quiet_run_is_innocent() -> None:
    verdict = judge([second()] * 10, BIN)
    assert (verdict.word, verdict.reasons) == ("innocent", ())
    assert verdict.figures["events"] == 10_000
    assert verdict.figures["late_ms"] == {"p50": 0.3, "p99": 0.3, "max": 0.3, "budget": 2.0}


def test_nothing_measured_is_innocent_and_says_so_by_nulls() -> None:
    verdict = judge([], BIN)
    assert verdict.word == "innocent"
    assert verdict.figures["late_ms"]["p99"] is None
    assert verdict.figures["loop_lag_ms"] == {"p99": None, "max": None}


ONE_IN_FIFTY_LATE = {"late": bins(us300=980, us5000=20), "latest": 0.00502}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        # Late, and the thread's share of its processor tells why.
        (ONE_IN_FIFTY_LATE | {"busy": 0.97, "cpu": 0.97}, ["late", "overloaded"]),
        (ONE_IN_FIFTY_LATE | {"starved": 0.4, "busy": 0.3}, ["late", "starved"]),
        # Half of the time taken, and all of the rest used: both are true.
        (ONE_IN_FIFTY_LATE | {"starved": 0.5, "busy": 0.49}, ["late", "starved", "overloaded"]),
        (ONE_IN_FIFTY_LATE | {"pause": 0.06}, ["late", "collector"]),
        # Late for no reason that we can see is late all the same.
        (ONE_IN_FIFTY_LATE, ["late"]),
        # A process that was stopped for half a second need not have had events then.
        ({"lags": {2: 10, 9000: 1}, "longest": 0.45, "stopped": 0.449}, ["standstill", "stopped"]),
        # A loop that lags without streams: replies that are sent whole waited, too.
        ({"late": {}, "latest": 0.0, "lags": {2: 10, 160: 10}, "longest": 0.008, "busy": 0.99}, ["lag", "overloaded"]),
        ({"queue": 0.9, "queued": 3700}, ["listen-queue"]),
    ],
)
def test_what_voids_a_run_and_why(changes: dict[str, Any], expected: list[str]) -> None:
    verdict = judge([second(**changes)], BIN)
    assert verdict.word == "void"
    assert causes(verdict.reasons) == expected


@pytest.mark.parametrize(
    "changes",
    [
        {"blocked": 5000},  # the clients did not read: theirs, not ours
        {"busy": 0.99, "cpu": 0.99},  # busy and still in time
        {"starved": 0.3},  # kept waiting and still in time
        {"late": bins(us300=999, us50000=1), "latest": 0.05},  # one in a thousand
        {"pause": 0.05},
        {"lags": {2: 19, 240: 1}, "longest": 0.012},  # one hiccup, and no event fell into it
    ],
)
def test_what_does_not_void_a_run(changes: dict[str, Any]) -> None:
    assert judge([second(**changes)], BIN).reasons == ()


def test_the_budget_is_the_callers() -> None:
    late = [second(late=bins(us1500=1000), latest=0.0015)]
    assert judge(late, BIN, budget=0.002).word == "innocent"
    assert judge(late, BIN, budget=0.001).word == "void"


def test_a_standstill_within_the_budget_is_none() -> None:
    stood_still = [second(lags={2: 19, 4000: 1}, longest=0.2)]
    assert causes(judge(stood_still, BIN, budget=0.1).reasons) == ["standstill"]
    assert judge(stood_still, BIN, budget=0.3).reasons == ()


def test_causes_are_looked_for_in_the_seconds_that_were_bad() -> None:
    """Nine busy seconds in which all was well say nothing of the one that was not."""
    busy_but_fine = second(busy=0.95, cpu=0.95)
    starved = second(late=bins(us9000=1000), latest=0.009, starved=0.5, busy=0.1)
    assert causes(judge([busy_but_fine] * 9 + [starved], BIN).reasons) == ["late", "starved"]


def test_a_merged_second_judges_as_the_two_do() -> None:
    first, then = second(), second(late=bins(us300=10, us7000=40), latest=0.007, starved=None)
    both = merged(first, then)
    assert both.length == 2.0
    assert both.starved is None
    assert judge([both], BIN).figures["late_ms"] == judge([first, then], BIN).figures["late_ms"]
    assert judge([both], BIN).reasons == judge([first, then], BIN).reasons


def test_a_quantile_is_the_upper_edge_of_its_bin_and_never_above_the_latest() -> None:
    assert quantile({}, 0.5, BIN, 0.0) is None
    assert quantile({3: 10}, 0.5, BIN, 0.00016) == pytest.approx(0.00016)
    assert quantile({3: 99, 40: 1}, 0.99, BIN, 0.002) == pytest.approx(0.0002)
    assert quantile({3: 98, 40: 2}, 0.99, BIN, 0.0021) == pytest.approx(0.00205)


def test_the_history_has_a_row_for_each_second() -> None:
    rows = history([second(), second(ended=1001.0, late={}, latest=0.0)], BIN)
    assert [row["ended"] for row in rows] == [1000.0, 1001.0]
    assert rows[0]["late_p99_ms"] == 0.3
    assert rows[1]["late_p99_ms"] is rows[1]["late_max_ms"] is None
