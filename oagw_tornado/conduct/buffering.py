"""A gateway read, or passed on, in batches what had been sent event by event.

Events are meant to be seen as they arrive (HTML Standard, section 9.2; nginx: ``proxy_buffering off``). There are two
proofs: the kernel held all of a stream unread while event after event was sent (sock_diag's receive queue for a client
on this machine, unacknowledged bytes for others), or a test reports when the events arrived behind the gateway (a mark
named by the id of the request, with the instants).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from oagw_tornado.conduct.entry import ConductEntry, Look
from oagw_tornado.conduct.finding import Case, Finding, Findings, Line
from oagw_tornado.conduct.marks import Mark

RULE = "buffered"

#: Proof that nothing was read: this many events, over this many seconds, and this share of the stream's length.
EVENTS = 4
SECONDS = 0.3
SHARE = 0.5


def findings(case: Case) -> Findings:
    received = {mark.name: mark for mark in case.marks if mark.received}
    for entry in case.entries:
        if entry.is_stream:
            mark = received.get(entry.id)
            finding = _told(entry, mark) if mark is not None else _unread(entry)
            if finding is not None:
                yield finding
        yield None


def _unread(entry: ConductEntry) -> Finding | None:
    run = longest_unread(entry.looks)
    if len(run) < 3 or len(entry.sent) < EVENTS:
        return None
    first, last = run[0], run[-1]
    length = entry.sent[-1] - entry.sent[0]
    if last.events - first.events < EVENTS - 1 or last.at - first.at < max(SECONDS, SHARE * length):
        return None
    return Finding(
        RULE,
        "error",
        f"read nothing for {last.at - first.at:.3f} s while {last.events - first.events} events were sent",
        (
            Line(
                entry.begun + first.at,
                entry.id,
                f"{entry.asked}: {first.events} events sent, {first.unread} bytes unread",
            ),
            Line(entry.begun + last.at, entry.id, f"{last.events} events sent, {last.unread} bytes unread"),
        ),
    )


def longest_unread(looks: Sequence[Look]) -> Sequence[Look]:
    """The longest run of looks during which what lay unread grew with the events, and never shrank."""
    best: Sequence[Look] = ()
    start = 0
    for number, look in enumerate(looks):
        before = looks[number - 1] if number else None
        if not look.unread:
            start = number + 1
            continue
        if before is not None and number > start and not _grew(before, look):
            start = number
        if number + 1 - start > len(best):
            best = looks[start : number + 1]
    return best


def _grew(before: Look, look: Look) -> bool:
    return look.unread > before.unread if look.events > before.events else look.unread >= before.unread


def _told(entry: ConductEntry, mark: Mark) -> Finding | None:
    """Whether what was sent apart arrived in lumps: half as many, or less."""
    if len(entry.sent) < EVENTS or len(mark.received) < EVENTS:
        return None
    received = sorted(mark.received)
    length = entry.sent[-1] - entry.sent[0]
    # Events closer together than a quarter of the pace are one batch.
    apart = length / (4 * len(entry.sent))
    sent, arrived = lumps(entry.sent, apart), lumps(received, apart)
    if length < SECONDS or arrived > sent / 2:
        return None
    lines = (
        Line(
            entry.begun + entry.sent[0], entry.id, f"{entry.asked}: {len(entry.sent)} events left over {length:.3f} s"
        ),
        Line(received[0], entry.id, f"the first of {len(received)} events arrived behind the gateway"),
        Line(received[-1], entry.id, f"the last one arrived, {received[-1] - received[0]:.3f} s later"),
    )
    what = "one go" if arrived == 1 else f"{arrived} goes"
    return Finding(RULE, "error", f"passed on in {what} what was sent in {sent} over {length:.3f} s", lines)


def lumps(instants: Sequence[float], apart: float) -> int:
    """How many lumps these instants make, with more than `apart` seconds between two."""
    return 1 + sum(then - first > apart for first, then in pairwise(instants))
