"""A recorded stream leaves at its recorded offsets, on the player's tight loop."""

from __future__ import annotations

from array import array
from itertools import accumulate, repeat
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oagw_tornado.faults.cuts import Reset
from oagw_tornado.knobs.vocabulary import Knobs
from oagw_tornado.playback.amending import amend
from oagw_tornado.playback.plan import plan
from oagw_tornado.reply.recorded_stream import RecordedStream
from oagw_tornado.reply.reply import EVENT_STREAM, Reply
from oagw_tornado.reply.schedule import Action, Run, Step
from oagw_tornado.reply.shaping import single_steps, streamed
from oagw_tornado.units.latency import Fixed

OFFSETS = array("q", [200, 350, 350, 1_000_000])


def recorded(**given: Any) -> RecordedStream:
    texts = [b"data: %d\n\n" % number for number in range(len(OFFSETS))]
    return RecordedStream(texts, **{"offsets": OFFSETS, "head": 100, "end": 1_000_050, **given})


def planned(stream: RecordedStream, **knobs: Any) -> list[Step]:
    return list(single_steps(plan(Reply(headers=EVENT_STREAM, frames=stream), Knobs(**knobs), Random(1))))


def in_microseconds(steps: list[Step]) -> list[float]:
    return [round(step.at * 1e6, 3) for step in steps]


def test_head_events_and_end_are_due_when_they_were() -> None:
    steps = planned(recorded())
    assert in_microseconds(steps) == [100, 200, 350, 350, 1_000_000, 1_000_050]
    assert [step.action.name for step in steps] == ["HEAD", *["WRITE"] * 4, "END"]
    assert [step.content for step in steps] == [0, 1, 1, 1, 1, 0]


@pytest.mark.parametrize(
    ("speed", "expected"),
    [(10.0, [10, 20, 35, 35, 100_000, 100_005]), (0.5, [200, 400, 700, 700, 2_000_000, 2_000_100]), (0.0, [0] * 6)],
)
def test_the_speed_changes_every_time(speed: float, expected: list[float]) -> None:
    assert in_microseconds(planned(recorded(speed=speed))) == expected


def test_it_ends_as_it_did() -> None:
    last = planned(recorded(ending=Action.RESET, outcome="fault:reset"))[-1]
    assert (last.action, last.outcome) == (Action.RESET, "fault:reset")


def test_what_was_not_recorded_is_as_the_knobs_have_it() -> None:
    times = Knobs(header_delay=Fixed(0.5), time_to_first_token=Fixed(0.6), inter_token_latency=Fixed(0.1))
    reply = Reply(headers=EVENT_STREAM, frames=recorded(head=None, offsets=None, end=None))
    steps = list(single_steps(plan(reply, times, Random(1))))
    assert [round(step.at, 6) for step in steps] == [0.5, 0.6, 0.7, 0.8, 0.9, 0.9]


def test_a_first_event_of_another_time_moves_all_that_follow() -> None:
    assert in_microseconds(planned(recorded(first=1_000))) == [100, 1_000, 1_150, 1_150, 1_000_800, 1_000_850]


def test_there_may_be_no_event_at_all() -> None:
    steps = planned(RecordedStream((), array("q"), head=10, end=30))
    assert in_microseconds(steps) == [10, 30]


def test_at_a_gate_nothing_waits_for_its_recorded_time() -> None:
    assert {step.at for step in planned(recorded(), gate="g")} == {0.0}


def test_a_fault_strikes_among_recorded_events_too() -> None:
    steps = planned(recorded(), fault=(Reset(at_event=2),))
    assert [step.action.name for step in steps] == ["HEAD", "WRITE", "WRITE", "RESET"]
    assert in_microseconds(steps)[-1] == 350


def test_its_line_ends_can_be_changed_and_its_times_stay() -> None:
    knobs = Knobs(line_ending="crlf")
    reply, knobs = amend(Reply(headers=EVENT_STREAM, frames=recorded()), knobs)
    steps = list(single_steps(plan(reply, knobs, Random(1))))
    assert steps[1].data == b"data: 0\r\n\r\n"
    assert in_microseconds(steps)[-2:] == [1_000_000, 1_000_050]


def test_its_events_are_one_run() -> None:
    kinds = [type(step) for step in streamed(recorded(), 0.0, 0.0, repeat(0.0))]
    assert kinds == [Step, Run, Step]


@given(st.lists(st.integers(0, 10_000_000), min_size=1, max_size=300), st.sampled_from([1.0, 3.0, 10.0, 0.1]))
def test_the_last_event_is_as_exact_as_the_first(gaps: list[int], speed: float) -> None:
    offsets = array("q", accumulate(gaps))
    stream = RecordedStream(repeat(b"x", len(gaps)), offsets, head=0, speed=speed)
    events = [step for step in single_steps(streamed(stream, 0.0, 0.0, repeat(0.0))) if step.content]
    assert all(abs(step.at - at / 1e6 / speed) < 1e-8 for step, at in zip(events, offsets, strict=True))
