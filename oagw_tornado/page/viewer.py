"""A viewer: the connection to one open page, and what it has been sent."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from time import time
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from oagw_tornado.page.lanes import Lanes
from oagw_tornado.page.numbering import Numbering
from oagw_tornado.page.rows import Rows

if TYPE_CHECKING:
    from oagw_tornado.evidence.credentials import Disclosure
    from oagw_tornado.evidence.journal import Journal
    from oagw_tornado.evidence.request_filter import RequestFilter

#: What an update can be about, beside the figures of each second.
TOPICS = ("streams", "requests", "gates", "rules")
#: Samples of one update.
MOST_SAMPLES = 120
# A comment after this many empty updates.
_SILENT_UPDATES = 100


class Outlet(Protocol):
    """The connection to one viewer."""

    @property
    def is_blocked(self) -> bool:
        """Whether it has yet to take what it was sent."""

    def send(self, data: bytes) -> None:
        """Send whole events."""

    def end(self) -> None:
        """The server ends: say so, and end the reply."""

    def give_up(self) -> None:
        """It does not read: end the connection."""


class Series(Protocol):
    """The figures of seconds that have passed, in the order in which they were made."""

    made: list[Any]
    #: How many were dropped before the first of `made`.
    dropped: int


class Viewer:
    """One page that is open, and what it was told last."""

    #: Whether it is open at another member of the state, which is told what this one knows.
    is_far = False

    def __init__(
        self,
        outlet: Outlet,
        topics: Collection[str],
        hello: dict[str, Any],
        journal: Journal,
        disclosure: Disclosure,
        fits: RequestFilter,
        filters: Sequence[tuple[str, str]] = (),
        numbering: Numbering | None = None,
    ) -> None:
        """`hello` is what it is told once; requests and streams are those that `fits` lets pass, which `filters`
        have made, and are told of as `numbering` has it."""
        self.outlet = outlet
        self.topics = topics
        self.fits = fits
        self.filters = filters
        self.disclosure = disclosure
        self.numbering = numbering or Numbering()
        self.hello: dict[str, Any] | None = hello
        self.samples = 0  # as `Series.made` numbers them
        self.told: dict[str, bytes] = {}  # the latest of what is the same for all
        self.told_of_departed = 0  # requests of members that are gone
        self.blocked_since: float | None = None
        self.is_reset = False
        self._silent = 0  # updates without anything to say
        self._begin: Callable[[], tuple[Rows | None, Lanes | None]] = lambda: (
            Rows(journal, fits, disclosure, self.numbering) if "requests" in topics else None,
            Lanes(journal, fits, disclosure, self.numbering) if "streams" in topics else None,
        )
        self.rows, self.lanes = self._begin()

    def begin_anew(self, samples: int) -> None:
        """After a reset nothing of what it was told is there; samples begin with that of this number."""
        self.rows, self.lanes = self._begin()
        self.samples = samples
        self.told_of_departed = 0
        self.is_reset = True

    def take(
        self, current: Mapping[str, bytes], series: Series, gone: list[int], give_way: Callable[[], None]
    ) -> dict[str, Any]:
        """What has changed since the last time; `current` is JSON by topic, `gone` are lanes that were lost. `give_way`
        is called between its parts."""
        update: dict[str, Any] = {}
        if self.hello is not None:
            update["hello"], self.hello = self.hello, None
        if self.is_reset:
            update["reset"], self.is_reset = True, False
        for name, data in current.items():
            if self._wants(name) and self.told.get(name) != data:
                self.told[name] = data
                update[name] = orjson.Fragment(data)
        if samples := self._next_samples(series):
            update["samples"] = samples
        return update | self._own(gone, give_way)

    def send(self, update: dict[str, Any]) -> None:
        """Send what has changed, if anything has."""
        self._silent += 1
        if update:
            self.outlet.send(b"data: %b\n\n" % orjson.dumps({"at": time(), **update}))
            self._silent = 0
        elif self._silent > _SILENT_UPDATES:
            self.outlet.send(b": still here\n\n")
            self._silent = 0

    def _wants(self, name: str) -> bool:
        return name in ("now", "verdict") or name in self.topics

    def _next_samples(self, series: Series) -> list[Any]:
        begin = max(0, self.samples - series.dropped)
        samples = series.made[begin : begin + MOST_SAMPLES]
        if samples:
            self.samples = series.dropped + begin + len(samples)
        return samples

    def _own(self, gone: list[int], give_way: Callable[[], None]) -> dict[str, Any]:
        """Requests and streams of this process."""
        update: dict[str, Any] = {}
        if self.rows is not None:
            update |= self.rows.take(give_way)
            give_way()
        if self.lanes is not None:
            if lanes := self.lanes.take(give_way):
                update["lanes"] = lanes
            if gone:
                update["gone"] = gone
        return update
