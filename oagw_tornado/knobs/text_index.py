"""Which of many rules can fit a text: those of whose globs a piece is in it, found in one pass over the text.

Every glob says some text that must be there as it is: ``*weather in Oslo*`` fits nothing without "weather in Oslo".
Of that text one piece of at most `PIECE` characters stands for the rule, the one that the fewest others share. A
request is cut into all its pieces; only rules whose piece is among them are tried, so a thousand rules that are told
apart by what was said cost little more than one. A rule without such a glob is always tried. Pieces only ever leave out
what cannot fit: case is ignored, texts are joined.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from oagw_tornado.knobs.facts import Facts
from oagw_tornado.knobs.rule import Rule

PIECE = 4

# Pieces are chosen from both ends of a literal: the middle of a long one tells little more, and takes long to count.
_END = 24

# What `re.IGNORECASE` takes for an ASCII letter, and `str.lower` does not make one.
_ALSO_ASCII = {0x130: "i", 0x131: "i", 0x17F: "s", 0x212A: "k"}


def folded(text: str) -> str:
    """A text as its pieces are compared."""
    return (text if text.isascii() else text.translate(_ALSO_ASCII)).lower()


def literals(glob: str) -> list[str]:
    """The texts that are in whatever a glob fits, folded. None of them has a character whose case is not plain."""
    found: list[str] = []
    current: list[str] = []
    end = at = 0
    while at < len(glob):
        char = glob[at]
        at += 1
        if char == "[" and (end := _end_of_set(glob, at)):
            at = end
        elif char not in "*?" and (char.isascii() or char.lower() == char.upper() == char.casefold()):
            current.append(char)
            continue
        found.append("".join(current))
        current.clear()
    found.append("".join(current))
    return [text.lower() for text in found if text]


def _end_of_set(glob: str, at: int) -> int:
    """The position after the ``]`` of a set whose ``[`` precedes `at`; 0 if it is not a set, as in `fnmatch`."""
    first = at + 1 if glob[at : at + 1] == "!" else at
    return glob.find("]", first + 1 if glob[first : first + 1] == "]" else first) + 1


def _pieces(text: str) -> set[str]:
    if len(text) <= PIECE:
        return {text}
    starts = range(len(text) - PIECE + 1)
    if len(starts) > 2 * _END:
        return {text[at : at + PIECE] for ends in (starts[:_END], starts[-_END:]) for at in ends}
    return {text[at : at + PIECE] for at in starts}


class TextIndex:
    """The pieces that stand for the rules of one list. A rule is known by its place in that list."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        offers = [_offers(rule) for rule in rules]
        shared = Counter(piece for offer in offers for piece in offer)
        # By predicate and length: the rules that each piece stands for.
        self._fields: dict[str, tuple[Any, dict[int, dict[str, list[int]]]]] = {}
        # The place, in its rule, of the predicate that cannot hold without the rule's piece.
        self.decided_by: dict[int, int] = {}
        for number, offer in enumerate(offers):
            if offer:
                best = min(offer, key=lambda piece: (shared[piece], -len(piece[1])))
                self.decided_by[number] = offer[best]
                self._put(rules[number], offer[best], best[1], number)

    def _put(self, rule: Rule, at: int, piece: str, number: int) -> None:
        predicate = rule.predicates[at]
        _, lengths = self._fields.setdefault(predicate.name, (predicate.text, {}))
        lengths.setdefault(len(piece), {}).setdefault(piece, []).append(number)

    def found(self, facts: Facts) -> Iterable[int]:
        """The rules that have a piece, and it is there; in no order."""
        numbers: list[int] = []
        for text_of, lengths in self._fields.values():
            text = folded(text_of(facts))
            for length, known in lengths.items():
                cut = range(len(text) - length + 1)
                for piece in {piece for at in cut if (piece := text[at : at + length]) in known}:
                    numbers += known[piece]
        return numbers


def _offers(rule: Rule) -> dict[tuple[str, str], int]:
    """The pieces that could stand for a rule, with the name of their predicate, and where that is."""
    return {
        (predicate.name, piece): at
        for at, predicate in enumerate(rule.predicates)
        if predicate.text is not None
        for literal in literals(predicate.glob)
        for piece in _pieces(literal)
    }
