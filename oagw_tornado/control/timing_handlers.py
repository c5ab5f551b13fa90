"""``/_sim/timing``: how late events left since the last reset, as figures or as a histogram."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from importlib import import_module
from itertools import pairwise

from oagw_tornado.control.control import ControlPlane
from oagw_tornado.control.handlers import BadRequest, ControlHandler
from oagw_tornado.control.report_data import lateness
from oagw_tornado.control.turns import Turns
from oagw_tornado.evidence.hgrm import FIGURES, hgrm
from oagw_tornado.reply.reply import Reply


class Timing(ControlHandler):
    """``/_sim/timing``, ``/_sim/timing?format=hgrm&figure=lateness|first_event|gaps``."""

    of_all = ("timing", "journal")

    async def get(self, control: ControlPlane) -> None:
        with self.refusing():
            given = self.parameters("format", "figure")
            form, figure = given.get("format", "json"), given.get("figure", "lateness")
            if form not in ("json", "hgrm"):
                raise BadRequest(f"format: expected json or hgrm, not {form[:80]!r}")
            if figure not in FIGURES:
                raise BadRequest(f"figure: expected {', '.join(FIGURES)}, not {figure[:80]!r}")
            if form == "json":
                if "figure" in given:
                    raise BadRequest("figure: expected with format=hgrm alone")
                self.say(control.timing.as_json())
                return
            await self._histogram(control, figure)

    async def _histogram(self, control: ControlPlane, figure: str) -> None:
        if "hdrh.histogram" not in sys.modules:
            try:  # beside the loop, not in it
                await asyncio.get_running_loop().run_in_executor(None, import_module, "hdrh.histogram")
            except ModuleNotFoundError:
                raise BadRequest("format: hgrm needs hdrhistogram: pip install 'oagw-tornado[hdr]'") from None
        turns = Turns()
        pieces = []
        for piece in hgrm(await counts_of(control, figure, turns)):
            pieces.append(piece)
            if turns.is_over:
                await turns.rest()
        self.respond(Reply(200, (("Content-Type", "text/plain; charset=utf-8"),), b"".join(pieces), source=None))

    async def head(self, control: ControlPlane) -> None:
        self.say({})


async def counts_of(control: ControlPlane, figure: str, turns: Turns) -> Counter[int]:
    """Microseconds with their numbers: of all events since the last reset, or of the streams that the journal holds."""
    counts: Counter[int] = Counter()
    if figure == "lateness":
        for milliseconds, events in lateness(control.timing):
            counts[max(0, round(milliseconds * 1000))] += events
        return counts
    for _, exchange in control.journal.scan(lambda one: one.actual is not None):
        if exchange is not None and exchange.actual:
            offsets = exchange.actual
            values = offsets[:1] if figure == "first_event" else [then - first for first, then in pairwise(offsets)]
            counts.update([max(0, round(value * 1e6)) for value in values])
        if turns.is_over:
            await turns.rest()
    return counts
