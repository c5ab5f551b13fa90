"""What the head of an error reply tells the client: whether to retry, and when.

``Retry-After`` is a number of seconds or a date (RFC 9110, section 10.2.3); ``Retry-After-Ms`` and ``X-Should-Retry``
are what OpenAI's and Anthropic's SDKs read before it.
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import NamedTuple

#: Statuses that are worth another try, as the SDKs and RFC 8470 have it; any other 4xx would fail again.
TRANSIENT = frozenset((408, 409, 425, 429))


class Advice(NamedTuple):
    """`wait`: seconds until the client may come back; `should_retry`: whether it is to. None: not said."""

    wait: float | None = None
    should_retry: bool | None = None
    is_date: bool = False
    """The wait was given as a date, which has whole seconds."""

    def __str__(self) -> str:
        wait = "" if self.wait is None else f", Retry-After {self.wait:.3g} s"
        return wait + ("" if self.should_retry is None else f", X-Should-Retry {str(self.should_retry).lower()}")


def advice_in(head: bytes, now: float) -> Advice:
    """The advice in the lines of a head, sent at `now` (Unix time).

    >>> advice_in(b"HTTP/1.1 429 Too Many Requests\\r\\nRetry-After: 2\\r\\n", 0.0).wait
    2.0
    """
    if not head:
        return Advice()
    fields = dict(_field(line) for line in head.split(b"\r\n")[1:] if line)
    said = fields.get(b"x-should-retry", "").lower()
    should_retry = {"true": True, "false": False}.get(said)
    milliseconds = _number(fields.get(b"retry-after-ms", ""))
    if milliseconds is not None:
        return Advice(milliseconds / 1000, should_retry)
    after = fields.get(b"retry-after", "")
    seconds = _number(after)
    if seconds is not None or not after:
        return Advice(seconds, should_retry)
    try:
        return Advice(max(0.0, parsedate_to_datetime(after).timestamp() - now), should_retry, True)
    except (ValueError, OverflowError):
        return Advice(None, should_retry)


def _field(line: bytes) -> tuple[bytes, str]:
    name, _, value = line.partition(b":")
    return name.strip().lower(), value.strip().decode("latin-1")


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number < 1e9 else None
