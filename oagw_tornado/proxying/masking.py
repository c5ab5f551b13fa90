"""Masks credentials in recordings. Pure.

Masking keeps the length, so that a recorded body is as long as its headers say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote

from oagw_tornado.recordings.format import Read

#: Shorter texts are no credentials: they would be masked in the middle of words.
_SHORTEST = 8

_MASK = b"*"


class Masking:
    """Masks some secrets wherever they are."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for text in secrets if len(text) >= _SHORTEST for form in (text, quote(text, safe=""))}
        # Longest first: one may be the beginning of another.
        self._secrets = [form.encode() for form in sorted(forms, key=len, reverse=True)]
        self._pattern = re.compile(b"|".join(map(re.escape, self._secrets)))
        self._letters = frozenset(b"".join(self._secrets))

    def masked(self, data: bytes) -> bytes:
        """`data`, each secret in it as so many asterisks."""
        return self._pattern.sub(lambda secret: _MASK * len(secret[0]), data) if self._secrets else data

    def text(self, text: str) -> str:
        """The same of a text."""
        return self.masked(text.encode()).decode()

    def begins_at(self, data: bytes) -> int:
        """Where at the end of `data` a secret may have begun that goes on behind it; its length, if none has."""
        if not data or data[-1] not in self._letters:
            return len(data)
        longest = max(map(len, self._secrets))
        for start in range(max(0, len(data) - longest + 1), len(data)):
            tail = data[start:]
            if any(secret.startswith(tail) for secret in self._secrets):
                return start
        return len(data)


class MaskedReads:
    """Reads of one body, masked: one whose end may begin a secret waits for the next."""

    def __init__(self, masking: Masking) -> None:
        self._masking = masking
        self._held: list[Read] = []

    def feed(self, read: Read) -> list[Read]:
        """What can be written now."""
        masking = self._masking
        if not self._held and masking.begins_at(read.data) == len(read.data):
            return [Read(read.at, masking.masked(read.data))]
        self._held.append(read)
        return self._given(masking.begins_at(b"".join(each.data for each in self._held)))

    def finish(self) -> list[Read]:
        """What is left."""
        return self._given(sum(len(each.data) for each in self._held))

    def _given(self, size: int) -> list[Read]:
        """The reads that end before `size` bytes of those that are held."""
        data = self._masking.masked(b"".join(each.data for each in self._held))
        given: list[Read] = []
        start = 0
        for read in self._held:
            end = start + len(read.data)
            if end > size:
                break
            given.append(Read(read.at, data[start:end]))
            start = end
        # What stays is masked already where a whole secret was in it.
        rest = [len(read.data) for read in self._held[len(given) :]]
        times = [read.at for read in self._held[len(given) :]]
        self._held = []
        for at, length in zip(times, rest, strict=True):
            self._held.append(Read(at, data[start : start + length]))
            start += length
        return given
