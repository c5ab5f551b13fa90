"""One request of the journal as the rules of conduct see it: plain facts, with all times in seconds of one clock."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import NamedTuple

from oagw_tornado.conduct.advice import Advice, advice_in
from oagw_tornado.conduct.tool_calls import unknown_results
from oagw_tornado.evidence.exchange import Exchange
from oagw_tornado.evidence.service_path import service_path

#: Headers in which a client says how often it has tried before: the name, and the number that the first try has.
_COUNTS = (("X-Stainless-Retry-Count", 0), ("X-Retry-Count", 0), ("X-Attempt", 1), ("X-Envoy-Attempt-Count", 1))
#: Headers that say whose request it is: another credential or another key makes it another request.
_OWN = ("Authorization", "X-Api-Key", "Idempotency-Key")


class Look(NamedTuple):
    """What lay unread in the client's kernel at an instant."""

    at: float
    """Seconds from admission."""
    events: int
    """Events that had left by then."""
    unread: int
    """Bytes."""


class ConductEntry(NamedTuple):
    """One request and its reply. `begun` and `ended` are Unix times, and so are all times that rules reckon with."""

    id: str
    begun: float
    """When its head had arrived."""
    ended: float | None = None
    """When its reply was over; None while it runs."""
    method: str = "POST"
    path: str = ""
    """As the service sees it."""
    alias: str = ""
    client: str = ""
    agent: str = ""
    """User-Agent."""
    connection: int = 0
    """The number of the connection it came on; 0: nobody knows."""
    closes: bool = False
    """The client has the connection closed behind it."""
    key: bytes = b""
    """The same for requests that say the same, of the same client."""
    attempt: int | None = None
    """How often the client says that it has tried before; None: it does not say."""
    status: int = 200
    advice: Advice = Advice()
    outcome: str = "complete"
    faults: tuple[str, ...] = ()
    is_stream: bool = False
    sent: tuple[float, ...] = ()
    """When the events left: seconds from `begun`, the first ones of a long stream."""
    looks: tuple[Look, ...] = ()
    unknown_results: tuple[str, ...] = ()
    """Ids of tool results in its body for which there is no call; empty ids included."""

    @property
    def is_failure(self) -> bool:
        """The reply was an error, or broke off."""
        return self.status >= 400 or (self.outcome.startswith("fault:") and self.outcome != "fault:status")

    @property
    def asked(self) -> str:
        """What was asked, in words: ``POST /v1/chat/completions``."""
        return f"{self.method} {self.path[:200]}"

    @property
    def answered(self) -> str:
        """What was answered, in words: ``429, Retry-After 1 s``."""
        return f"{self.status or 'no status'}{self.advice}"


def entry_of(exchange: Exchange, shown_path: str) -> ConductEntry:
    """The facts of `exchange`. `shown_path` is its path with credentials masked.

    Times count from the arrival of its head, by the clock that journals of several machines have in common.
    """
    headers = exchange.headers
    begun = exchange.wall
    looks = exchange.unread or ()
    agent = headers.get("User-Agent") or ""
    return ConductEntry(
        exchange.id,
        begun,
        None if exchange.ended is None else begun + exchange.ended,
        exchange.method,
        service_path(shown_path),
        exchange.alias,
        exchange.client,
        agent[:200],
        exchange.connection,
        "close" in (headers.get("Connection") or "").lower(),
        _key(exchange, agent),
        _attempt(exchange),
        exchange.status,
        advice_in(exchange.advice, exchange.wall + (exchange.ended or 0.0)),
        exchange.outcome,
        exchange.faults,
        exchange.actual is not None,
        tuple(exchange.actual or ()),
        tuple(
            Look(at, int(events), int(size))
            for at, events, size in zip(looks[::3], looks[1::3], looks[2::3], strict=True)
        ),
        _unknown_results(exchange),
    )


def _key(exchange: Exchange, agent: str) -> bytes:
    headers = exchange.headers
    said = blake2b(digest_size=16)
    own = (headers.get(name) or "" for name in _OWN)
    for text in (exchange.method, exchange.target, exchange.client, agent, str(exchange.body_size), *own):
        said.update(text.encode("utf-8", "replace") + b"\0")
    said.update(exchange.body_head)
    return said.digest()


def _attempt(exchange: Exchange) -> int | None:
    for name, first in _COUNTS:
        given = (exchange.headers.get(name) or "").strip()
        if given.isascii() and given.isdigit() and len(given) < 6:
            return max(0, int(given) - first)
    return None


def _unknown_results(exchange: Exchange) -> tuple[str, ...]:
    # A body that was not kept whole cannot show what was missing from it.
    whole = exchange.body_head if len(exchange.body_head) == exchange.body_size else b""
    return unknown_results(whole) if whole else ()


def by_begin(entries: Iterable[ConductEntry]) -> list[ConductEntry]:
    """In the order in which they came."""
    return sorted(entries, key=lambda entry: entry.begun)
