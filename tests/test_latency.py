"""Distributions: what they are written like, and what is drawn from them."""

from __future__ import annotations

from itertools import islice
from random import Random
from statistics import fmean, median, pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oagw_tornado.units.durations import LONGEST
from oagw_tornado.units.latency import Fixed, Latency, expand_traces, parse_latency

DRAWS = 10_000


def draws(text: str, seed: int = 20_240) -> list[float]:
    random = Random(seed)
    latency = parse_latency(text)
    return [latency.draw(random) for _ in range(DRAWS)]


# Within 2 % of what is stated: 10,000 draws put the standard error of the widest of these at 1 %.


@pytest.mark.parametrize(
    ("text", "mean"), [("uniform(20ms,80ms)", 0.050), ("normal(50ms,10ms)", 0.050), ("exponential(50ms)", 0.050)]
)
def test_the_mean_of_the_draws_is_the_stated_one(text: str, mean: float) -> None:
    assert fmean(draws(text)) == pytest.approx(mean, rel=0.02)


@pytest.mark.parametrize("text", ["lognormal(50ms,0.4)", "uniform(20ms,80ms)", "normal(50ms,10ms)"])
def test_the_median_of_the_draws_is_the_stated_one(text: str) -> None:
    assert median(draws(text)) == pytest.approx(0.050, rel=0.02)


def test_the_spread_is_the_stated_one() -> None:
    from math import log

    assert pstdev(draws("normal(50ms,10ms)")) == pytest.approx(0.010, rel=0.03)
    assert pstdev(map(log, draws("lognormal(50ms,0.4)"))) == pytest.approx(0.4, rel=0.03)
    assert min(draws("uniform(20ms,80ms)")) >= 0.020
    assert max(draws("uniform(20ms,80ms)")) <= 0.080


def test_a_normal_distribution_is_cut_at_zero() -> None:
    values = draws("normal(10ms,50ms)")
    assert min(values) == 0.0
    assert values.count(0.0) == pytest.approx(DRAWS * 0.4207, rel=0.05)  # P(Z < -0.2)


@pytest.mark.parametrize("text", ["lognormal(24h,10)", "exponential(24h)", "normal(24h,24h)", "lognormal(24h,0)"])
def test_gaps_are_draws_and_no_longer_than_a_day(text: str) -> None:
    """They are drawn in a loop of their own, as each event of a stream waits for one."""
    for each in (
        text,
        "uniform(0,24h)",
        "lognormal(50ms,0.4)",
        "normal(50ms,20ms)",
        "normal(1ms,50ms)",
        "exponential(1s)",
    ):
        latency = parse_latency(each)
        random = Random(7)
        assert list(islice(latency.gaps(Random(7)), 2000)) == [latency.draw(random) for _ in range(2000)]


@pytest.mark.parametrize("text", ["lognormal(24h,10)", "exponential(24h)", "normal(24h,24h)", "lognormal(24h,0)"])
def test_no_draw_is_longer_than_a_day(text: str) -> None:
    assert 0 <= min(draws(text)) <= max(draws(text)) <= LONGEST


def test_the_same_generator_gives_the_same_draws() -> None:
    assert draws("lognormal(50ms,0.4)", 7) == draws("lognormal(50ms,0.4)", 7)
    assert draws("lognormal(50ms,0.4)", 7) != draws("lognormal(50ms,0.4)", 8)


def test_a_fixed_time_draws_nothing() -> None:
    random = Random(1)
    before = random.getstate()
    latency = parse_latency("250us")
    assert latency.draw(random) == 0.00025
    assert list(islice(latency.gaps(random), 3)) == [0.00025] * 3
    assert random.getstate() == before


def test_a_trace_replays_its_offsets() -> None:
    gaps = parse_latency("trace(0ms,48ms,51ms)").gaps(Random(1))
    assert list(islice(gaps, 5)) == pytest.approx([0.048, 0.003, 0.048, 0.003, 0.048])


def test_the_leading_zero_of_a_trace_is_understood() -> None:
    gaps = parse_latency("trace(10ms,58ms)").gaps(Random(1))
    assert list(islice(gaps, 3)) == pytest.approx([0.010, 0.048, 0.010])


def test_a_trace_as_a_single_time_is_one_of_its_offsets() -> None:
    assert set(draws("trace(1ms,2ms,3ms)")) == {0.001, 0.002, 0.003}


def test_trace_files_are_expanded_only_where_somebody_reads_them() -> None:
    with pytest.raises(ValueError, match="configuration file only"):
        parse_latency("trace(@offsets.txt)")
    text = expand_traces("trace( @offsets.txt )", {"offsets.txt": "0ms\n48ms\n\n51ms, 60ms\n"}.__getitem__)
    assert text == "trace(0ms,48ms,51ms,60ms)"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("50", "duration with its unit"),
        ("uniform(20ms)", "uniform(LOW,HIGH)"),
        ("uniform(80ms,20ms)", "lower bound"),
        ("normal(50,10)", "duration"),
        ("lognormal(50ms,x)", "sigma"),
        ("lognormal(50ms,-1)", "sigma"),
        ("lognormal(50ms,nan)", "sigma"),
        ("lognormal(50ms)", "sigma"),
        ("gamma(1ms)", "uniform(LOW,HIGH)"),
        ("trace(5ms,1ms)", "do not decrease"),
        ("trace()", "duration"),
        ("exponential(25h)", "a day"),
        ("uniform(1ms,2ms", "duration"),
    ],
)
def test_what_is_no_latency_is_refused_with_what_was_expected(text: str, hint: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_latency(text)
    assert hint in str(caught.value)


durations = st.integers(0, 10**9).map(lambda microseconds: f"{microseconds}us" if microseconds else "0")
latencies = st.one_of(
    durations,
    st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)).map(lambda p: f"uniform({min(p)}us,{max(p)}us)"),
    st.builds("normal({},{})".format, durations, durations),
    st.builds("lognormal({},{})".format, durations, st.floats(0, 10).map(lambda sigma: f"{sigma:.6f}")),
    st.builds("exponential({})".format, durations),
    st.lists(st.integers(0, 10**6), min_size=1, max_size=20).map(
        lambda offsets: f"trace({','.join(f'{offset}us' for offset in sorted(offsets))})"
    ),
)


@given(latencies)
def test_what_is_written_is_read_back(text: str) -> None:
    latency = parse_latency(text)
    again = parse_latency(str(latency))
    assert type(again) is type(latency)
    assert str(again) == str(latency)
    assert again.typical == pytest.approx(latency.typical, abs=1e-11)


@given(latencies, st.integers())
def test_every_draw_and_gap_is_a_bounded_time(text: str, seed: int) -> None:
    latency = parse_latency(text)
    random = Random(seed)
    times = [latency.draw(random) for _ in range(5)] + list(islice(latency.gaps(random), 30))
    assert all(0 <= time <= LONGEST for time in times)
    if latency.is_zero:
        assert not any(times)
    if latency.is_fixed:
        assert len({latency.draw(random) for _ in range(10)}) == 1


@given(st.text(max_size=60))
def test_no_text_breaks_it(text: str) -> None:
    try:
        latency: Latency = parse_latency(text)
    except ValueError as error:
        assert str(error)
    else:
        assert isinstance(latency, Fixed) or text.strip().endswith(")")
