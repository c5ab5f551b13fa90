"""The words of a text. Those of a long one are cut when they are asked for: a list of them is twenty times the text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import overload

#: Characters of a text up to which its words are a list.
SHORT = 16 * 1024

# Characters of a text whose words are counted best by cutting it.
_FEW = 64

# Approximate number of characters split in one go.
_SLICE = 4096

# What `str.split` takes for white space: of ASCII, and beyond.
_SPACES = " \n\t\r\x0b\x0c\x1c\x1d\x1e\x1f"
# No other white space has another first byte in UTF-8.
_FIRST_BYTES = (b"\xc2", b"\xe1", b"\xe2", b"\xe3")
_OTHER_SPACES = (
    "\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
# Whether a byte of ASCII is white space: blank or x.
_KINDS = bytes(0x20 if byte < 128 and chr(byte) in _SPACES else 0x78 for byte in range(256))


def words_in(text: str) -> Sequence[str]:
    """As ``text.split()``, without holding the words of a long text."""
    return text.split() if len(text) <= SHORT else Words(text)


def count_words(text: str) -> int:
    """As ``len(text.split())``, in a tenth of the time and without the list."""
    if len(text) <= _FEW:
        return len(text.split())
    written = text.encode("utf-8", "surrogatepass")
    if (
        not text.isascii()
        and any(map(written.__contains__, _FIRST_BYTES))
        and any(space in text for space in _OTHER_SPACES)
    ):
        return sum(map(len, _cut(text)))
    kinds = written.translate(_KINDS)
    if b" " not in kinds:  # found out in a tenth of the time
        return 1
    # A word begins where a blank does not follow one.
    return kinds.count(b" x") + kinds.startswith(b"x")


def says(text: str, word: str) -> bool:
    """As ``word in text.lower()`` for a `word` of ASCII letters but i, k and s, which other letters have as small ones.

    Letters beyond ASCII take fifty times as long to be made small ones.
    """
    return word in text.lower() if text.isascii() else word.encode() in text.encode("utf-8", "surrogatepass").lower()


class Words(Sequence[str]):
    """The words of a text, split again on each iteration."""

    __slots__ = ("_text", "_count")

    def __init__(self, text: str) -> None:
        self._text = text
        self._count = count_words(text)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[str]:
        return chain.from_iterable(_cut(self._text))

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return list(islice(self, *index.indices(self._count)))
        number = range(self._count)[index]
        return next(islice(self, number, None))

    @property
    def size(self) -> int:
        """The characters of all words, white space included."""
        return len(self._text)

    def joined(self) -> str:
        """All words with a blank between each two."""
        text = self._text
        others = _SPACES[1:] if text.isascii() else _SPACES[1:] + _OTHER_SPACES
        if "  " not in text and not any(map(text.__contains__, others)):
            return text.strip(" ")
        return " ".join(self)


def first_words(text: str, count: int) -> str:
    """The first `count` words of a text that has one blank between each two, and at least so many."""
    low, before, high = 0, 0, len(text)
    # The blank after them is between `low`, before which there are `before` of them, and `high`.
    while high - low > _SLICE:
        middle = (low + high) // 2
        blanks = text.count(" ", low, middle)
        if before + blanks < count:
            low, before = middle, before + blanks
        else:
            high = middle
    for _ in range(count - before):
        low = text.find(" ", low) + 1
        if not low:
            return text
    return text[: low - 1]


def size_of(words: Sequence[str]) -> int:
    """The characters of all `words`, nearly."""
    return words.size if isinstance(words, Words) else sum(map(len, words))


def _cut(text: str) -> Iterator[list[str]]:
    """The words of `text`, some at a time."""
    start = 0
    while start < len(text):
        # A word is never cut in two.
        stop = _end_of_word(text, start + _SLICE)
        yield text[start:stop].split()
        start = stop


def _end_of_word(text: str, start: int) -> int:
    """A place at or behind `start` where white space is, or the end."""
    size = _SLICE
    while start < len(text):
        for space in _SPACES + _OTHER_SPACES:
            found = text.find(space, start, start + size)
            if found >= 0:
                return found
        start, size = start + size, size * 2
    return len(text)
