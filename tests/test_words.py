"""The words of a text, cut when they are asked for: as `str.split` gives them, whatever stands between them."""

from __future__ import annotations

import sys

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oagw_tornado.reply.tokens import MOST_AHEAD, Tokens, as_json
from oagw_tornado.reply.words import SHORT, Words, count_words, words_in

SPACES = "".join(char for char in map(chr, range(sys.maxunicode + 1)) if char.isspace())
TEXTS = st.lists(st.sampled_from(["a", "bb", "\u00e9", "x" * 5000, *SPACES]), max_size=60).map("".join)


@given(TEXTS, st.integers(1, 40))
def test_words_are_those_of_split(text: str, times: int) -> None:
    text *= times
    assert count_words(text) == len(text.split())
    words = Words(text)
    assert list(words) == list(words) == text.split()
    assert len(words) == len(text.split())
    assert words[:3] == text.split()[:3]
    if words:
        assert (words[0], words[-1]) == (text.split()[0], text.split()[-1])


def test_every_white_space_is_one() -> None:
    text = "a".join(SPACES) * SHORT
    assert count_words(text) == len(text.split())
    assert list(words_in(text)) == text.split()


@given(
    st.lists(st.sampled_from(["a", "bb", '\u00e9"', "x" * 9000]), min_size=1, max_size=200),
    st.integers(1, 600),
    st.sampled_from(["", " "]),
    st.integers(1, 5),
)
def test_tokens_say_the_words_again_and_again(words: list[str], count: int, separator: str, per_event: int) -> None:
    tokens = Tokens(words, count, separator)
    said = (words * (count // len(words) + 1))[:count]
    assert tokens.text() == separator.join(said)
    assert "".join(tokens.tokens(per_event)) == separator.join(said)
    assert "".join(tokens.tokens(per_event, space_after=True)) == "".join(word + separator for word in said)
    assert len(list(tokens.tokens(per_event))) == tokens.events(per_event)
    assert [orjson.loads(text) for text in as_json(tokens.tokens(per_event))] == list(tokens.tokens(per_event))
    assert max(map(len, tokens.tokens(per_event))) <= tokens.event_size(per_event) or min(per_event, count) <= len(
        words
    )


@given(TEXTS, st.integers(1, 40), st.integers(1, 3000))
def test_a_long_text_says_its_words_again_and_again(text: str, times: int, count: int) -> None:
    words = Words(text * times)
    if not words:
        return
    said = (list(words) * (count // len(words) + 1))[:count]
    assert Tokens(words, count, " ").text() == " ".join(said)


@pytest.mark.parametrize(
    "text", ["ab " * 30_000, " ab" * 30_000, "ab \t" * 30_000, "\u2003ab" * 30_000, "ab" * 9000 + " c"]
)
@pytest.mark.parametrize("share", [0.001, 0.5, 0.9999, 1, 1.0001, 2, 2.5])
def test_all_of_a_long_text_and_parts_of_it(text: str, share: float) -> None:
    words = Words(text)
    count = max(1, int(len(words) * share))
    said = (text.split() * 3)[:count]
    assert Tokens(words, count, " ").text() == " ".join(said)


@pytest.mark.parametrize("size", [1, 1000, 100_000])
def test_little_is_made_before_its_time(size: int) -> None:
    taken = 0

    def texts():
        nonlocal taken
        while True:
            taken += 1
            yield "x" * size

    strings = as_json(texts())
    for number in range(1, 1000):
        next(strings)
        assert (taken - number) * size <= max(MOST_AHEAD, 4 * size)
