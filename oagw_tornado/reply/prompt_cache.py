"""Which prefixes of prompts were seen recently, as a model service's prompt cache knows them. Bounded, no clock."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from itertools import islice

#: Prefixes that are remembered, the latest ones.
MOST_KEPT = 100_000

#: Seconds after which an unused prefix is forgotten.
LIFETIME = 300.0

#: Tokens from which a prefix is kept, and the steps in which it grows.
LEAST = 1024
STEP = 128

#: Tokens of a prompt that are considered: what follows them is never cached.
LONGEST = 131_072


#: As of `PromptCache.use`, which knows what time it is.
Use = Callable[[Sequence[tuple[bytes, bool]]], list[bool]]


class PromptCache:
    """The beginnings of prompts, by what is a digest of each and of whose it is."""

    def __init__(self) -> None:
        self._used: OrderedDict[bytes, float] = OrderedDict()

    def has(self, beginning: bytes, now: float) -> bool:
        """Whether a beginning was seen, and lately."""
        used = self._used.get(beginning)
        return used is not None and now - used <= LIFETIME

    def keep(self, beginning: bytes, now: float) -> None:
        """Remember a beginning as used now."""
        self._used.pop(beginning, None)
        self._used[beginning] = now
        if len(self._used) > MOST_KEPT:
            self._used.popitem(last=False)

    def use(self, some: Sequence[tuple[bytes, bool]], now: float) -> list[bool]:
        """Which of these beginnings were seen lately; those are used now, and so are others where it says so."""
        found = [self.has(beginning, now) for beginning, _ in some]
        for (beginning, is_kept), is_found in zip(some, found, strict=True):
            if is_kept or is_found:
                self.keep(beginning, now)
        return found

    def clear(self) -> None:
        self._used.clear()


def beginnings(whose: bytes, tokens: Iterable[str]) -> list[tuple[int, bytes]]:
    """The beginnings of a prompt that can be cached, in steps: how many tokens, and the digest of them."""
    digest = blake2b(whose, digest_size=16)
    found: list[tuple[int, bytes]] = []
    count = 0
    remaining = islice(tokens, LONGEST)
    while len(some := list(islice(remaining, STEP))) == STEP:
        count += STEP
        digest.update("\0".join(some).encode("utf-8", "surrogatepass"))
        if count >= LEAST:
            found.append((count, digest.copy().digest()))
    return found


def in_steps(use: Use, whose: bytes, tokens: Iterable[str]) -> int:
    """The tokens that a prompt has in common with earlier ones; it is one of them from now on."""
    found = beginnings(whose, tokens)
    seen = use([(beginning, True) for _, beginning in found]) if found else []
    return max((count for (count, _), is_seen in zip(found, seen, strict=True) if is_seen), default=0)


def at_marks(use: Use, whose: bytes, blocks: Iterable[tuple[str, int, bool]], look_back: int = 20) -> tuple[int, int]:
    """The tokens read from the cache and written to it, where blocks are marked for it.

    A block is its text, the number of its tokens, and whether it is marked. Everything up to a mark is written; what is
    read is the longest beginning that ends with a block at most `look_back` before a mark.
    """
    digest = blake2b(whose, digest_size=16)
    count = 0
    ends: list[tuple[int, bytes, bool]] = []
    for text, tokens, is_marked in blocks:
        count += tokens
        digest.update(f"{text}\1".encode("utf-8", "surrogatepass"))
        ends.append((count, digest.copy().digest(), is_marked))
    marks = [number for number, end in enumerate(ends) if end[2] and end[0] >= LEAST]
    if not marks:
        return 0, 0
    near = sorted({number for mark in marks for number in range(max(0, mark - look_back), mark + 1)})
    marked = set(marks)
    seen = use([(ends[number][1], number in marked) for number in near])
    read = max((ends[number][0] for number, is_seen in zip(near, seen, strict=True) if is_seen), default=0)
    return read, max(0, ends[marks[-1]][0] - read)
