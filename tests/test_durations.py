"""Durations: a number and its unit, read and written."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oagw_tornado.units.durations import LONGEST, format_duration, parse_duration, parse_durations
from oagw_tornado.units.latency import parse_latency

EXAMPLES = [
    ("250ms", 0.25),
    ("1.5s", 1.5),
    ("750us", 0.00075),
    ("750µs", 0.00075),
    ("10ns", 1e-8),
    ("2m", 120.0),
    ("1h", 3600.0),
    (".5s", 0.5),
    (" 3 s ", 3.0),
    ("0", 0.0),
    ("24h", 86_400.0),
]


@pytest.mark.parametrize(("text", "seconds"), EXAMPLES)
def test_a_number_and_its_unit_is_a_duration(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds, rel=1e-12)


@pytest.mark.parametrize(
    "text", ["50", "", "ms", "-1s", "1s2", "1e3s", "1,5s", "٣s", "nan", "inf", "25h", "1 day", "0x1s"]
)
def test_what_is_none_is_refused_with_what_was_expected(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|longer than a day"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("50", "50ms or 50s"),
        (" 1.5 ", "1.5ms or 1.5s"),
        ("5sec", "5s"),
        ("200 msecs", "200ms"),
        ("30 Seconds", "30s"),
        ("5MS", "5ms"),
        ("2 min", "2m"),
        ("1hr", "1h"),
    ],
)
def test_what_was_meant_is_offered(text: str, meant: str) -> None:
    for parse in (parse_duration, parse_latency):
        with pytest.raises(ValueError, match=re.escape(f"(did you mean {meant}?)")):
            parse(text)
    for offered in meant.split(" or "):
        assert parse_duration(offered) > 0


@pytest.mark.parametrize("text", ["soon", "", "5 parsecs", "9" * 50, "-5"])
def test_nothing_is_offered_where_nobody_can_know(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration") as caught:
        parse_duration(text)
    assert "did you mean" not in str(caught.value)


def test_what_was_meant_within_a_distribution() -> None:
    with pytest.raises(ValueError, match=r"'20' is not .* \(did you mean 20ms or 20s\?\)"):
        parse_latency("uniform(20,80ms)")


@given(st.text(max_size=30))
def test_no_text_breaks_it(text: str) -> None:
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        assert str(error)
    else:
        assert 0 <= seconds <= LONGEST


@given(st.integers(0, int(LONGEST) * 10**6))
def test_whole_microseconds_survive_writing_and_reading(microseconds: int) -> None:
    seconds = microseconds / 1e6
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, abs=1e-12)


@given(
    st.lists(
        st.sampled_from(["0", "1ms", " 2.5 s", ".5us", "3h", "25h", "1", "1ms2ms", "", "1,2ms", "9 ns", "1\u00b5s"]),
        max_size=6,
    )
)
def test_several_are_read_as_one_by_one(texts: list[str]) -> None:
    try:
        expected: object = tuple(map(parse_duration, texts))
    except ValueError as error:
        expected = str(error)
    try:
        found: object = parse_durations(texts)
    except ValueError as error:
        found = str(error)
    assert found == expected
