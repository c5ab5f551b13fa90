"""The latest exchanges, for tests to assert on: what arrived and what became of it, bounded in number and in bytes.

The journal keeps the exchanges themselves, so nothing is copied or rendered for a request that nobody asks about.
The size of an exchange is counted from its raw bytes: target, headers, body, and the instants of its events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from oagw_tornado.evidence.exchange import Exchange

#: What an exchange and one of its header lines hold in memory beside their bytes, as measured.
EXCHANGE_BYTES = 1200
LINE_BYTES = 250

#: What the instants of a stream's events may come to hold; set aside for every stream until it is over.
EVENTS_BYTES = 18_000

#: Paths whose requests never enter: probes and what browsers ask for by themselves.
NOT_JOURNALED = frozenset(
    (
        *("/health", "/healthz", "/readyz"),
        *("/favicon.ico", "/apple-touch-icon.png", "/apple-touch-icon-precomposed.png"),
    )
)
#: Asking for evidence leaves none.
_CONTROL = ("/_sim", "/metrics")

_NO_HEADERS: dict[str, str] = {}

Fits = Callable[[Exchange], bool]


def is_control(path: str) -> bool:
    """Whether `path` is one of control's: ``/``, ``/_sim`` and ``/metrics`` and what is below these two."""
    return path == "/" or (path.startswith(_CONTROL) and (path in _CONTROL or path.startswith(("/_sim/", "/metrics/"))))


def _held(headers: Mapping[str, str]) -> int:
    """Bytes that headers hold: each line twice, as it came, and by its name."""
    lines = getattr(headers, "lines", None)
    if lines is None:
        lines = [name + value for name, value in headers.items()]
    return LINE_BYTES * len(lines) + 2 * sum(map(len, lines))


class Journal:
    """The latest exchanges of one simulator: at most `size` of them, which hold at most `memory` bytes together.

    Of each body the first `body_size` bytes are kept. Exchanges are numbered as they come, from 1; the numbers go on
    when the journal is emptied.
    """

    def __init__(self, size: int, memory: int = 64 * 2**20, body_size: int = 64 * 2**10) -> None:
        self.size = size
        self.memory = memory
        self.body_size = body_size
        self.held = 0  # bytes
        self._kept: dict[int, Exchange] = {}
        self._oldest = self._next = self._first = 1

    def configure(self, size: int, memory: int, body_size: int) -> None:
        """Have other bounds from now on; the oldest go if there is no room."""
        self.size, self.memory, self.body_size = size, memory, body_size
        self._make_room()

    @property
    def newest(self) -> int:
        """The number of the latest exchange; 0 before the first."""
        return self._next - 1

    @property
    def first(self) -> int:
        """The number of the first exchange since it was emptied last, whether it is here or not, or yet to come."""
        return self._first

    @property
    def has_forgotten(self) -> bool:
        """Whether some have gone to make room since it was emptied last."""
        return self._oldest > self._first

    def numbered(self, number: int) -> Exchange | None:
        """The exchange of that number, if it is still here."""
        return self._kept.get(number)

    def between(self, first: int, last: int) -> list[tuple[int, Exchange]]:
        """The exchanges with the numbers from `first` to `last` that are still here."""
        kept = self._kept
        return [(number, kept[number]) for number in range(max(first, self._oldest), last + 1) if number in kept]

    def add(self, exchange: Exchange) -> None:
        """Take one more in; the oldest go if there is no room."""
        headers = exchange.headers
        shared = getattr(headers, "shared", None)
        if shared is None:
            of_headers = _held(headers)
        else:
            of_headers = shared.get(Journal)
            if of_headers is None:
                of_headers = shared[Journal] = _held(headers)
        exchange.held = size = EXCHANGE_BYTES + len(exchange.target) + of_headers
        self.held += size
        kept = self._kept
        kept[self._next] = exchange
        self._next += 1
        if len(kept) > self.size or self.held > self.memory:
            self._make_room()

    def keep_body(self, exchange: Exchange, body: bytes) -> None:
        """Keep the body of an exchange that is in the journal, as far as bodies are kept."""
        if exchange.held:
            exchange.body_head = kept = body[: self.body_size]
            self._hold(exchange, len(kept))

    def streams(self, exchange: Exchange) -> None:
        """The reply of an exchange is a stream: room is set aside for the instants of its events."""
        if exchange.held:
            self._hold(exchange, EVENTS_BYTES)

    def over(self, exchange: Exchange) -> None:
        """An exchange is over: what it came to hold is known, and of what was set aside only that is held."""
        if exchange.held:
            more = len(exchange.advice)
            if exchange.actual is not None:
                planned = 0 if exchange.planned is None else exchange.planned.single
                more += 8 * (len(exchange.actual) + planned) - EVENTS_BYTES
            if exchange.unread is not None:
                more += 8 * len(exchange.unread)
            if exchange.arrived is not None:
                more += 8 * len(exchange.arrived)
            if more:
                self._hold(exchange, more)

    def _hold(self, exchange: Exchange, more: int) -> None:
        exchange.held += more
        self.held += more
        if self.held > self.memory:
            self._make_room()

    def _make_room(self) -> None:
        kept = self._kept
        while kept and (len(kept) > self.size or self.held > self.memory):
            forgotten = kept.pop(self._oldest)
            self._oldest += 1
            self.held -= forgotten.held
            forgotten.held = 0
            # An exchange that goes on without being remembered needs no evidence: that of ten thousand silent
            # streams would be most of what they hold.
            forgotten.headers = _NO_HEADERS
            forgotten.body_head = forgotten.advice = b""
            forgotten.unread = None

    def __len__(self) -> int:
        return len(self._kept)

    def clear(self) -> list[Exchange]:
        """Forget all; returns what was forgotten, as to free a million of them takes more than a turn of the loop."""
        forgotten = list(self._kept.values())
        for exchange in forgotten:
            exchange.held = 0
        self._kept = {}
        self._oldest = self._first = self._next
        self.held = 0
        return forgotten

    def find(self, id: str) -> Exchange | None:
        """The latest exchange of that id."""
        return next((exchange for _, exchange in self.scan(lambda one: one.id == id) if exchange is not None), None)

    def scan(
        self, fits: Fits, before: int | None = None, oldest_first: bool = False
    ) -> Iterator[tuple[int, Exchange | None]]:
        """Number by number, the newest first: the exchange of that number, or None if it does not fit.

        The journal may change meanwhile: what has gone is left out, and what has come since is not shown. `before` is a
        number: only what came before it is looked at.
        """
        newest = self._next - 1 if before is None else min(before, self._next) - 1
        numbers = range(self._oldest, newest + 1) if oldest_first else range(newest, self._oldest - 1, -1)
        for number in numbers:
            exchange = self._kept.get(number)
            if exchange is not None:
                yield number, exchange if fits(exchange) else None
            elif number < self._oldest and not oldest_first:
                return

    def select(
        self, alias: str | None = None, status: int | None = None, since: float | None = None, limit: int | None = None
    ) -> Iterator[Exchange]:
        """Those that fit, newest first. `since` is a Unix time, `limit` the most to give."""

        def fits(exchange: Exchange) -> bool:
            return (
                (alias is None or exchange.alias == alias)
                and (status is None or exchange.status == status)
                and (since is None or exchange.wall >= since)
            )

        given = 0
        for _, exchange in self.scan(fits):
            if limit is not None and given >= limit:
                return
            if exchange is not None:
                given += 1
                yield exchange
