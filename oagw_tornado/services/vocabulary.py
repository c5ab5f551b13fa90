"""Token ids, for the tokenizer's endpoints. A token is a word with the white space before it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from oagw_tornado.services.filler import WORDS

#: Words that get an id of their own, and their characters in all. Later words become `UNKNOWN`, so that a client that
#: sends many new words does not evict those of others.
MOST_WORDS = 50_000
MOST_CHARACTERS = 2**20
LONGEST = 64

UNKNOWN = 0
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

# White space after the last word belongs to it. No position is examined twice: a long run of white space is cheap.
_TOKENS = re.compile(r"\s*+\S++(?:\s++\Z)?")


def tokens_in(text: str) -> list[str]:
    """The tokens of a text; joined they are the text. White space alone is none."""
    return [] if text.isspace() else _TOKENS.findall(text)


class Vocabulary:
    """The numbers of one simulator's tokens."""

    def __init__(self) -> None:
        self._texts = [_REPLACEMENT]
        self._numbers: dict[str, int] = {}
        self._characters = 0
        self.encode(" ".join(WORDS))

    def encode(self, text: str) -> list[int]:
        """The number of each token of a text."""
        return self.numbers(tokens_in(text))

    def numbers(self, tokens: Iterable[str]) -> list[int]:
        """The number of each of `tokens`; what is new gets one."""
        known = self._numbers
        return [known.get(token) or self._number(token) for token in tokens]

    def decode(self, numbers: Iterable[int]) -> str:
        """The text of tokens. Numbers that were never given out are as `UNKNOWN`."""
        texts = self._texts
        return "".join(texts[number] if 0 <= number < len(texts) else _REPLACEMENT for number in numbers)

    def _number(self, token: str) -> int:
        number = self._numbers.get(token)
        if number is not None:
            return number
        if len(token) > LONGEST or len(self._texts) > MOST_WORDS or self._characters + len(token) > MOST_CHARACTERS:
            return UNKNOWN
        number = self._numbers[token] = len(self._texts)
        self._texts.append(token)
        self._characters += len(token)
        return number
