"""A fixed number of the inputs of `scripts/fuzz`, and as many of hypothesis': what holds of any holds of these."""

from __future__ import annotations

from random import Random

import pytest
from fuzz.reader import CORPUS, check, mutated
from hypothesis import given, settings
from hypothesis import strategies as st


def test_the_corpus() -> None:
    for data in CORPUS:
        check(data, Random(0))


@pytest.mark.parametrize("seed", [1, 2])
def test_mutations_of_the_corpus(seed: int) -> None:
    random = Random(seed)
    for _ in range(3000):
        check(mutated(random), random)


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(CORPUS) | st.binary(max_size=20), max_size=4).map(b"".join), st.randoms())
def test_bytes_of_any_kind(data: bytes, random: Random) -> None:
    check(data[:3000], random)
