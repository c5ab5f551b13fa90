"""The facts of one request and its reply, as they become known. A plain value: no clock, no socket, no counter."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oagw_tornado.evidence.replayed import Replayed
    from oagw_tornado.knobs.rule_index import NearMiss
    from oagw_tornado.knobs.vocabulary import Knobs
    from oagw_tornado.reply.inference import Inference
    from oagw_tornado.reply.reply import Headers

    Numbers = array[float]
else:
    Numbers = array  # of what, an annotation alone can say before Python 3.12


class Exchange:
    """One request and its reply. Times are in seconds; offsets count from `admitted`.

    A request is admitted when its last byte has arrived: the schedule of its reply counts from there. What is known of
    the request is set by those who read it; what became of its reply, from `status` on, by `ledger.Ledger` alone.
    """

    __slots__ = (
        "id",
        "admitted",
        "wall",
        "method",
        "target",
        "path",
        "alias",
        "headers",
        "client",
        "connection",
        "body_size",
        "body_head",
        "knobs",
        "rule",
        "nearest",
        "replay",
        "gate",
        "seed",
        "waited",
        "queued",
        "planned_end",
        "inference",
        "limit_headers",
        "page_headers",
        "echoed",
        "held",
        "status",
        "head_sent",
        "source",
        "planned",
        "actual",
        "arrived",
        "events",
        "bytes_sent",
        "blocked",
        "faults",
        "outcome",
        "ended",
        "advice",
        "unread",
    )

    def __init__(self, id: str, method: str, target: str, path: str, headers: Mapping[str, str]) -> None:
        self.id = id
        self.method = method
        self.target = target  # as received: path and query
        self.path = path  # without the query, still percent-encoded
        self.headers = headers
        self.admitted = 0.0  # monotonic
        self.wall = 0.0  # Unix time of the same instant
        self.alias = ""  # the upstream asked for, once it is known to exist
        self.client = ""  # the peer's address
        self.connection = 0  # the number of its connection, from 1; 0: nobody has said
        self.body_size = 0
        self.body_head = b""
        self.knobs: Knobs | None = None
        self.rule: str | None = None  # the rule that was applied
        self.nearest: tuple[NearMiss, ...] = ()  # rules before it that came near, and why they did not apply
        self.replay: Replayed | None = None  # the recording that it replays
        self.gate: str | None = None  # the gate that holds each event of the reply
        self.seed: int | None = None  # of this request's own draws; None: they need not be the same again
        self.waited: float | None = None  # from the arrival of its last byte to its admission, at most
        self.queued: float | None = None  # how long it waited for its turn; None: nobody counts how many run
        self.planned_end: float | None = None  # offset of the end of a reply that ended as planned
        self.inference: Inference | None = None  # what the reply is to say in tokens, where a model says it
        self.limit_headers: Headers = ()  # what the gateway tells of a rate limit
        self.echoed: Headers = ()  # of the request, in every reply to it
        self.held = 0  # bytes, as the journal counts them; 0: it is not in the journal
        self.page_headers: Headers = ()  # what it tells browsers of the pages that may read the reply
        self.status = 0  # 0 until somebody has replied
        self.head_sent = False
        self.source: str | None = None
        # Offsets of the events of a stream, planned and actual, as they left; None: no stream.
        self.planned: PlannedOffsets | None = None
        self.actual: array[float] | None = None
        # Offsets at which they had come from a real upstream; None: they are made here.
        self.arrived: array[float] | None = None
        self.events = 0  # events that left
        self.bytes_sent = 0  # body bytes, framing not counted
        self.blocked = 0  # events that waited for the client to read
        self.faults: tuple[str, ...] = ()  # types of those that struck, in the order in which they did
        # "" while it runs; complete, client-left, drained, gate-timeout, backlog-full, closed, killed or fault:<type>.
        self.outcome = ""
        self.ended: float | None = None  # offset
        self.advice = b""  # the head of an error's reply, without its framing: it may say when to come back
        # Looks at what the client's kernel held unread, each an offset, events sent so far, and bytes; None: no look.
        self.unread: array[float] | None = None


class PlannedOffsets(Numbers):
    """When the events of a stream were due, in the order in which they were added. Evenly spaced ones are a line.

    Of a thousand streams at a fixed pace the plan would else take as much memory as what became of it.
    """

    __slots__ = ("_lines",)

    # Each with how many single offsets come before it, its first offset and its gap, and which of its points count.
    _lines: tuple[tuple[int, float, float, range], ...]

    def __new__(cls) -> PlannedOffsets:
        made: PlannedOffsets = super().__new__(cls, "d")  # type: ignore[assignment]  # typeshed: of no subclass
        made._lines = ()
        return made

    def add_line(self, first: float, gap: float, points: range) -> None:
        """Add those of the offsets ``first + number * gap`` whose numbers are `points`."""
        lines, before = self._lines, array.__len__(self)
        if lines and lines[-1][:3] == (before, first, gap) and lines[-1][3].stop == points.start:
            points = range(lines[-1][3].start, points.stop)
            lines = lines[:-1]
        self._lines = (*lines, (before, first, gap, points))

    def parts(self) -> tuple[bytes, list[tuple[int, float, float, int, int]]]:
        """What it is made of, for `of_parts`: the single offsets as bytes, and the lines."""
        return self.tobytes(), [(before, first, gap, at.start, at.stop) for before, first, gap, at in self._lines]

    @classmethod
    def of_parts(cls, single: bytes, lines: Iterable[tuple[int, float, float, int, int]]) -> PlannedOffsets:
        """The plan that was made of these `parts`."""
        made = cls()
        made.frombytes(single)
        made._lines = tuple((before, first, gap, range(start, stop)) for before, first, gap, start, stop in lines)
        return made

    @property
    def single(self) -> int:
        """How many are kept as a number of their own."""
        return array.__len__(self)

    def between(self, begin: int, end: int) -> list[float]:
        """Those from number `begin` up to, not including, `end`: a slice, for which those before are not looked at."""
        found: list[float] = []
        place = taken = 0
        for before, first, gap, points in (*self._lines, (array.__len__(self), 0.0, 0.0, range(0))):
            low, high = max(begin - place, 0), min(end - place, before - taken)
            if low < high:
                found += array.__getitem__(self, slice(taken + low, taken + high))
            place += before - taken
            taken = before
            found += [first + number * gap for number in points[max(begin - place, 0) : max(end - place, 0)]]
            place += len(points)
        return found

    def __len__(self) -> int:
        return array.__len__(self) + sum(len(points) for _, _, _, points in self._lines)

    def __iter__(self) -> Iterator[float]:
        single = array.__iter__(self)
        taken = 0
        for before, first, gap, points in self._lines:
            yield from islice(single, before - taken)
            taken = before
            yield from (first + number * gap for number in points)
        yield from single
