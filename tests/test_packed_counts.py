"""Counts that are packed are the same counts."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from oagw_tornado.evidence.packed_counts import PackedCounts


@given(st.dictionaries(st.integers(0, 10_000), st.integers(0, 2**40)))
def test_they_are_what_they_were_made_of(counts: dict[int, int]) -> None:
    packed = PackedCounts(counts)
    assert dict(packed.items()) == dict(packed) == counts
    assert list(packed.values()) == list(counts.values())
    assert Counter(packed) == Counter(counts)
    assert packed == counts
    assert (len(packed), 10_001 in packed) == (len(counts), False)
