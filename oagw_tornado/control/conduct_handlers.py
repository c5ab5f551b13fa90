"""``/_sim/conduct`` and ``/_sim/marks``: how the client behaved, and what only a test can report."""

from __future__ import annotations

import math
from time import time
from typing import Any

from oagw_tornado.conduct.entry import ConductEntry, by_begin, entry_of
from oagw_tornado.conduct.finding import Case
from oagw_tornado.conduct.judging import RULES, Judgement
from oagw_tornado.conduct.marks import LONGEST_NAME, MOST_INSTANTS, Mark
from oagw_tornado.conduct.retries import Call, calls_in
from oagw_tornado.control.control import ControlPlane
from oagw_tornado.control.handlers import BadRequest, ControlHandler, duration, flag
from oagw_tornado.control.journal_handlers import instant
from oagw_tornado.control.turns import Turns
from oagw_tornado.evidence.request_filter import NAMES, RequestFilter
from oagw_tornado.units.documents import quoted
from oagw_tornado.units.nearest import nearest

#: Requests that are judged, the latest ones.
MOST_JUDGED = 10_000


class Conduct(ControlHandler):
    """``/_sim/conduct?ignore=…&final=1&cancel-within=1s`` and the filters of the journal."""

    of_all = ("journal",)

    async def get(self, control: ControlPlane) -> None:
        with self.refusing():
            known = (*NAMES, "since", "ignore", "final", "cancel-within")
            given = self.repeatable_parameters(("header", "ignore"), *known)
            fits = RequestFilter(control.disclosure)
            fits.read([(name, text) for name, texts in given.items() if name in NAMES for text in texts])
            single = {name: texts[0] for name, texts in given.items()}
            since = instant(single.get("since"))
            if since is not None:
                fits.since(since)
            ignored = _rules(given.get("ignore", []))
            is_over = flag("final", single.get("final"))
            within = duration("cancel-within", single.get("cancel-within"), 1.0)
            judgement = await judged(control, fits, ignored, is_over, within)
            self.say(judgement.as_json())

    async def head(self, control: ControlPlane) -> None:
        self.say({})


async def judged(
    control: ControlPlane,
    fits: RequestFilter,
    ignored: frozenset[str] = frozenset(),
    is_over: bool = False,
    cancel_within: float = 1.0,
) -> Judgement:
    """The judgement on the requests of the journal that fit, in shares of a turn."""
    turns = Turns()
    now = time()
    entries: list[ConductEntry] = []
    for _, exchange in control.journal.scan(fits):
        if exchange is not None:
            entries.append(entry_of(exchange, control.disclosure.target(exchange.path)))
        if len(entries) == MOST_JUDGED:
            break
        if turns.is_over:
            await turns.rest()
    entries = by_begin(entries)
    calls: list[Call] = []
    for call in calls_in(entries):
        calls.append(call)
        if turns.is_over:
            await turns.rest()
    open_connections = frozenset(control.open_connections())
    case = Case(entries, now, is_over, control.marks.list, open_connections, cancel_within, calls)
    judgement = Judgement(case, ignored)
    for _ in judgement.judging():
        if turns.is_over:
            await turns.rest()
    return judgement


def _rules(given: list[str]) -> frozenset[str]:
    names = [name.strip() for text in given for name in text.split(",")]
    for name in names:
        if name not in RULES:
            raise BadRequest(f"ignore: no rule {name[:80]!r}; expected {', '.join(RULES)}{nearest(name, RULES)}")
    return frozenset(names)


class MarkList(ControlHandler):
    """``/_sim/marks``: what the simulator was told; DELETE forgets it."""

    def get(self, control: ControlPlane) -> None:
        self.say({"marks": [mark.as_json() for mark in control.marks.list]})

    def delete(self, control: ControlPlane) -> None:
        control.marks.clear()
        self.say_nothing()

    head = get


class OneMark(ControlHandler):
    """``/_sim/marks/{name}``: POST says that something happened, now or at a ``time``."""

    def post(self, control: ControlPlane, name: str) -> None:
        with self.refusing():
            self.parameters()
            document = self.document() if self.request.body else {}
            mark = read_mark(name, document, time())
            control.marks.add(mark)
            self.say(mark.as_json(), 201)


def read_mark(name: str, document: Any, now: float) -> Mark:
    """The mark that `document` describes. Raises BadRequest."""
    if len(name) > LONGEST_NAME:
        raise BadRequest(f"a mark's name: expected at most {LONGEST_NAME} characters")
    if not isinstance(document, dict):
        raise BadRequest(f"expected an object with time or received, not {quoted(document)}")
    for key in document:
        if key not in ("time", "received"):
            raise BadRequest(f"{key[:80]}: no such key; expected time, received{nearest(key, ('time', 'received'))}")
    received = document.get("received", [])
    if not isinstance(received, list) or not all(map(_is_time, received)):
        raise BadRequest("received: expected a list of Unix times in seconds")
    if len(received) > MOST_INSTANTS:
        raise BadRequest(f"received: expected at most {MOST_INSTANTS} times, not {len(received)}")
    at = document.get("time", now)
    if not _is_time(at):
        raise BadRequest(f"time: expected a Unix time in seconds, not {quoted(at)}")
    return Mark(name, float(at), tuple(map(float, received)))


def _is_time(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and abs(value) < 1e12
