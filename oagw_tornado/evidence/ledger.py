"""The only writer of evidence: it is told what became of a reply, and updates exchange, journal, timing and metrics.

The facts of a request are set by whoever reads it; everything about its reply (status, events, bytes, faults, how
and when it ended) is written only here. So an event is counted in all four places or in none, and a reset leaves
nothing behind from before.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from itertools import chain, repeat
from typing import TYPE_CHECKING

from oagw_tornado.evidence.exchange import Exchange, PlannedOffsets
from oagw_tornado.evidence.journal import NOT_JOURNALED, Journal, is_control
from oagw_tornado.evidence.metrics import Counters
from oagw_tornado.evidence.timing import Timing

if TYPE_CHECKING:
    from oagw_tornado.evidence.credentials import Disclosure

#: Offsets kept for one exchange; a longer stream is counted in full and noted up to here.
NOTED_EVENTS = 1000
#: Looks at what a client has not read that are kept for one exchange.
MOST_LOOKS = 64


#: Of a recording that is replayed more of them are kept: how true it was is asked of each event.
NOTED_REPLAYED = 20_000


def noted_events(exchange: Exchange) -> int:
    """How many offsets are kept for `exchange`."""
    return NOTED_EVENTS if exchange.replay is None else NOTED_REPLAYED


class Ledger:
    """Counts what runs, keeps the journal, the counters and the timing, and tells the access log, if there is one.

    Offsets are in seconds from the admission of the request.
    """

    def __init__(
        self,
        journal: Journal | None = None,
        access_log: bool = False,
        disclosure: Callable[[], Disclosure] | None = None,
    ) -> None:
        self.running = 0
        self.journal = Journal(0) if journal is None else journal
        self._add = self.journal.add
        self._new_disclosure = disclosure
        self._disclosure: Disclosure | None = None
        self.counters = Counters()
        self.timing = Timing()
        # How many seconds after its planned instant one event left: bound once for all, as each event is told.
        self.count_late: Callable[[float], None] = self.timing.recent.append
        self._log_access: Callable[[Exchange, Disclosure], None] | None = None
        self.log_accesses(access_log)

    @property
    def disclosure(self) -> Disclosure:
        """What is shown of a request, wherever it is; made when it is first needed."""
        if self._disclosure is None:
            from oagw_tornado.evidence.credentials import Disclosure

            self._disclosure = Disclosure() if self._new_disclosure is None else self._new_disclosure()
        return self._disclosure

    def log_accesses(self, is_wanted: bool) -> None:
        """Log a line for each request, or no longer."""
        self._log_access = None
        if is_wanted:
            from oagw_tornado.evidence.access_log import log_access

            self._log_access = log_access

    def opened(self, exchange: Exchange) -> None:
        """A request has begun: its head is there."""
        self.running += 1
        if exchange.alias or not (exchange.path in NOT_JOURNALED or is_control(exchange.path)):
            self._add(exchange)

    def looks_on(self, exchange: Exchange) -> None:
        """Mark a long-running request that only watches: it is not load, and nobody waits for its end."""
        self.running -= 1

    def looked_on(self, exchange: Exchange) -> None:
        """It watches no more, and ends like any other."""
        self.running += 1

    def replied(self, exchange: Exchange, status: int, source: str | None) -> None:
        """It is known which reply the request gets, and who made it."""
        exchange.status = status
        exchange.source = source

    def advised(self, exchange: Exchange, head: bytes) -> None:
        """The reply is an error; `head` is its status line and header lines, which may say what to do about it."""
        if exchange.held:
            exchange.advice = head

    def saw_unread(self, exchange: Exchange, offset: float, size: int) -> None:
        """The client's kernel held `size` bytes then that the client had not read."""
        if not exchange.held:
            return
        looks = exchange.unread
        if looks is None:
            exchange.unread = looks = array("d")
        elif len(looks) >= 3 * MOST_LOOKS:
            # Every other sample is enough for a reply that takes so long.
            exchange.unread = looks = array(
                "d", chain.from_iterable(looks[at : at + 3] for at in range(0, len(looks), 6))
            )
        looks.extend((offset, len(exchange.actual or ()), size))

    def streams(self, exchange: Exchange) -> None:
        """The reply is a stream: the instants of its events are noted."""
        exchange.planned = PlannedOffsets()
        exchange.actual = array("d")
        self.journal.streams(exchange)

    def arrives(self, exchange: Exchange) -> None:
        """What is streamed comes from a real upstream: the instants at which its events come are noted too."""
        exchange.arrived = array("d")

    def arrived(self, exchange: Exchange, offset: float, events: int) -> None:
        """So many events have come from the upstream."""
        if exchange.arrived is not None and len(exchange.arrived) < NOTED_EVENTS:
            exchange.arrived.extend(repeat(offset, min(events, NOTED_EVENTS - len(exchange.arrived))))

    def head_sent(self, exchange: Exchange) -> None:
        """The head has left, or leaves with the next write."""
        exchange.head_sent = True

    def sent(self, exchange: Exchange, events: int, size: int, planned: float, offset: float) -> None:
        """`size` body bytes have left, and with them `events` that were due at `planned`, at `offset`."""
        exchange.bytes_sent += size
        if not events:
            return
        if exchange.actual is not None and exchange.planned is not None:
            if not exchange.events:
                self.counters.count_first_event(offset)
            if len(exchange.actual) < noted_events(exchange):
                exchange.actual.append(offset)
                exchange.planned.append(planned)
        exchange.events += events
        self.counters.events += events

    def passed_on(self, exchange: Exchange, events: int, size: int, came: float, offset: float) -> None:
        """`size` body bytes that came from a real upstream at `came` have left, and `events` with them, at `offset`."""
        if events == 1 and exchange.events and exchange.actual is not None and exchange.planned is not None:
            exchange.bytes_sent += size
            if len(exchange.actual) < NOTED_EVENTS:
                exchange.actual.append(offset)
                exchange.planned.append(came)
            exchange.events += 1
            self.counters.events += 1
            self.count_late(offset - came)
            return
        for _ in range(events):
            self.sent(exchange, 1, 0, came, offset)
        self.sent(exchange, 0, size, came, offset)
        self.late(offset - came, events)

    def sent_run(self, exchange: Exchange, events: int, size: int) -> None:
        """So many events of a run have left, their instants and lateness noted one by one."""
        exchange.events += events
        exchange.bytes_sent += size
        self.counters.events += events

    def planned_run(self, exchange: Exchange, first: float, gap: float, points: range) -> None:
        """Events of a run whose instants are noted were due at ``first + number * gap``."""
        if exchange.planned is not None and points:
            exchange.planned.add_line(first, gap, points)

    def late(self, seconds: float, events: int) -> None:
        """`events` left in one write, so long after they were due."""
        self.timing.recent.extend(repeat(seconds, events))

    def blocked(self, exchange: Exchange, events: int) -> None:
        """`events` could not leave when they were due, as the client did not read."""
        exchange.blocked += events
        self.timing.blocked_by_client += events

    def struck(self, exchange: Exchange, faults: tuple[str, ...]) -> None:
        """Faults of these types have struck."""
        for fault in faults:
            self.counters.faults[fault] += 1
            if fault not in exchange.faults:
                exchange.faults += (fault,)

    def planned_end(self, exchange: Exchange, planned: float) -> None:
        """The reply ends as planned, at that offset."""
        exchange.planned_end = planned

    def sent_whole(self, exchange: Exchange, size: int, offset: float) -> None:
        """A reply of `size` body bytes has left in one write, and nothing went wrong."""
        exchange.bytes_sent = size
        self.ended(exchange, "complete", offset)

    def ended(self, exchange: Exchange, outcome: str, offset: float) -> None:
        """An exchange is over."""
        exchange.outcome = outcome
        exchange.ended = offset
        self.running -= 1
        self.journal.over(exchange)
        if exchange.alias or not is_control(exchange.path):
            self.counters.count(exchange)
        if self._log_access is not None:
            self._log_access(exchange, self.disclosure)

    def lost(self, exchange: Exchange) -> None:
        """A reply that was taken for sent whole has not left: the client went before."""
        exchange.bytes_sent = 0
        if exchange.outcome != "client-left":
            exchange.outcome = "client-left"
            if exchange.alias or not is_control(exchange.path):
                self.counters.clients_left[exchange.alias] += 1

    def reset(self) -> list[Exchange]:
        """Forget everything but what runs. The caller has brought it up to date first, and frees what was in the
        journal: see `Journal.clear`."""
        self.counters.reset()
        self.timing.reset()
        return self.journal.clear()
