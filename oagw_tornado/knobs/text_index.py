"""Which of many rules can match a text: those of whose globs a piece occurs in it, found in one pass over the text.

Every glob contains literal text that must occur: ``*weather in Oslo*`` matches nothing without "weather in Oslo".
One piece of that text, of at most `PIECE` characters, represents the rule: the one that the fewest other rules share. A
request is cut into all its pieces, and only rules whose piece is among them are tried, so a thousand rules that differ
by what was said cost little more than one. A rule without such a glob is always tried. The index only excludes rules
that cannot match: case is ignored, texts are joined.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable, Sequence
from itertools import chain
from typing import Any

from oagw_tornado.knobs.facts import Facts
from oagw_tornado.knobs.rule import Rule
from oagw_tornado.units.globs import folded

PIECE = 4

#: Characters of a text that are examined in one step.
AT_A_TIME = 2**14

#: Pieces that are offered of one rule: what the first request after a change of the rules waits for.
OFFERED = 16

# Of a long literal: so many from each end, and of its middle one in as many characters as leave no more than these.
_ENDS = 5
_MIDDLE = OFFERED - 2 * _ENDS


def _pieces(text: str) -> list[str]:
    count = max(1, len(text) - PIECE + 1)
    starts: Iterable[int] = range(count)
    if count > OFFERED:
        step = -(-(count - 2 * _ENDS) // _MIDDLE)
        starts = chain(range(_ENDS), range(_ENDS, count - _ENDS, step), range(count - _ENDS, count))
    return [text[at : at + PIECE] for at in starts]


class TextIndex:
    """The pieces that stand for the rules of one list. A rule is known by its place in that list."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        offers = [offered_by(rule) for rule in rules]
        # How many rules offer each piece, by the name of their predicate.
        shared: dict[str, Counter[str]] = {}
        for offer in offers:
            for name, _, pieces in offer:
                shared.setdefault(name, Counter()).update(pieces)
        # By predicate and length: the rules that each piece stands for.
        self._fields: dict[str, tuple[Any, dict[int, dict[str, list[int]]]]] = {}
        # The place, in its rule, of the predicate that cannot hold without the rule's piece.
        self.decided_by: dict[int, int] = {}
        for number, offer in enumerate(offers):
            if offer:
                best = (min(each, key=shared[name].__getitem__) for name, _, each in offer)
                chosen = [
                    (shared[name][piece], -len(piece), at, piece)
                    for piece, (name, at, _) in zip(best, offer, strict=True)
                ]
                *_, at, piece = min(chosen)
                self.decided_by[number] = at
                self._put(rules[number], at, piece, number)

    def _put(self, rule: Rule, at: int, piece: str, number: int) -> None:
        predicate = rule.predicates[at]
        _, lengths = self._fields.setdefault(predicate.name, (predicate.text, {}))
        lengths.setdefault(len(piece), {}).setdefault(piece, []).append(number)

    def finding(self, facts: Facts) -> Generator[None, None, list[int]]:
        """The rules that have a piece, and it is there; in no order. Steps through a long text."""
        found: set[str] = set()
        numbers: list[int] = []
        for text_of, lengths in self._fields.values():
            text = folded(text_of(facts))
            for length, known in lengths.items():
                found.clear()
                last = len(text) - length + 1
                for start in range(0, last, AT_A_TIME):
                    cut = range(start, min(start + AT_A_TIME, last))
                    found.update(piece for at in cut if (piece := text[at : at + length]) in known)
                    yield
                for piece in found:
                    numbers += known[piece]
        return numbers


def offered_by(rule: Rule) -> list[tuple[str, int, list[str]]]:
    """As `_offers`, made once for each rule: whoever reads many of them asks beforehand."""
    if rule.offered is None:
        rule.offered = _offers(rule)
    return rule.offered  # type: ignore[no-any-return]


def _offers(rule: Rule) -> list[tuple[str, int, list[str]]]:
    """The pieces that could stand for a rule: the name of their predicate, and where that is."""
    literals = [
        (len(literal), predicate.name, at, literal)
        for at, predicate in enumerate(rule.predicates)
        if predicate.text is not None
        for literal in predicate.literals
    ]
    if len(literals) > 1:
        literals.sort(key=lambda each: -each[0])  # the longest tells most
    left = OFFERED
    offers = []
    for _, name, at, literal in literals:
        pieces = _pieces(literal)
        offers.append((name, at, pieces[:left]))
        left -= len(pieces)
        if left <= 0:
            break
    return offers
