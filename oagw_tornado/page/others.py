"""The view of the other members of a state, for the pages that are open here.

Each member is asked by publish/subscribe for the news of each page here, and answers with one message at a time: the
next one is requested when the page has read the last. So at most one message per page and member waits here, and
nothing is sent while nobody watches.
"""

from __future__ import annotations

from asyncio import get_running_loop
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from time import time
from typing import TYPE_CHECKING, Any

import msgspec

from oagw_tornado.evidence.members_verdict import judge_members
from oagw_tornado.evidence.merging import second_as_plain, second_of
from oagw_tornado.evidence.verdict import DEFAULT_BUDGET, Second
from oagw_tornado.page.far_viewer import COMMON
from oagw_tornado.page.numbering import MOST_PLACES, Numbering
from oagw_tornado.page.rows import MOST_OLD_ROWS, MOST_ROWS, row_of
from oagw_tornado.page.samples import BIN, Sample, Samples, SeriesOfAll, sample_of
from oagw_tornado.page.together import add_update, gates_together, summed

if TYPE_CHECKING:
    from oagw_tornado.evidence.exchange import Exchange
    from oagw_tornado.page.standing import Own
    from oagw_tornado.page.viewer import Viewer


class Departed:
    """What is known of a member that is gone."""

    def __init__(self, label: str, now: dict[str, Any], judged: list[Second]) -> None:
        """`now` is what was counted, `judged` are the seconds for a verdict."""
        self.label = label
        self.now = now
        self.judged = judged


class OtherMembers:
    """The `feed.Others` of the member `name`, called `label`.

    `say` sends what is asked of all; `watched` is told whether somebody watches here. `began_in` is the epoch in which
    what is told here began.
    """

    def __init__(
        self,
        name: str,
        label: str,
        say: Callable[[dict[str, Any]], None],
        watched: Callable[[bool], None],
        began_in: Callable[[], str],
    ) -> None:
        self.series = SeriesOfAll()
        self.viewers: dict[str, Viewer] = {}
        #: How gates stand, as the store has it.
        self.gates: dict[str, Any] = {}
        self._name = name
        self._say = say
        self._watched = watched
        self._began_in = began_in
        self._labels: dict[str, str] = {name: label}
        self._places: dict[str, int] = {name: 0}
        self._names = count(1)
        # What each member has told last of what all pages have in common.
        self._common: dict[str, dict[str, Any]] = {}
        self._departed: dict[str, Departed] = {}
        self._entries: list[tuple[int, Exchange]] = []
        # Messages that were not passed on yet, and the number of the last of each viewer and member.
        self._mail: dict[tuple[str, str], dict[str, Any]] = {}
        self._got: dict[str, dict[str, int]] = {}
        self._taken: set[str] = set()
        self._samples = 0

    @property
    def topics(self) -> set[str]:
        """What anybody here wants to know."""
        return {topic for viewer in self.viewers.values() for topic in viewer.topics}

    @property
    def rule_counts(self) -> dict[str, list[dict[str, list[int]]]]:
        """How often rules have fitted and applied at other members."""
        return {member: [told["rules"]] for member, told in self._common.items() if told.get("rules")}

    def joined(self, viewer: Viewer) -> None:
        """As of `feed.Others`."""
        if not self.viewers:
            self._watched(True)
        self.viewers[str(next(self._names))] = viewer
        viewer.numbering.processes = len(self._labels)
        self.ask(list(self.viewers)[-1:])

    def left(self, viewer: Viewer) -> None:
        """As of `feed.Others`."""
        name = self._name_of(viewer)
        del self.viewers[name]
        self._got.pop(name, None)
        self._mail = {key: message for key, message in self._mail.items() if key[1] != name}
        if not self.viewers:
            self._watched(False)
            self._mail.clear()
            self._got.clear()
            self._places = {self._name: 0}
            self.began_anew()

    def began_anew(self) -> None:
        """As of `feed.Others`."""
        self.series.clear()
        self.gates = {}
        self._common.clear()
        self._departed.clear()
        self._entries.clear()
        self._samples = 0

    def present(self, labels: Mapping[str, str]) -> None:
        """These members are there."""
        self._labels = {self._name: self._labels[self._name], **labels}
        for member in self._labels:
            if member not in self._places and len(self._places) < MOST_PLACES:
                self._places[member] = len(self._places)
        for member in [*self._common]:
            if member not in self._labels:
                del self._common[member]
        for viewer in self.viewers.values():
            viewer.numbering.processes = len(self._labels)

    def knows_departed(self, member: str) -> bool:
        """Whether that is known which it had left."""
        return member in self._departed

    def departed(
        self, member: str, departed: Departed, seconds: Sequence[Second], entries: Sequence[tuple[int, Exchange]]
    ) -> None:
        """A member is gone; `seconds` are all that it told of, `entries` its journal with its numbers there."""
        self._departed[member] = departed
        place = self._places.setdefault(member, len(self._places))
        numbering = Numbering(place if place < MOST_PLACES else 0)
        latest = entries[:MOST_OLD_ROWS]
        self._entries += [(numbering.of(number), exchange) for number, exchange in latest]
        for second in seconds:
            begun = second.ended - second.length
            came = [each for _, each in entries if begun <= each.wall < second.ended]
            self.series.add(member, sample_of(second, len(came), sorted(e.actual[0] for e in came if e.actual), 0, 0))

    def ask(self, names: Sequence[str] | None = None) -> None:
        """Ask all members for what is next: of the viewers of these names, or of all, with all there is to know of
        them."""
        asked: dict[str, Any] = {}
        for name in [COMMON, *(self.viewers if names is None else names)]:
            viewer = self.viewers.get(name)
            topics = self.topics & {"gates", "rules"} if viewer is None else viewer.topics
            filters = [] if viewer is None else list(viewer.filters)
            got = {member: self._got.get(name, {}).get(member, 0) for member in self._places}
            asked[name] = {"got": got, "topics": sorted(topics), "filters": filters}
        for member, name in self._mail:
            if name in asked:
                asked[name]["got"].pop(member, None)
        self._say({"by": self._name, "places": self._places, "processes": len(self._labels), "viewers": asked})

    def heard(self, message: dict[str, Any]) -> None:
        """A member answers."""
        member, name = message["by"], message["to"]
        if member in self._places and (name in self.viewers or (name == COMMON and self.viewers)):
            self._got.setdefault(name, {})[member] = message["number"]
            self._mail[member, name] = message

    def look(self, apart: Samples) -> None:
        """As of `feed.Others`."""
        for message in self._take_mail(COMMON):
            update = message["update"]
            for sample in update.pop("samples", ()):
                self.series.add(message["by"], Sample(*sample))
            self._common.setdefault(message["by"], {}).update(update)
        begin = max(0, self._samples - apart.dropped)
        for sample in apart.made[begin:]:
            self.series.add(self._name, sample)
        self._samples = apart.dropped + len(apart.made)
        self.series.look(time(), self._labels)

    def take(self, viewer: Viewer, update: dict[str, Any]) -> None:
        """As of `feed.Others`."""
        for message in self._take_mail(self._name_of(viewer)):
            add_update(update, message["update"])
        entries = self._entries[viewer.told_of_departed : viewer.told_of_departed + MOST_ROWS]
        viewer.told_of_departed += len(entries)
        fitting = [(number, exchange) for number, exchange in entries if viewer.fits(exchange)]
        more: dict[str, Any] = {}
        if fitting and "requests" in viewer.topics:
            more["rows"] = [row_of(number, exchange, viewer.disclosure) for number, exchange in fitting]
        if fitting and "streams" in viewer.topics:
            more["lanes"] = [_end_of(number, exchange) for number, exchange in fitting if exchange.outcome == "killed"]
        add_update(update, {name: value for name, value in more.items() if value})

    def current(self, own: Own, since: float, is_next: bool) -> dict[str, Any]:
        """As of `feed.Others`."""
        told: dict[str, Any] = {}
        if own.gates is not None:
            elsewhere = [each["gates"] for each in self._common.values() if each.get("gates")]
            told["gates"] = gates_together([own.gates, *elsewhere], self.gates)
        if not is_next:
            return told
        gone = self._departed.values()
        standings = [own.now, *(each["now"] for each in self._common.values() if "now" in each)]
        told["now"] = {**summed([*standings, *(each.now for each in gone)]), "members": [*self._labels.values()]}
        judged = [(self._labels[self._name], own.judged)]
        for member, each in self._common.items():
            judged.append((self._labels.get(member, member), [second_of(one) for one in each.get("judged", ())]))
        judged += [(each.label, each.judged) for each in gone]
        told["verdict"] = {**judge_members(judged, BIN, DEFAULT_BUDGET), "since": since}
        if own.rules is not None:
            told["rules"] = [(rule.name, rule.fitted, rule.applied) for rule in own.rules]
        return told

    def packed(self, own: Own, is_next: bool) -> dict[str, bytes]:
        """As of `feed.Others`."""
        told: dict[str, Any] = {"gates": own.gates}
        if is_next:
            told["now"] = own.now
            told["judged"] = [second_as_plain(second) for second in own.judged]
            told["rules"] = {rule.key: [rule.counts.fitted, rule.counts.applied] for rule in own.rules or ()}
        return {name: msgspec.msgpack.encode(value) for name, value in told.items()}

    def _take_mail(self, name: str) -> list[dict[str, Any]]:
        """The messages for a viewer that are of the time that is told of here; older ones are dropped."""
        here, taken = int(self._began_in() or 0), []
        for key in [key for key in self._mail if key[1] == name]:
            began = int(self._mail[key]["began"] or 0)
            if began > here:
                continue  # this member is about to be reset as well
            message = self._mail.pop(key)
            if began == here:
                taken.append(message)
            if not self._taken:
                get_running_loop().call_soon(self._ask_on)
            self._taken.add(name)
        return taken

    def _ask_on(self) -> None:
        names, self._taken = [name for name in self._taken if name in self.viewers], set()
        if self.viewers:
            self.ask(names)

    def _name_of(self, viewer: Viewer) -> str:
        return next(name for name, each in self.viewers.items() if each is viewer)


def _end_of(number: int, exchange: Exchange) -> dict[str, Any]:
    """That a stream was killed, for a page that may have its lane."""
    return {
        "n": number, "from": None, "events": exchange.events, "blocked": exchange.blocked, "faults": exchange.faults,
        "ended": exchange.ended, "outcome": exchange.outcome,
    }  # fmt: skip
