"""Schedules of whole and streamed replies, read as lists."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, repeat
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from oagw_tornado.reply import shaping
from oagw_tornado.reply.schedule import Action, Frame, Run, Schedule, Step
from oagw_tornado.reply.shaping import buffered, single_steps
from oagw_tornado.units.latency import ZERO, Fixed, Uniform


def streamed(*arguments: Any) -> Schedule:
    """The schedule of a stream, each event of it a step."""
    return single_steps(shaping.streamed(*arguments))


times = st.floats(0, 10)


def test_a_whole_reply_is_head_and_body_at_one_instant() -> None:
    assert [*buffered(b"body", 0.2)] == [Step(0.2, b"", Action.HEAD), Step(0.2, b"body", Action.END)]


def test_the_events_of_a_stream_are_a_gap_apart() -> None:
    frames = [Frame(b"role", False), Frame(b"a"), Frame(b"b"), Frame(b"finish", False), Frame(b"[DONE]", False)]
    steps = list(streamed(frames, 0.1, 1.0, repeat(0.5)))
    assert [(step.at, step.data, step.action.name) for step in steps] == [
        (0.1, b"", "HEAD"),
        (1.0, b"role", "WRITE"),
        (1.0, b"a", "WRITE"),
        (1.5, b"b", "WRITE"),
        (2.0, b"finish", "WRITE"),
        (2.0, b"[DONE]", "END"),
    ]
    assert [step.content for step in steps] == [0, 0, 1, 1, 0, 0]
    assert [step.events for step in steps] == [0, 1, 1, 1, 1, 1]


def test_the_first_event_never_comes_before_the_head() -> None:
    assert [step.at for step in streamed([Frame(b"a")], 2.0, 1.0, repeat(0.0))] == [2.0, 2.0, 2.0]


def test_a_stream_without_frames_ends_in_order() -> None:
    assert [step.action for step in streamed([], 0, 0, repeat(0.0))] == [Action.HEAD, Action.END]


def test_a_stream_without_end_is_read_as_far_as_it_is_played() -> None:
    taken: list[int] = []

    def frames() -> Iterator[Frame]:
        number = 0
        while True:
            taken.append(number)
            yield Frame(b"%d" % number)
            number += 1

    assert len(list(islice(streamed(frames(), 0, 0, repeat(0.01)), 10))) == 10
    assert len(taken) <= 11


WAITS = st.sampled_from([Fixed(0.0), Fixed(0.25), Uniform(0.0, 1.0)])


@given(
    st.lists(st.builds(Frame, st.binary(max_size=5), st.booleans(), st.none() | WAITS, st.none() | WAITS), max_size=30),
    times,
    times,
    st.lists(times, max_size=5),
)
def test_time_never_goes_back_and_nothing_is_lost(
    frames: list[Frame], head_at: float, first_at: float, gaps: list[float]
) -> None:
    steps = list(streamed(frames, head_at, first_at, iter(gaps + [0.0] * len(frames))))
    assert [step.at for step in steps] == sorted(step.at for step in steps)
    assert steps[0].action is Action.HEAD
    assert steps[-1].action is Action.END
    assert b"".join(step.data for step in steps) == b"".join(frame.data for frame in frames)
    assert sum(step.content for step in steps) == sum(frame.content for frame in frames)


def test_a_frame_may_wait_a_time_of_its_own() -> None:
    slow, own = Fixed(0.3), Fixed(0.01)
    frames = [
        Frame(b"open", False),
        Frame(b"a", True, slow),
        Frame(b"b", True, None, own),
        Frame(b"close", False, ZERO),
        Frame(b"start", False, slow),
        Frame(b"c", True, ZERO),
        Frame(b"d"),
        Frame(b"finish", False),
    ]
    steps = list(streamed(frames, 0.0, 1.0, repeat(0.5)))
    assert [(round(step.at, 6), step.data) for step in steps[1:]] == [
        (0.3, b"open"),
        (0.3, b"a"),
        (0.31, b"b"),
        (0.31, b"close"),
        (0.61, b"start"),
        (0.61, b"c"),
        (1.11, b"d"),
        (1.61, b"finish"),
    ]
    doubled = [step.at for step in streamed(frames, 0.0, 1.0, repeat(1.0), None, 2.0)]
    assert [round(at, 6) for at in doubled[1:6]] == [0.6, 0.6, 0.62, 0.62, 1.22]


def test_content_frames_in_a_row_are_one_run() -> None:
    """So whatever a dialect writes is played on the short path."""
    gap = Fixed(0.25)
    frames = [
        Frame(b"open", False),
        *(Frame(b"a%d" % number) for number in range(5)),
        Frame(b"between", False),
        *(Frame(b"b%d" % number, gap=gap) for number in range(5)),
        Frame(b"c", wait=Fixed(1.0)),
        Frame(b"d"),
    ]
    steps = shaping.streamed(frames, 0.0, 0.0, repeat(0.5))
    found = [[step.at for step in each.steps()] if isinstance(each, Run) else each.data for each in steps]
    assert found == [
        b"",
        b"open",
        [0.0, 0.5, 1.0, 1.5, 2.0],
        b"between",
        [2.75, 3.0, 3.25, 3.5, 3.75],
        b"c",
        [5.25],
        b"",
    ]
