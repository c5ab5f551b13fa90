from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oagw_tornado.units.sizes import LARGEST, format_size, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("65536", 65536),
        ("1B", 1),
        ("1KB", 1000),
        ("1KiB", 1024),
        ("10MiB", 10 * 2**20),
        ("10mib", 10 * 2**20),
        (" 1.5 KiB ", 1536),
        ("1TiB", None),
        ("1025GiB", None),
        ("1024GiB", 2**40),
        ("", None),
        ("MiB", None),
        ("-1", None),
        ("1e3", None),
        ("1 0", None),
        ("1IB", None),
        ("٣", None),
        ("9" * 400, None),
    ],
)
def test_reads_sizes_and_refuses_the_rest(text: str, size: int | None) -> None:
    if size is None:
        with pytest.raises(ValueError):
            parse_size(text)
    else:
        assert parse_size(text) == size


@given(st.integers(0, LARGEST))
def test_reads_back_what_it_writes(size: int) -> None:
    assert parse_size(format_size(size)) == size


@given(st.text())
def test_any_text_is_a_size_or_a_value_error_on_one_line(text: str) -> None:
    try:
        assert 0 <= parse_size(text) <= LARGEST
    except ValueError as error:
        assert len(str(error)) < 500
