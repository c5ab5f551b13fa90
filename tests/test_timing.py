"""The histogram of lateness, against the plain list of what was counted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oagw_tornado.evidence.timing import BINS_PER_SECOND, SPAN, Timing

BIN = 1 / BINS_PER_SECOND


def test_nothing_counted_says_nothing() -> None:
    assert Timing().as_json() == {
        "events": 0,
        "late_ms": {"p50": None, "p90": None, "p99": None, "max": None},
        "earliest_ms": None,
        "blocked_by_client": 0,
        "requests": 0,
        "admission_wait_ms": {"p50": None, "p90": None, "p99": None, "max": None},
    }


@given(st.lists(st.floats(0, SPAN * 1.5), min_size=1, max_size=200), st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_a_quantile_of_waits_is_never_too_good_and_at_most_a_bin_too_bad(waits: list[float], share: float) -> None:
    timing = Timing()
    timing.waits.recent.extend(waits)
    exact = next(wait for rank, wait in enumerate(sorted(waits), 1) if rank >= share * len(waits))
    (found,) = timing.waits.quantiles(share)
    assert found is not None
    assert exact <= found + 1e-9
    assert found <= exact + BIN + 1e-9 or found == max(waits)
    assert timing.as_json()["requests"] == len(waits)
    timing.reset()
    assert timing.as_json()["requests"] == 0


@given(st.lists(st.floats(0, SPAN * 1.5), min_size=1, max_size=200), st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_a_quantile_is_never_too_good_and_at_most_a_bin_too_bad(lates: list[float], share: float) -> None:
    timing = Timing()
    timing.recent.extend(lates)
    ordered = sorted(lates)
    exact = next(late for rank, late in enumerate(ordered, 1) if rank >= share * len(lates))
    (found,) = timing.quantiles(share)
    assert found is not None
    if exact < SPAN:
        assert exact <= found + 1e-9
        assert found <= exact + BIN + 1e-9
    else:
        assert found == ordered[-1]


@given(st.lists(st.tuples(st.floats(-0.01, 5), st.integers(1, 9)), min_size=1, max_size=50))
def test_no_event_is_lost(counts: list[tuple[float, int]]) -> None:
    timing = Timing()
    for late, events in counts:
        timing.recent.extend([late] * events)
    view = timing.as_json()
    assert view["events"] == sum(events for _, events in counts)
    assert view["earliest_ms"] == pytest.approx(min(late for late, _ in counts) * 1000, abs=1e-5)
    assert view["late_ms"]["max"] == pytest.approx(max(late for late, _ in counts) * 1000, abs=1e-5)
    assert sum(timing.late) + timing.later == view["events"]
    assert timing.seconds == pytest.approx(sum(late * events for late, events in counts))


def test_single_events_are_counted_once_and_in_place() -> None:
    timing = Timing()
    recent = timing.recent
    recent += [0.001, 0.002, 3.0, -0.5]
    assert timing.as_json()["events"] == 4
    assert timing.as_json() == timing.as_json()
    assert timing.as_json()["earliest_ms"] == -500.0
    recent.append(0.001)
    assert timing.as_json()["events"] == 5


def test_reset_forgets_all_and_whoever_counts_goes_on_counting() -> None:
    timing = Timing()
    recent = timing.recent
    recent.append(0.5)
    timing.blocked_by_client = 3
    timing.reset()
    assert timing.as_json() == Timing().as_json()
    recent.append(0.001)
    assert timing.as_json()["events"] == 1
