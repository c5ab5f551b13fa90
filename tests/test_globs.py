"""Globs are those of the standard library, and none is slow."""

from __future__ import annotations

import re
import sys
import time
from fnmatch import translate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oagw_tornado.units.globs import LONGEST_INEXACT, Glob, GlobError, folded

ALPHABET = "abAB*?[]!-\n"
GLOBS = st.text(ALPHABET, max_size=12) | st.lists(
    st.sampled_from(["*", "?", "a", "[ab]", "[!a]", "[a-", "b]", "[]]"])
).map("".join)
TEXTS = st.text(ALPHABET, max_size=12)


@given(GLOBS, TEXTS, st.booleans())
def test_they_fit_what_fnmatch_fits(glob: str, text: str, any_case: bool) -> None:
    pattern = re.compile(translate(glob), re.IGNORECASE if any_case else 0)
    fits = Glob(glob, any_case=any_case).fits
    for each in (text, glob.replace("*", text).replace("?", "a"), f"{text}{text}"):
        assert fits(each) == (pattern.match(each) is not None)


@given(GLOBS, TEXTS)
def test_their_literals_are_in_what_they_fit(glob: str, text: str) -> None:
    each = Glob(glob, any_case=True)
    for other in (text, glob.replace("*", text).replace("?", "a")):
        if each.fits(other):
            assert all(literal in folded(other) for literal in each.literals)


def test_letters_are_folded_as_the_standard_library_ignores_case() -> None:
    """Every letter that has another case, against all that may be the same."""
    cased = [
        chr(code) for code in range(sys.maxunicode) if len({chr(code), *chr(code).lower(), *chr(code).upper()}) > 1
    ]
    alike: dict[str, list[str]] = {}
    for letter in cased:
        alike.setdefault(folded(letter), []).append(letter)
    for form, letters in alike.items():
        assert len(form) == 1
        for letter in letters:
            assert re.fullmatch(re.escape(letters[0]), letter, re.IGNORECASE), (letter, letters)
    for letter in cased:
        for other in {letter.lower(), letter.upper()}:
            if len(other) == 1 and re.fullmatch(re.escape(letter), other, re.IGNORECASE):
                assert folded(letter) == folded(other)
    assert folded("ΣΑΣ") == folded("σας")
    assert folded("KELVIN İSTANBUL") == "kelvin istanbul"


def test_a_piece_that_is_no_text_is_short() -> None:
    assert Glob("*" + "?" * LONGEST_INEXACT + "*").fits("x" * LONGEST_INEXACT)
    assert Glob("?" * 500 + "*" + "[a]" * 100).fits("a" * 600)
    with pytest.raises(GlobError, match="at most 32 characters between two"):
        Glob("*" + "?a" * 17 + "*")


@pytest.mark.parametrize(
    "glob",
    ["*" + "a" * 998 + "b*", "*" + "a" * 499 + "b" + "a" * 499 + "*", "*a" * 499 + "b", "*b" + "a" * 90 + "*"],
)
@pytest.mark.parametrize("any_case", [True, False])
def test_none_is_slow(glob: str, any_case: bool) -> None:
    text = "a" * 1_000_000
    fits = Glob(glob, any_case=any_case).fits
    begun = time.thread_time()
    assert not fits(text)
    # In some milliseconds; as a regular expression some of them take seconds.
    assert time.thread_time() - begun < 0.2
