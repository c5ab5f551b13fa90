"""Parsers of numbers, booleans and choices, for knobs and options. Each raises ValueError, which says what was
expected."""

from __future__ import annotations

from collections.abc import Callable

_FLAGS = {"yes": True, "true": True, "on": True, "1": True, "no": False, "false": False, "off": False, "0": False}


def parse_whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        digits = text.strip()
        if not (digits.isascii() and digits.isdigit() and len(digits) < 20 and low <= int(digits) <= high):
            raise ValueError(f"{text[:80]!r} is not a whole number from {low} to {high}")
        return int(digits)

    return parse


def parse_flag(text: str) -> bool:
    value = _FLAGS.get(text.strip().lower())
    if value is None:
        raise ValueError(f"{text[:80]!r} is not true or false")
    return value


def parse_limit(high: int) -> Callable[[str], int | None]:
    whole = parse_whole(1, high)

    def parse(text: str) -> int | None:
        return None if text in ("", "none") else whole(text)

    return parse


def parse_status(text: str) -> int:
    if text.strip() not in ("429", "503"):
        raise ValueError(f"{text[:80]!r} is not 429 or 503")
    return int(text)


def parse_number(low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = float("nan")
        if not low <= number <= high:
            raise ValueError(f"{text[:80]!r} is not a number from {low:.15g} to {high:.15g}")
        return number

    return parse


def parse_word(*words: str) -> Callable[[str], str]:
    """One of these `words`, as it is."""

    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"{text[:80]!r} is not one of {', '.join(words)}")
        return text

    return parse
