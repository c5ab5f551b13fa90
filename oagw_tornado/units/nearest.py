"""Suggestions for a misspelt name."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str:
    """`` (did you mean …?)`` if one of `known` looks like `name`, else nothing.

    >>> nearest("latnecy", ["latency", "seed"])
    ' (did you mean latency?)'
    """
    from difflib import get_close_matches

    matches = get_close_matches(name[:80], list(known), 1, 0.7)
    return f" (did you mean {matches[0]}?)" if matches else ""
