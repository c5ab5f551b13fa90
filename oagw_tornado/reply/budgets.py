"""What is left of a rate limit, and the headers that say so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from oagw_tornado.reply.reply import Headers


class Budget(NamedTuple):
    """What is left of one limit."""

    name: str
    """``requests`` or ``tokens``."""
    limit: int
    remaining: int
    reset: float
    """Seconds until all of it is there again."""


#: The headers of the budgets at an instant, in Unix time.
BudgetHeaders = Callable[[Sequence[Budget], float], Headers]


def budget_headers(budgets: Sequence[Budget], now: float) -> Headers:
    """``x-ratelimit-{limit,remaining,reset}-{requests,tokens}``, the times as `format_reset` writes them."""
    headers: Headers = ()
    for name, limit, remaining, reset in budgets:
        headers += (
            (f"x-ratelimit-limit-{name}", str(limit)),
            (f"x-ratelimit-remaining-{name}", str(remaining)),
            (f"x-ratelimit-reset-{name}", format_reset(reset)),
        )
    return headers


def format_reset(seconds: float) -> str:
    """A time as the OpenAI API writes it in these headers: ``20ms``, ``1s``, ``6m0s``, ``1h0m0s``; rounded up.

    >>> format_reset(0), format_reset(0.0196), format_reset(1), format_reset(360), format_reset(3600)
    ('0s', '20ms', '1s', '6m0s', '1h0m0s')
    """
    milliseconds = -int(-seconds * 1000 // 1) if seconds > 1e-9 else 0
    if milliseconds < 1000:
        return f"{milliseconds}ms" if milliseconds else "0s"
    minutes, rest = divmod(milliseconds, 60_000)
    text = f"{rest / 1000:.3f}".rstrip("0").rstrip(".") + "s"
    if minutes == 0:
        return text
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{text}" if hours else f"{minutes}m{text}"
