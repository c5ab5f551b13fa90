"""The verdict on several processes: void if one of them is, as what it served is part of what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from oagw_tornado.evidence.verdict import Second, judge


def judge_members(seconds: Sequence[tuple[str, Sequence[Second]]], bin_width: float, budget: float) -> dict[str, Any]:
    """As ``/_sim/verdict`` gives it, without ``since``; `seconds` are of each member, behind its name."""
    apart = [(member, judge(own, bin_width, budget)) for member, own in seconds]
    whole = judge([second for _, own in seconds for second in own], bin_width, budget)
    return {
        "verdict": "void" if any(each.void for _, each in apart) else "innocent",
        "reasons": [f"{member}: {reason}" for member, each in apart for reason in each.reasons],
        "seconds": max((sum(second.length for second in own) for _, own in seconds), default=0.0),
        **whole.figures,
        "members": [{"member": member, "verdict": each.word, **each.figures} for member, each in apart],
    }
