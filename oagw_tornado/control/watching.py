"""Lets a page show all members of a state, whichever one serves it: the messages between them while somebody watches.

``watch`` goes to all: which pages are open at a member, and what it has got for each. ``seen`` goes to that member: one
message for one of its pages. The rest is asked of the store once a second: who is there, how gates stand, and what
those have left that are gone.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from oagw_tornado.control.turns import Turns
from oagw_tornado.evidence.merging import merged_counters
from oagw_tornado.evidence.request_filter import RequestFilter
from oagw_tornado.page.far_viewer import Channel, FarViewer
from oagw_tornado.page.feed import MOST_VIEWERS, LiveFeed
from oagw_tornado.page.numbering import Numbering
from oagw_tornado.page.others import Departed, OtherMembers
from oagw_tornado.page.samples import Judged
from oagw_tornado.page.standing import counted
from oagw_tornado.state.store import StateAway

if TYPE_CHECKING:
    from oagw_tornado.control.control import ControlPlane
    from oagw_tornado.control.gathering import Gathering
    from oagw_tornado.state.link import Link
    from oagw_tornado.state.membership import Membership

log = logging.getLogger(__name__)

#: Seconds between two looks at who is there; every so often all is asked for again.
EVERY = 1.0
#: Pages elsewhere that are told of: of each member the most that it has, and what they have in common.
MOST_FAR = 8 * (MOST_VIEWERS + 1)


class Watching:
    """What one member asks for its pages, and what it answers those of others."""

    def __init__(self, control: ControlPlane, link: Link, membership: Membership, gathering: Gathering) -> None:
        self._control = control
        self._link = link
        self._membership = membership
        self._gathering = gathering
        self._far: dict[tuple[str, str], FarViewer] = {}
        self._rounds: asyncio.Task[None] | None = None
        # The epoch, and who was there, when it was looked at those who are gone.
        self._looked_at: tuple[str, dict[str, str]] = ("", {})
        membership.words[b"watch"] = self._asked
        membership.words[b"seen"] = self._seen

    def share(self, feed: LiveFeed) -> None:
        """Have `feed` tell of all."""
        membership = self._membership
        self._others = OtherMembers(
            membership.member, membership.label, self._say, self._watched, lambda: feed.began_in
        )
        feed.share(self._others, lambda: self._link.epoch)

    # The member at which pages are open.

    def _say(self, asked: dict[str, Any]) -> None:
        self._link.publish("bus", b"watch " + msgspec.msgpack.encode(asked))

    def _seen(self, word: bytes) -> None:
        self._others.heard(msgspec.msgpack.decode(word, strict=False))

    def _watched(self, is_watched: bool) -> None:
        if self._rounds is not None:
            self._rounds.cancel()
            self._rounds = None
        self._looked_at = "", {}
        if is_watched:
            self._rounds = asyncio.create_task(self._look_around(), name="state-watching")
            self._membership.hold(self._rounds)
        else:
            self._say({"by": self._membership.member, "viewers": None})

    async def _look_around(self) -> None:
        while True:
            try:
                await self._look()
            except StateAway:
                pass
            except Exception:
                log.exception("what other members see could not be asked for")
            await asyncio.sleep(EVERY)

    async def _look(self) -> None:
        others, epoch = self._others, self._link.epoch
        labels = {name: label for name, label, _ in await self._membership.members()}
        others.present(labels)
        others.ask()
        topics = others.topics
        others.gates = await self._gathering.gate_states() if "gates" in topics else {}
        if "rules" in topics:
            await self._gathering.count_rules(others.rule_counts)
        if (epoch, labels) != self._looked_at:
            await self._look_at_departed(labels)
            if epoch == self._link.epoch == self._control.live.began_in:
                self._looked_at = epoch, labels

    async def _look_at_departed(self, there: dict[str, str]) -> None:
        others, epoch, departed = self._others, self._link.epoch, self._gathering.departed
        journals = {member: entries async for member, entries in departed.journals(there)}
        measured = {each.member: each for each in await departed.measured(there)}
        for member in {*journals, *measured}:
            if others.knows_departed(member):
                continue
            judged, turns = Judged(), Turns()
            told = measured.get(member)
            for second in told.seconds if told is not None else ():
                judged.add(second)
                if turns.is_over:
                    await turns.rest()
            if self._link.epoch != epoch or self._control.live.began_in != epoch:
                return  # it is reset meanwhile
            entries = journals.get(member, [])
            now = {"journal": len(entries), **({} if told is None else _counted(told.totals))}
            label = member if told is None else told.label
            others.departed(member, Departed(label, now, judged.seconds), told.seconds if told else (), entries)

    # The members that are asked.

    def _asked(self, word: bytes) -> None:
        asked = msgspec.msgpack.decode(word)
        by = asked["by"]
        own = self._membership.member
        if by == own:
            return
        if asked["viewers"] is None:
            for key in [key for key in self._far if key[0] == by]:
                self._leave(key)
            return
        place = asked["places"].get(own)
        if place is None:
            return  # it does not know of this one yet
        for name, viewer in asked["viewers"].items():
            far = self._far.get((by, name))
            if far is None and len(self._far) < MOST_FAR:
                far = self._open((by, name), viewer, Numbering(place))
            if far is not None:
                far.topics = viewer["topics"]
                far.asked(viewer["got"].get(own), asked["processes"])

    def _open(self, key: tuple[str, str], asked: dict[str, Any], numbering: Numbering) -> FarViewer:
        by, name = key
        control, feed = self._control, self._control.live
        fits = RequestFilter(control.disclosure)
        fits.read([(filter, text) for filter, text in asked["filters"]])
        channel = Channel(partial(self._answer, by), partial(self._leave_soon, key))
        stamp = partial(self._stamp, feed)
        far = FarViewer(name, channel, asked["topics"], control.journal, control.disclosure, fits, numbering, stamp)
        self._far[key] = far
        feed.join(far)
        return far

    def _stamp(self, feed: LiveFeed) -> dict[str, Any]:
        return {"by": self._membership.member, "began": feed.began_in}

    def _answer(self, to: str, message: bytes) -> None:
        self._link.publish(f"to:{to}", b"seen " + message)

    def _leave_soon(self, key: tuple[str, str]) -> None:
        asyncio.get_running_loop().call_soon(self._leave, key)

    def _leave(self, key: tuple[str, str]) -> None:
        far = self._far.pop(key, None)
        if far is not None:
            self._control.live.leave(far)


def _counted(totals: dict[str, Any]) -> dict[str, Any]:
    blocked = totals["timing"]["blocked_by_client"]
    return {**counted(merged_counters([totals["counters"]])), "blocked": blocked}
