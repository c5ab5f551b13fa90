"""Combines what all members of a state know: a control plane whose journal, timing, counters and verdict cover all.

On request, each member sends what it has, in time slices. A summary of its measurements, and its
journal, go to the store as they grow, so that neither is lost with a member.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from oagw_tornado.control import replays
from oagw_tornado.control.control import ControlPlane
from oagw_tornado.control.departed import DepartedMembers
from oagw_tornado.control.journal_of_all import JournalOfAll, Selection, mark_of
from oagw_tornado.control.leaving import TOGETHER, Leaving
from oagw_tornado.control.turns import Turns
from oagw_tornado.evidence.carried import Numbered, carried, received
from oagw_tornado.evidence.inference_merging import inference_as_plain
from oagw_tornado.evidence.members_verdict import judge_members
from oagw_tornado.evidence.merging import (
    counters_as_plain,
    merged_counters,
    merged_timing,
    second_as_plain,
    second_of,
    timing_as_plain,
    timing_totals,
)
from oagw_tornado.evidence.metrics import Collector, Gauges
from oagw_tornado.evidence.timing import BINS_PER_SECOND
from oagw_tornado.evidence.verdict import history
from oagw_tornado.evidence.vital_signs import KEPT
from oagw_tornado.gateway.inference_metrics import inference_here
from oagw_tornado.state.redis_store import RedisStore

if TYPE_CHECKING:
    from oagw_tornado.state.left_journals import LeftJournals
    from oagw_tornado.state.link import Link
    from oagw_tornado.state.membership import Membership

#: Bytes of bodies after which a piece of a journal leaves.
_PIECE = 256 * 2**10
# Replies of models that are counted at a time before these counts are pushed.
_COUNTED = 100
#: Members whose measurements are kept when they are gone.
MOST_DEPARTED = 256


class Gathering:
    """Gives what this member knows, and asks for what all of them do."""

    def __init__(
        self, control: ControlPlane, link: Link, store: RedisStore, membership: Membership, journals: LeftJournals
    ) -> None:
        self.journals = journals
        self._control = control
        self.departed = DepartedMembers(link, journals)
        self._leaving = Leaving(control.journal, journals)
        self._link = link
        self._store = store
        self._membership = membership
        self._pushed = 0.0
        self._pushed_epoch = ""

    async def of_all(self, kinds: Sequence[str], question: dict[str, Any]) -> ControlPlane:
        """Controls that answer for all members, as far as `kinds` go. Raises StateAway."""
        gathered: dict[str, dict[str, list[Any]]] = {}
        asked = {**question, "kinds": [kind for kind in kinds if kind != "gates"]}
        if asked["kinds"]:
            async for member, (kind, piece) in self._membership.questions.ask_all(asked):
                gathered.setdefault(kind, {}).setdefault(member, []).append(piece)
        labels = {name: label for name, label, _ in await self._membership.members()}
        journal = await self._journals(gathered, labels, question) if "journal" in kinds else None
        if "timing" in kinds or "seconds" in kinds or "counters" in kinds:
            await self._add_departed(gathered, labels, question.get("window"))
        if "rules" in kinds:
            await self.count_rules(gathered.get("rules", {}))
        gates = await self.gate_states() if "gates" in kinds else {}
        return ControlOfAll(self._control, gathered, labels, gates, journal)

    async def inference(self, alias: str) -> list[dict[str, Any]]:
        """What the models of an alias did at each member, as `evidence.inference_merging` has it. Raises StateAway."""
        asked = {"kinds": ["inference"], "alias": alias}
        found = {member: piece async for member, (_, piece) in self._membership.questions.ask_all(asked)}
        there = [name for name, _, _ in await self._membership.members()]
        left = {each.member: dict(each.totals["inference"]) for each in await self.departed.measured(there)}
        pieces = [piece for member, piece in found.items() if member not in left]
        return pieces + [told[alias] for told in left.values() if alias in told]

    async def push(self, is_whole: bool = True) -> None:
        """Tell the store what has happened here and, if it is to be whole, what was measured. Raises StateAway."""
        if is_whole:
            self._push_measurements()
        await self._leaving.push(is_whole)

    def _push_measurements(self) -> None:
        control, epoch = self._control, self._link.epoch
        control.responder.settle()
        for counters in control.responder.inference.values():
            counters.settle(_COUNTED)
        if epoch != self._pushed_epoch:
            self._pushed, self._pushed_epoch = control.signs.since, epoch
        seconds = control.signs.whole_seconds(self._pushed)
        if seconds:
            self._pushed = seconds[-1].ended
        ledger = control.responder.ledger
        totals: dict[str, Any] = {
            "timing": timing_totals(control.timing),
            "counters": counters_as_plain(ledger.counters),
            "inference": [(alias, inference_as_plain(each)) for alias, each in control.responder.inference.items()],
        }
        packed = [msgspec.msgpack.encode(second_as_plain(second)) for second in seconds]
        member = self._membership.member
        self._link.send_decision("push", member, msgspec.msgpack.encode(totals), KEPT, MOST_DEPARTED, *packed)

    async def answer(self, question: dict[str, Any]) -> AsyncIterator[Any]:
        """What this member knows of what is asked, piece by piece: kind and value."""
        control, kinds = self._control, question["kinds"]
        control.responder.settle()
        if "timing" in kinds:
            yield "timing", timing_as_plain(control.timing)
        if "counters" in kinds:
            yield "counters", counters_as_plain(control.responder.ledger.counters)
        if "gauges" in kinds:
            gauges = control.gauges()
            yield "gauges", [gauges.in_flight, gauges.streams_open, dict(gauges.waiting)]
        if "rules" in kinds:
            yield "rules", {rule.key: [rule.counts.fitted, rule.counts.applied] for rule in control.rules.list}
        if "seconds" in kinds:
            seconds = control.signs.seconds(question.get("window"))
            yield "since", control.signs.since
            turns = Turns()
            for start in range(0, len(seconds), 50):
                yield "seconds", [second_as_plain(second) for second in seconds[start : start + 50]]
                await turns.rest()
        if "inference" in kinds:
            yield "inference", await inference_here(control.responder, question["alias"])
        if "replays" in kinds:
            async for piece in replays.told(control.replays, question["limit"], question["events"]):
                yield "replays", piece
        if "journal" in kinds:
            async for batch in self._journal(question):
                yield "journal", batch

    async def _journal(self, question: dict[str, Any]) -> AsyncIterator[bytes]:
        selection = Selection(self._control.disclosure, question)
        mark, turns = mark_of(self._membership.member), Turns()
        batch: list[Numbered] = []
        size = 0
        for number, exchange in self._control.journal.scan(selection.fits):
            if selection.is_over:
                break
            if exchange is not None and selection.takes(exchange, mark):
                size += len(exchange.body_head) + 1000
                batch.append((number, exchange))
                if len(batch) == TOGETHER or size > _PIECE:
                    yield carried(batch)
                    batch, size = [], 0
            if turns.is_over:
                await turns.rest()
        if batch:
            yield carried(batch)

    async def _journals(
        self, gathered: dict[str, dict[str, list[Any]]], there: dict[str, str], question: dict[str, Any]
    ) -> JournalOfAll:
        """The journals of those who are there, and what those have left who are gone."""
        journal, turns = JournalOfAll(), Turns()
        given = gathered.get("journal", {})
        async for member, entries in self.departed.journals(there):
            given.pop(member, None)  # what it gave before it went is part of what it has left
            selection, mark = Selection(self._control.disclosure, question), mark_of(member)
            for _, exchange in entries:
                if not selection.is_over and selection.fits(exchange) and selection.takes(exchange, mark):
                    journal.add(exchange, mark)
        for member, pieces in given.items():
            for piece in pieces:
                for _, exchange in received(piece):
                    journal.add(exchange, mark_of(member))
                if turns.is_over:
                    await turns.rest()
        return journal

    async def gate_states(self) -> dict[str, Any]:
        """How the gates stand, by name. Raises StateAway."""
        return await self._store.gates.all_states()

    async def count_rules(self, counted: dict[str, list[Any]]) -> None:
        """Have the rules here know how often they have fitted and applied anywhere."""
        store = await self._store.counts()
        others = [piece for member, pieces in counted.items() if member != self._membership.member for piece in pieces]
        for rule in self._control.rules.list:
            elsewhere = [piece[rule.key] for piece in others if rule.key in piece]
            rule.counts.elsewhere = (
                store.get(f"f:{rule.key}", 0) + sum(fitted for fitted, _ in elsewhere),
                store.get(f"a:{rule.key}", 0) + sum(applied for _, applied in elsewhere),
            )

    async def _add_departed(
        self, gathered: dict[str, dict[str, list[Any]]], labels: dict[str, str], window: float | None
    ) -> None:
        """What those have measured that are gone."""
        for each in await self.departed.measured(labels):
            labels[each.member] = each.label
            gathered.setdefault("timing", {})[each.member] = [each.totals["timing"]]
            gathered.setdefault("counters", {})[each.member] = [each.totals["counters"]]
            if window is None:
                gathered.setdefault("seconds", {})[each.member] = [[second_as_plain(one) for one in each.seconds]]


class ControlOfAll(ControlPlane):
    """The controls of all members, for one request to read; what is changed by them is changed here."""

    def __init__(
        self,
        control: ControlPlane,
        gathered: dict[str, dict[str, list[Any]]],
        labels: dict[str, str],
        gates: dict[str, Any],
        journal: JournalOfAll | None = None,
    ) -> None:
        self.__dict__.update(control.__dict__)
        self.gates_of_all = gates
        self._labels = labels
        self._since = [piece for pieces in gathered.get("since", {}).values() for piece in pieces]
        self._seconds = {
            member: [second_of(second) for piece in pieces for second in piece]
            for member, pieces in gathered.get("seconds", {}).items()
        }
        self.replays_of_all = [piece for pieces in gathered.get("replays", {}).values() for piece in pieces]
        if "timing" in gathered:
            self.timing = merged_timing(piece for pieces in gathered["timing"].values() for piece in pieces)
        if "counters" in gathered:
            counters = merged_counters(piece for pieces in gathered["counters"].values() for piece in pieces)
            gauges = _sum([piece for pieces in gathered.get("gauges", {}).values() for piece in pieces])
            self.collector = Collector(counters, self.timing, lambda: gauges)
        if journal is not None:
            self.journal = journal  # type: ignore[assignment]

    def verdict(self, budget: float, window: float | None, with_history: bool = False) -> dict[str, Any]:
        """On all members: void if one of them is, as what it served is part of what was measured."""
        width = 1 / BINS_PER_SECOND
        labelled = [(self._labels.get(member, member), seconds) for member, seconds in self._seconds.items()]
        began = [seconds[0].ended - seconds[0].length for seconds in self._seconds.values() if seconds]
        view = {
            **judge_members(labelled, width, budget),
            "since": min(self._since if window is None else began, default=self.signs.since),
        }
        if with_history:
            view["history"] = sorted(
                (
                    {"member": self._labels.get(member, member), **line}
                    for member, seconds in self._seconds.items()
                    for line in history(seconds, width)
                ),
                key=lambda line: float(line["ended"]),
            )
        return view


def _sum(gauges: Sequence[Any]) -> Gauges:
    waiting: dict[str, int] = {}
    for _, _, of_one in gauges:
        for alias, number in of_one.items():
            waiting[alias] = waiting.get(alias, 0) + number
    # Of each member, the request that it does not count: there is only one that asks.
    return Gauges(sum(each[0] for each in gauges), sum(each[1] for each in gauges), waiting)
