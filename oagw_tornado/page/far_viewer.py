"""A page that is open at another member of the state. It gets one message at a time, which that member requests once it
has passed on the previous one, so a page that does not read costs nothing here either."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from time import monotonic
from typing import TYPE_CHECKING, Any

import msgspec

from oagw_tornado.page.viewer import Series, Viewer

if TYPE_CHECKING:
    from oagw_tornado.evidence.credentials import Disclosure
    from oagw_tornado.evidence.journal import Journal
    from oagw_tornado.evidence.request_filter import RequestFilter
    from oagw_tornado.page.numbering import Numbering

#: The name of the viewer that is told what is the same for all pages of a member.
COMMON = ""
#: Seconds after which a member that does not ask is taken to watch no more, and a message that it knows nothing of to
#: be lost.
LEASE = 5.0
LOST = 2.0


class Channel:
    """The way to the other member, as a `viewer.Outlet`."""

    def __init__(self, publish: Callable[[bytes], None], close: Callable[[], None]) -> None:
        self.may_send = False
        self.asked = self.sent = monotonic()
        self._publish = publish
        self._close = close

    @property
    def is_blocked(self) -> bool:
        if monotonic() - self.asked > LEASE:
            self._close()
            return True
        return not self.may_send

    def send(self, data: bytes) -> None:
        self.may_send, self.sent = False, monotonic()
        self._publish(data)

    def end(self) -> None:
        self._close()

    def give_up(self) -> None:
        self._close()


class FarViewer(Viewer):
    """One page elsewhere; or what all pages of a member have in common, if its name is `COMMON`."""

    is_far = True

    def __init__(
        self,
        name: str,
        channel: Channel,
        topics: Collection[str],
        journal: Journal,
        disclosure: Disclosure,
        fits: RequestFilter,
        numbering: Numbering,
        stamp: Callable[[], dict[str, Any]],
    ) -> None:
        """`stamp` is what every message says of who sends it, and of which time."""
        own = () if name == COMMON else topics
        super().__init__(channel, own, {}, journal, disclosure, fits, numbering=numbering)
        self.topics = topics
        self._channel = channel
        self._name = name
        self._stamp = stamp
        # How many messages were sent.
        self._messages = 0
        self._gone: list[int] = []

    def asked(self, got: int | None, processes: int) -> None:
        """The member watches, and has got and passed on so many messages; None: the last one waits there."""
        channel = self._channel
        channel.asked = monotonic()
        self.numbering.processes = max(1, processes)
        if got is None:
            return
        if got == self._messages:
            channel.may_send = True
        elif channel.asked - channel.sent > LOST:
            # It is told all of it again, behind what it does not know is outdated.
            self._gone = self.lanes.told if self.lanes is not None else []
            self.begin_anew(0)
            channel.may_send = True

    def begin_anew(self, samples: int) -> None:
        super().begin_anew(samples)
        self.told.clear()

    def take(
        self, current: Mapping[str, bytes], series: Series, gone: list[int], give_way: Callable[[], None]
    ) -> dict[str, Any]:
        if self._name != COMMON:
            lost, self._gone = self._gone, []
            return self._own([*lost, *gone], give_way)
        update: dict[str, Any] = {}
        for name, data in current.items():
            if self.told.get(name) != data:
                self.told[name] = data
                update[name] = msgspec.Raw(data)
        if samples := self._next_samples(series):
            update["samples"] = samples
        return update

    def send(self, update: dict[str, Any]) -> None:
        if update:
            self._messages += 1
            message = {**self._stamp(), "to": self._name, "number": self._messages, "update": update}
            self._channel.send(msgspec.msgpack.encode(message))
