"""Globs as in `fnmatch`, matched in time linear in the text: no glob is slow on any text.

A glob is split at its stars into pieces of fixed length: the first piece must match at the
beginning of the text, the last one at its end, and each other one at its first occurrence after the previous one. A
piece without ``?`` and ``[…]`` is found by `str.find`, which looks at no place of the text twice.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import translate
from itertools import groupby

#: Characters between two stars, ``?`` or ``[…]`` among them: each may be compared at each place of the text.
LONGEST_INEXACT = 32

# Letters that `re.IGNORECASE` takes for each other and `str.lower` does not. None of them is two letters in lower case.
_ALIKE = (
    "iİı", "sſ", "kK", "åÅ", "μµ", "ι\u0345\u1fbe", "\u0390\u1fd3", "\u03b0\u1fe3", "βϐ", "εϵ", "θϑϴ", "κϰ", "πϖ",
    "ρϱ", "σςΣ", "φϕ", "ωΩ", "ṡẛ", "ßẞ", "вᲀ", "дᲁ", "оᲂ", "сᲃ", "тᲄᲅ", "ъᲆ", "ѣᲇ", "ꙋᲈ", "ﬅﬆ",
)  # fmt: skip
_FOLDED = [(other, alike[0]) for alike in _ALIKE for other in alike[1:]]


def folded(text: str) -> str:
    """`text` in a form that is the same for texts that differ in case alone, letter by letter."""
    if not text.isascii():
        for other, first in _FOLDED:
            if other in text:  # in a hundredth of the time of `translate`
                text = text.replace(other, first)
    return text.lower()


# Literals reported per glob.
_LITERALS = 4


class GlobError(ValueError):
    """The glob cannot be looked for in bounded time. The text says what was expected."""


class Glob:
    """One glob. Raises GlobError."""

    __slots__ = ("_any_case", "_first", "_last", "_middle", "literals")

    def __init__(self, glob: str, *, any_case: bool = False) -> None:
        self._any_case = any_case
        first, *rest = (_Piece(items, any_case) for items in _cut(glob))
        self._first = first
        # None if there is no star: nothing follows the first piece.
        self._last = rest.pop() if rest else None
        self._middle = [piece for piece in rest if piece.length]
        if any(piece.pattern is not None and piece.length > LONGEST_INEXACT for piece in self._middle):
            raise GlobError(f"expected at most {LONGEST_INEXACT} characters between two *, with ? or [ among them")
        texts = {text for piece in (first, *rest, self._last) if piece for text in piece.texts}
        #: The longest of the texts that are in whatever it fits, `folded`.
        self.literals = tuple(map(folded, sorted(texts, key=lambda text: (-len(text), text))[:_LITERALS]))

    def fits(self, text: str) -> bool:
        """Whether all of `text` is as the glob says."""
        if self._any_case:
            text = folded(text)
        first, last = self._first, self._last
        if last is None:
            return first.length == len(text) and first.is_at(text, 0)
        at, end = first.length, len(text) - last.length
        if at > end or not first.is_at(text, 0) or not last.is_at(text, end):
            return False
        for piece in self._middle:
            at = piece.find(text, at, end)
            if at < 0:
                return False
            at += piece.length
        return True


class _Piece:
    """What stands between two stars, of a fixed length."""

    __slots__ = ("length", "pattern", "texts", "text")

    def __init__(self, items: str | list[str], any_case: bool) -> None:
        self.length = len(items)
        text = items if isinstance(items, str) else "".join(items)
        self.text = folded(text) if any_case else text
        self.texts = [text] if text else []
        # None for literal text.
        self.pattern: re.Pattern[str] | None = None
        if isinstance(items, list) and any(item == "?" or len(item) > 1 for item in items):
            translated = translate(text)
            self.pattern = re.compile(translated[: translated.rindex(")") + 1], re.IGNORECASE if any_case else 0)
            runs = groupby(items, key=lambda item: item == "?" or len(item) > 1)
            self.texts = ["".join(run) for is_special, run in runs if not is_special]

    def is_at(self, text: str, at: int) -> bool:
        if self.pattern is None:
            return text.startswith(self.text, at)
        return self.pattern.match(text, at) is not None

    def find(self, text: str, start: int, end: int) -> int:
        if self.pattern is None:
            return text.find(self.text, start, end)
        found = self.pattern.search(text, start, end)
        return -1 if found is None else found.start()


def _cut(glob: str) -> Sequence[str | list[str]]:
    """The pieces between the stars of a glob, each as what stands for one character: itself, ``?`` or ``[…]``."""
    if "?" not in glob and "[" not in glob:
        return glob.split("*")
    pieces: list[list[str]] = [[]]
    at = 0
    while at < len(glob):
        end = (_end_of_set(glob, at + 1) if glob[at] == "[" else 0) or at + 1
        if glob[at] == "*":
            pieces.append([])
        else:
            pieces[-1].append(glob[at:end])
        at = end
    return pieces


def _end_of_set(glob: str, at: int) -> int:
    """Behind the ``]`` of a set whose ``[`` is before `at`; 0 if it is none, as `fnmatch` reads it."""
    first = at + 1 if glob[at : at + 1] == "!" else at
    return glob.find("]", first + 1 if glob[first : first + 1] == "]" else first) + 1
