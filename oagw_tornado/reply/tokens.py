"""A text in the tokens that it is said in: how many there are, what each of them says, and the whole of it.

A token is a word with the white space before it; of JSON (structured output, arguments of tools) it is eight
characters. That is cheap to count, and exact: a stream has one content event per token, unless told otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, cycle, islice

import orjson

#: Characters of JSON in one token.
JSON_TOKEN = 8

# Texts that are rendered in one go.
_AT_A_TIME = 128

# A word with the white space before it; what stands behind the last word is its own.
_WORDS = re.compile(r"\s*\S+(?:\s+\Z)?|\s+\Z")


@dataclass(slots=True)
class Tokens:
    """The first `count` of `words`, which start again when they are over."""

    words: Sequence[str]
    count: int
    separator: str = ""
    """What stands between two words; empty: they hold their own white space."""
    whole: str | None = None
    """The text as it is, if all of it is said: with its own white space."""
    is_cut: bool = True
    """How it is cut into tokens is nobody's wish: several of them may be joined in one event."""

    @property
    def size(self) -> int:
        """The characters of the text, nearly."""
        if self.whole is not None or not self.words:
            return len(self.whole or "")
        return sum(map(len, self.words)) * (self.count // len(self.words) + 1) + self.count

    def text(self) -> str:
        """All of it, for a reply that is sent whole."""
        if self.whole is not None:
            return self.whole
        return self.separator.join(islice(cycle(self.words), self.count)) if self.count else ""

    def events(self, per_event: int = 1) -> int:
        """How many events say it."""
        return -(-self.count // per_event) if self.is_cut else self.count

    def tokens(self, per_event: int = 1, *, space_after: bool = False) -> Iterable[str]:
        """What each event of a stream says. White space leads a word, or trails each (`space_after`)."""
        if not self.count:
            return ()
        # A list, or iterators in C: what a stream holds, and touches for each event, is to be little.
        words: Sequence[str] = self.words
        if self.separator:
            words = [word + " " for word in words] if space_after else [" " + word for word in words]
        tokens: Iterable[str]
        if self.count <= len(words):
            tokens = some = list(words[: self.count])
            if self.separator and not space_after:
                some[0] = self.words[0]
        else:
            tokens = islice(cycle(words), self.count)
            if self.separator and not space_after:
                tokens = chain((self.words[0],), islice(tokens, 1, None))
        return tokens if per_event <= 1 or not self.is_cut else _joined(iter(tokens), per_event)


NOTHING = Tokens((), 0, whole="")


def words_of(text: str) -> Tokens:
    """`text` word by word, its white space kept."""
    words = _WORDS.findall(text)
    return Tokens(words, len(words), whole=text)


def pieces(texts: Sequence[str]) -> Tokens:
    """Exactly these pieces, each an event of its own, empty ones too."""
    return Tokens(tuple(texts), len(texts), whole="".join(texts), is_cut=False)


def json_tokens(text: str) -> Tokens:
    """`text`, which is JSON, or meant to be."""
    words = [text[start : start + JSON_TOKEN] for start in range(0, len(text), JSON_TOKEN)]
    return Tokens(words, len(words), whole=text)


def count_tokens(texts: Iterable[str]) -> int:
    """The tokens of a prompt."""
    return sum(len(text.split()) for text in texts)


def _joined(words: Iterator[str], per_event: int) -> Iterator[str]:
    while some := list(islice(words, per_event)):
        yield "".join(some)


def as_json(texts: Iterable[str]) -> Iterator[bytes]:
    """Each of `texts` as a JSON string, a few of them made at a time: this is on the path of every event."""
    strings = _json_strings(iter(texts))
    if isinstance(texts, list) and len(texts) <= _AT_A_TIME:
        # All there is: a stream that waits holds these bytes and nothing of what they were made of.
        return iter(next(strings, ()))
    return chain.from_iterable(strings)


def _json_strings(texts: Iterator[str]) -> Iterator[list[bytes]]:
    while some := list(islice(texts, _AT_A_TIME)):
        # Indented, each string has a line of its own, and within a JSON string there is no line break.
        yield orjson.dumps(some, option=orjson.OPT_INDENT_2)[4:-2].split(b",\n  ")
