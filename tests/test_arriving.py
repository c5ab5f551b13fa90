"""A body that is still coming, as a schedule: counted by events wherever it is cut, bounded, and subject to faults."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, pairwise, repeat
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oagw_tornado.faults import parse_faults
from oagw_tornado.knobs.vocabulary import Knobs, read_knobs
from oagw_tornado.playback.plan import plan
from oagw_tornado.reply.arriving import MOST_HELD, Arriving, spaced
from oagw_tornado.reply.boundaries import EventBoundaries, LineBoundaries, boundaries_of
from oagw_tornado.reply.reply import EVENT_STREAM, Reply
from oagw_tornado.reply.schedule import Action, Step
from oagw_tornado.reply.sse import decode

BLOCKS = st.sampled_from(
    (b"data: a\n\n", b"data:b\r\n\r\n", b"event: x\ndata: c\n\n", b": ping\n\n", b"id: 5\n\n", b"data\n\n", b"\n",
     b"data: d\r\r", b"data: e\ndata: f\n\n", b"\r\n", b"database: 1\n\n")
)  # fmt: skip


def cut(whole: bytes, at: list[int]) -> Iterator[bytes]:
    places = sorted({min(place, len(whole)) for place in at} | {0, len(whole)})
    yield from (whole[start:end] for start, end in pairwise(places))


@given(st.lists(BLOCKS, max_size=8), st.lists(st.integers(0, 90), max_size=8), st.booleans())
def test_events_are_counted_wherever_they_are_cut(blocks: list[bytes], at: list[int], bom: bool) -> None:
    whole = (b"\xef\xbb\xbf" if bom else b"") + b"".join(blocks)
    boundaries = EventBoundaries()
    found = [boundary for piece in cut(whole, at) for boundary in boundaries.feed(piece)]
    assert sum(each.is_event for each in found) == len(decode(whole))


@given(st.lists(BLOCKS, max_size=8), st.lists(st.integers(0, 90), max_size=8))
def test_whole_events_are_the_same_bytes(blocks: list[bytes], at: list[int]) -> None:
    whole = b"".join(blocks)
    body = Arriving(lambda: 0.0, EventBoundaries())
    for piece in cut(whole, at):
        body.feed(0.0, piece)
    body.end(0.0)
    steps = [step for step in body.events() if step.action is Action.WRITE]
    assert b"".join(step.data for step in steps) == whole
    for step in steps:
        assert step.events == step.content <= 1
    assert sum(step.events for step in steps) == len(decode(whole))


def test_lines_of_documents_are_events_too() -> None:
    boundaries = LineBoundaries()
    found = [[tuple(each) for each in boundaries.feed(piece)] for piece in (b'{"a":1}\n\n{"b"', b":2}\n", b"\n")]
    assert found == [[(8, True), (9, False)], [(4, True)], [(1, False)]]
    assert isinstance(boundaries_of("Application/X-NDJSON; charset=utf-8"), LineBoundaries)
    assert boundaries_of("application/json") is None


def test_what_is_not_taken_is_bounded() -> None:
    body = Arriving(lambda: 0.0)
    told: list[str] = []
    while not body.is_full:
        body.feed(0.0, b"x" * 65536)
    assert MOST_HELD < body.held <= MOST_HELD + 65536
    body.room = lambda: told.append("room")
    steps = body.reads()
    next(steps)
    assert not told
    while body.held > MOST_HELD / 4:
        next(steps)
    assert told == ["room"]


def test_what_nobody_takes_any_more_is_said_once() -> None:
    body = Arriving(lambda: 0.0)
    told: list[str] = []
    body.over = lambda: told.append("over")
    body.feed(0.0, b"x")
    body.abandon()
    body.abandon()
    assert told == ["over"]


def test_events_that_come_faster_are_spaced_and_slower_ones_leave_as_they_come() -> None:
    steps = [Step(at, b"x", Action.WRITE, 1, 1) for at in (0.1, 0.1, 0.1, 0.9)] + [Step(0.9, b"", Action.END)]
    assert [step.at for step in spaced(iter(steps), 0.0, 0.3, repeat(0.2))] == [0.3, 0.5, 0.7, 0.9, 0.9]


def scheduled(pieces: list[tuple[float, bytes]], **given: str) -> list[Step]:
    """The steps of a stream of which each piece comes at its time, as a player would take them."""
    now = 0.0
    body = Arriving(lambda: now, EventBoundaries())
    values: dict[str, Any] = read_knobs({"itl": "0", **{name.replace("_", "-"): text for name, text in given.items()}})
    reply = Reply(200, EVENT_STREAM, frames=(), arriving=body)
    schedule = plan(reply, Knobs(**values), Random(1))
    steps: list[Step] = []
    waiting = list(pieces)
    for step in islice(schedule, 100):
        assert isinstance(step, Step)
        if step.action is not Action.AWAIT:
            steps.append(step)
            now = max(now, step.at)
            continue
        until = step.until
        if waiting and waiting[0][0] <= until:
            at, data = waiting.pop(0)
            now = max(now, at)
            body.feed(at, data)
        elif waiting:
            now = max(now, until) + 1e-9
        else:
            body.end(now)
    return steps


EVENTS = [(0.1, b"data: 1\n\ndata: 2\n\n"), (0.2, b"data: 3\n"), (0.3, b"\ndata: 4\n\n")]


def said(steps: list[Step]) -> list[tuple[float, bytes]]:
    return [(round(step.at, 3), step.data) for step in steps if step.data]


def test_each_read_is_one_write_unless_somebody_wants_to_see_the_events() -> None:
    assert said(scheduled(EVENTS)) == EVENTS
    one_by_one = [(0.1, b"data: 1\n\n"), (0.1, b"data: 2\n\n"), (0.3, b"data: 3\n\n"), (0.3, b"data: 4\n\n")]
    assert said(scheduled(EVENTS, fault="split;bytes=100")) == one_by_one
    assert said(scheduled(EVENTS, itl="1s")) == [(0.1, one_by_one[0][1])] + [
        (1.1 + number, data) for number, (_, data) in enumerate(one_by_one[1:])
    ]
    assert said(scheduled(EVENTS, ttft="2s"))[0] == (2.0, EVENTS[0][1])


def test_a_fault_by_the_clock_strikes_while_the_upstream_is_silent() -> None:
    late = [(0.1, b"data: 1\n\n"), (9.0, b"data: 2\n\n")]
    last = scheduled(late, fault="reset;after=2s")[-1]
    assert (last.action, last.at) == (Action.RESET, 2.0)
    assert said(scheduled(late, keep_alive="3s")) == [
        (0.1, b"data: 1\n\n"), (3.1, b": keep-alive\n\n"), (6.1, b": keep-alive\n\n"), (9.0, b"data: 2\n\n"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("reset;at-event=3", [b"data: 1\n\n", b"data: 2\n\n", b"data: 3\n\n"]),
        ("close;at-event=1", [b"data: 1\n\n"]),
        ("truncate;at-event=2", [b"data: 1\n\n", b"data: 2\n\n"]),
        (
            "duplicate-event;at-event=3",
            [b"data: 1\n\n", b"data: 2\n\n", b"data: 3\n\n", b"data: 4\n\n", b"data: 4\n\n"],
        ),
        ("malformed-event;at-event=1", [b"data: 1\n\n", b"data: {\n\n", b"data: 3\n\n", b"data: 4\n\n"]),
        ("malformed-chunk;at-event=1", [b"data: 1\n\n", b"malformed chunk\r\n\r\n"]),
        ("stall;at-event=3", [b"data: 1\n\n", b"data: 2\n\n", b"data: 3\n\n"]),
        ("empty", []),
    ],
)
def test_a_fault_cuts_within_a_read(fault: str, expected: list[bytes]) -> None:
    assert parse_faults(fault)
    steps = scheduled(EVENTS, fault=fault)
    stalled = next((n for n, step in enumerate(steps) if step.action is Action.STALL), len(steps))
    assert [data for _, data in said(steps[:stalled])] == expected


def test_line_endings_and_joined_writes_hold_for_a_passed_stream() -> None:
    assert said(scheduled(EVENTS, line_ending="crlf"))[0] == (0.1, b"data: 1\r\n\r\n")
    assert said(scheduled(EVENTS, events_per_write="3")) == [
        (0.3, b"data: 1\n\ndata: 2\n\ndata: 3\n\n"), (0.3, b"data: 4\n\n"),
    ]  # fmt: skip
