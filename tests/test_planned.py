"""The plan of a stream as it is kept: lines and single offsets read as one list."""

from __future__ import annotations

import sys

from hypothesis import given
from hypothesis import strategies as st

from oagw_tornado.evidence.exchange import PlannedOffsets


@given(st.lists(st.floats(0, 10) | st.tuples(st.floats(0, 10), st.floats(0, 1), st.integers(0, 3), st.integers(0, 4))))
def test_lines_and_single_offsets_are_one_list(added: list[float | tuple[float, float, int, int]]) -> None:
    planned, expected = PlannedOffsets(), list[float]()
    for each in added:
        if isinstance(each, float):
            planned.append(each)
            expected.append(each)
        else:
            first, gap, start, count = each
            points = range(start, start + count)
            planned.add_line(first, gap, points)
            expected += [first + number * gap for number in points]
    assert list(planned) == expected
    assert len(planned) == len(expected)


def test_a_line_that_goes_on_stays_one() -> None:
    """However often somebody asks in the middle of a stream."""
    planned = PlannedOffsets()
    planned.append(0.0)
    for number in range(1000):
        planned.add_line(0.05, 0.05, range(number, number + 1))
    assert len(planned) == 1001
    assert planned.single == 1
    assert sys.getsizeof(planned._lines) < 100


@given(
    st.lists(st.integers(0, 5) | st.tuples(st.integers(0, 3), st.integers(1, 6))),
    st.integers(0, 30),
    st.integers(0, 30),
)
def test_a_part_is_what_a_slice_of_all_would_be(added: list[int | tuple[int, int]], begin: int, end: int) -> None:
    planned = PlannedOffsets()
    for each in added:
        if isinstance(each, int):
            planned.append(float(each))
        else:
            planned.add_line(each[0], 0.5, range(each[0], sum(each)))
    assert planned.between(begin, end) == list(planned)[begin:end]
