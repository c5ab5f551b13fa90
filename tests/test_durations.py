"""Durations: a number and its unit, read and written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oagw_tornado.units.durations import LONGEST, format_duration, parse_duration

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
