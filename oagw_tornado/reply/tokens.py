"""A text in the tokens that it is said in: how many there are, what each of them says, and the whole of it.

A token is a word with the white space before it; of JSON (structured output, arguments of tools) it is eight
characters. That is cheap to count, and exact: a stream has one content event per token, unless told otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, repeat

import orjson

from oagw_tornado.reply.words import Words, count_words, first_words, size_of

#: Characters of JSON in one token.
JSON_TOKEN = 8

# Texts rendered in one go: at first, and at most.
_FIRST = 4
_AT_A_TIME = 128

#: Approximate number of characters rendered ahead of time.
MOST_AHEAD = 64 * 1024

# A word with the white space before it; white space after the last word belongs to that word.
_WORDS = re.compile(r"\s*+\S++(?:\s++\Z)?|\s++\Z")


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
        return size_of(self.words) * (self.count // len(self.words) + 1) + self.count

    def event_size(self, per_event: int) -> int:
        """An upper bound on the characters of an event of several tokens; 0 if no word is repeated."""
        together = min(per_event, self.count) if self.is_cut else 1
        if not self.words or together <= len(self.words):
            return 0
        return (size_of(self.words) + len(self.words)) * (together // len(self.words) + 1)

    def text(self) -> str:
        """All of it, for a reply that is sent whole."""
        if self.whole is not None:
            return self.whole
        if not self.count:
            return ""
        words, separator = self.words, self.separator
        rounds, rest = divmod(self.count, len(words))
        if separator == " " and isinstance(words, Words):
            # A long text: a list of all its words would take most of the time.
            once = words.joined()
            return (once + separator) * rounds + first_words(once, rest) if rest else " ".join(repeat(once, rounds))
        again = (separator.join(words) + separator) * rounds if rounds else ""
        if rest:
            return again + separator.join(islice(words, rest))
        return again.removesuffix(separator)

    def events(self, per_event: int = 1) -> int:
        """How many events say it."""
        return -(-self.count // per_event) if self.is_cut else self.count

    def tokens(self, per_event: int = 1, *, space_after: bool = False) -> Iterable[str]:
        """What each event of a stream says. White space leads a word, or trails each (`space_after`)."""
        if not self.count:
            return ()
        # Iterators in C: what a stream holds, and touches for each event, is to be little.
        words = self.words
        tokens: Iterator[str]
        tokens = islice(words if self.count <= len(words) else chain.from_iterable(repeat(words)), self.count)
        if self.separator and space_after:
            tokens = map(str.__add__, tokens, repeat(" "))
        elif self.separator:
            tokens = chain((next(tokens),), map(" ".__add__, tokens))
        if per_event > 1 and self.is_cut:
            return _joined(tokens, per_event)
        return list(tokens) if self.count <= min(len(words), _AT_A_TIME) else tokens


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
    return sum(map(count_words, texts))


def _joined(words: Iterator[str], per_event: int) -> Iterator[str]:
    while some := list(islice(words, per_event)):
        yield "".join(some)


def as_json(texts: Iterable[str]) -> Iterator[bytes]:
    """Each of `texts` as a JSON string, a few of them made at a time: this is on the path of every event."""
    if isinstance(texts, list) and len(texts) <= _AT_A_TIME:
        # Rendered completely, so that a waiting stream holds only these bytes and not their source.
        return iter(_as_strings(texts) if texts else ())
    return chain.from_iterable(_json_strings(iter(texts)))


def _json_strings(texts: Iterator[str]) -> Iterator[list[bytes]]:
    number = _FIRST
    while some := list(islice(texts, number)):
        strings = _as_strings(some)
        yield strings
        # As many as are small together: text rendered ahead of time is held until it is due.
        size = sum(map(len, some))
        del some, strings
        number = min(number * 4, _AT_A_TIME) if size < MOST_AHEAD // 4 else max(1, number * MOST_AHEAD // size // 2)


def _as_strings(texts: list[str]) -> list[bytes]:
    # Indented, each string has a line of its own, and within a JSON string there is no line break.
    return orjson.dumps(texts, option=orjson.OPT_INDENT_2)[4:-2].split(b",\n  ")
