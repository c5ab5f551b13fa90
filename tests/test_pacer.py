"""One wheel for all: never early, in order, at most a slot late, and nothing woken for nothing."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

import oagw_tornado.playback.pacer
import oagw_tornado.playback.timer
from oagw_tornado.playback.pacer import (
    FINEST,
    LONGEST_SHARE,
    LONGEST_TURN,
    WAKE_UPS_A_SECOND,
    WIDEST,
    Pacer,
    width_for,
)
from oagw_tornado.wire.turn import Turn

RESOLUTION = 0.0005


class Clock:
    """A clock that stands still until it is told, and the timer that goes by it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.armed: float | None = None
        self.settings = 0
        self.closed = False

    def timer(self, loop: object, wake: Callable[[], None]) -> Clock:
        self.wake = wake
        return self

    def arm(self, when: float) -> None:
        self.armed = when
        self.settings += 1

    def disarm(self) -> None:
        self.armed = None

    def close(self) -> None:
        self.closed = True

    def run_until(self, end: float, late: float = 0.0) -> None:
        while self.armed is not None and self.armed <= end:
            self.now = max(self.now, self.armed + late)
            self.wake()
        self.now = max(self.now, end)


class Note:
    """Something that is played: it notes when."""

    def __init__(self, clock: Clock, when: float, log: list[Note]) -> None:
        self.slot = 0
        self.when = when
        self.played: list[float] = []
        self.failed = 0
        self.then: Callable[[], None] = lambda: None
        self._clock = clock
        self._log = log

    def play(self) -> None:
        self.played.append(self._clock.now)
        self._log.append(self)
        self.then()

    def fail(self) -> None:
        self.failed += 1


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(oagw_tornado.playback.pacer, "new_timer", clock.timer)
    monkeypatch.setattr(oagw_tornado.playback.pacer, "monotonic", lambda: clock.now)
    return clock


@pytest.fixture
def pacer(clock: Clock) -> Pacer:
    return Pacer(None, RESOLUTION)  # type: ignore[arg-type]


OFFSETS = st.lists(st.floats(0, 2, allow_subnormal=False), max_size=30)


@pytest.mark.parametrize(
    ("rate", "microseconds"),
    [
        (0, 50),  # one stream: each event has its wake-up
        (2_000, 50),  # a hundred streams of 20 events a second: still hardly two events in a slot
        (4_400, 50),
        (4_500, 100),
        (7_000, 200),
        (10_000, 250),  # from here on an event costs what a wake-up does, or less
        (1e9, 250),
    ],
)
def test_the_width_of_slots_follows_the_load(rate: float, microseconds: int) -> None:
    assert round(width_for(rate) * 1e6) == microseconds


@given(st.floats(0, 1e7))
def test_no_more_slots_are_in_use_than_are_worth_it(rate: float) -> None:
    width = width_for(rate)
    assert FINEST <= width <= WIDEST
    assert (1 - math.exp(-rate * width)) / width <= WAKE_UPS_A_SECOND * 1.0001
    assert width == FINEST or (1 - math.exp(-rate * (width - FINEST))) / (width - FINEST) > WAKE_UPS_A_SECOND


def test_slots_grow_wider_and_finer_while_events_wait(clock: Clock) -> None:
    """None of which is early for it, in the wrong order, or later than the widest slot."""
    pacer = Pacer(None)  # type: ignore[arg-type]
    log: list[Note] = []
    notes = [Note(clock, clock.now + number * gap, log) for gap in (1e-4, 0.01, 1e-4) for number in range(10_000)]
    widths = set()
    for note in notes:
        note.then = lambda: widths.add(round(pacer.resolution * 1e6))
        # As they come: a stream asks for its next event when it has sent the last one.
        pacer.at(note.when, note)
    late = Note(clock, clock.now + 1.5, log)
    late.then = lambda: pacer.at(late.when + 0.00001, late) if len(late.played) < 2 else None
    pacer.at(late.when, late)
    clock.run_until(clock.now + 200)
    assert widths == {50, 250}
    assert all(0 < note.played[0] - note.when <= WIDEST + 1e-6 for note in notes)
    assert [note.slot for note in log if note is not late] == sorted(note.slot for note in notes)
    assert 0 < late.played[1] - late.when <= 2 * WIDEST


@given(OFFSETS, st.floats(0, 0.01), st.sampled_from([0.0001, 0.0005, 0.001, 0.01, 1 / 3]))
def test_never_early_in_order_and_at_most_a_slot_late(offsets: list[float], late: float, resolution: float) -> None:
    with pytest.MonkeyPatch.context() as patch:
        clock = Clock()
        patch.setattr(oagw_tornado.playback.pacer, "new_timer", clock.timer)
        patch.setattr(oagw_tornado.playback.pacer, "monotonic", lambda: clock.now)
        pacer = Pacer(None, resolution)  # type: ignore[arg-type]
        log: list[Note] = []
        notes = [Note(clock, clock.now + offset, log) for offset in offsets]
        for note in notes:
            pacer.at(note.when, note)
        assert pacer.waiting == len(notes)
        clock.run_until(clock.now + 10, late)
    assert all(len(note.played) == 1 for note in notes)
    for note in notes:
        assert note.when < note.played[0] <= note.when + resolution + late + 1e-6
    slots = [note.slot for note in log]
    assert slots == sorted(slots)
    assert pacer.waiting == 0
    assert clock.armed is None


def test_one_slot_costs_one_wake_up(clock: Clock, pacer: Pacer) -> None:
    log: list[Note] = []
    for _ in range(1000):
        note = Note(clock, clock.now + 0.1, log)
        pacer.at(note.when, note)
    assert clock.settings == 1
    turns: list[int] = []
    pacer.after_turn = lambda: turns.append(len(log))
    clock.run_until(clock.now + 1)
    assert turns == [1000]


def test_an_earlier_wish_comes_first_and_a_later_one_does_not_wind_the_timer(clock: Clock, pacer: Pacer) -> None:
    log: list[Note] = []
    for offset, settings in ((0.5, 1), (0.9, 1), (0.2, 2), (0.3, 2)):
        note = Note(clock, clock.now + offset, log)
        pacer.at(note.when, note)
        assert clock.settings == settings
    clock.run_until(clock.now + 1)
    assert [round(note.when - 1000, 1) for note in log] == [0.2, 0.3, 0.5, 0.9]


def test_what_is_cancelled_is_not_played_and_wakes_nobody(clock: Clock, pacer: Pacer) -> None:
    log: list[Note] = []
    notes = [Note(clock, clock.now + offset, log) for offset in (0.1, 0.1, 0.2, 0.3)]
    for note in notes:
        pacer.at(note.when, note)
    for note in notes[1:3]:
        pacer.cancel(note)
        pacer.cancel(note)  # twice is as good as once
    assert pacer.waiting == 2
    clock.run_until(clock.now + 0.25)
    assert log == [notes[0]]
    assert clock.armed is not None
    assert clock.armed > 1000.3
    pacer.cancel(notes[3])
    clock.run_until(clock.now + 1)
    assert log == [notes[0]]
    assert clock.armed is None


def test_what_is_played_may_ask_again(clock: Clock, pacer: Pacer) -> None:
    log: list[Note] = []
    note = Note(clock, clock.now + 0.1, log)

    def again() -> None:
        if len(note.played) < 5:
            pacer.at(note.when + len(note.played) * 0.1, note)

    note.then = again
    pacer.at(note.when, note)
    clock.run_until(clock.now + 1)
    assert [round(at - 1000, 2) for at in note.played] == [0.1, 0.2, 0.3, 0.4, 0.5]


def test_what_is_overdue_waits_for_the_next_turn(clock: Clock, pacer: Pacer) -> None:
    """So that the loop gets to read and to accept between the turns of a server that runs behind."""
    log: list[Note] = []
    note = Note(clock, clock.now, log)
    note.then = lambda: pacer.at(clock.now, note) if len(note.played) < 3 else None
    pacer.at(note.when, note)
    turns: list[int] = []
    pacer.after_turn = lambda: turns.append(len(note.played))
    clock.run_until(clock.now + 1)
    assert len(note.played) == 3
    assert turns == [1, 2, 3]


def test_one_that_fails_harms_no_other(clock: Clock, pacer: Pacer, caplog: pytest.LogCaptureFixture) -> None:
    log: list[Note] = []
    notes = [Note(clock, clock.now + 0.1, log) for _ in range(3)]

    def fail() -> None:
        raise RuntimeError("on purpose")

    notes[1].then = fail
    later = Note(clock, clock.now + 0.2, log)
    for note in (*notes, later):
        pacer.at(note.when, note)
    with caplog.at_level(logging.ERROR):
        clock.run_until(clock.now + 1)
    assert log == [*notes, later]
    assert [note.failed for note in (*notes, later)] == [0, 1, 0, 0]
    assert "on purpose" in caplog.text


def test_what_fails_at_the_end_of_a_turn_stops_no_stream(
    clock: Clock, pacer: Pacer, caplog: pytest.LogCaptureFixture
) -> None:
    log: list[Note] = []
    notes = [Note(clock, clock.now + 0.1 * number, log) for number in range(1, 4)]
    for note in notes:
        pacer.at(note.when, note)

    def fail() -> None:
        raise RuntimeError("on purpose")

    pacer.after_turn = fail
    with caplog.at_level(logging.ERROR):
        clock.run_until(clock.now + 1)
    assert log == notes
    assert "on purpose" in caplog.text


def test_what_fails_to_end_stops_no_other_stream(clock: Clock, pacer: Pacer, caplog: pytest.LogCaptureFixture) -> None:
    log: list[Note] = []
    notes = [Note(clock, clock.now + 0.1 * number, log) for number in range(1, 4)]

    def fail() -> None:
        raise RuntimeError("on purpose")

    notes[0].then = notes[0].fail = fail  # type: ignore[method-assign]
    for note in notes:
        pacer.at(note.when, note)
    with caplog.at_level(logging.ERROR):
        clock.run_until(clock.now + 1)
    assert log == notes
    assert "on purpose" in caplog.text


def test_a_turn_ends_and_the_rest_of_a_slot_comes_first_in_the_next(clock: Clock, pacer: Pacer) -> None:
    """However many are due, the loop reads, accepts and notices who left in between."""
    log: list[Note] = []
    notes = [Note(clock, clock.now + 0.1, log) for _ in range(10)]
    later = Note(clock, clock.now + 0.1 + RESOLUTION, log)
    for note in (*notes, later):
        pacer.at(note.when, note)

    def work() -> None:
        clock.now += LONGEST_TURN / 2

    for note in notes:
        note.then = work
    turns: list[int] = []
    pacer.after_turn = lambda: turns.append(len(log))
    clock.run_until(clock.now + 1)
    assert log == [*notes, later]
    assert turns[0] in (2, 3)
    assert len(turns) >= 4


def test_between_two_requests_what_is_due_has_a_share(clock: Clock) -> None:
    """Events leave before requests that were read with them; but these are not held up for long either."""
    turn = Turn()
    pacer = Pacer(None, RESOLUTION, turn)  # type: ignore[arg-type]
    log: list[Note] = []
    notes = [Note(clock, clock.now + 0.1, log) for _ in range(10)]

    def work() -> None:
        clock.now += LONGEST_SHARE / 2

    for note in notes:
        note.then = work
        pacer.at(note.when, note)
    assert clock.now + 0.1 < turn.due <= clock.now + 0.1 + RESOLUTION
    clock.now = turn.due
    turn.play()
    assert len(log) in (2, 3)
    assert turn.due <= clock.now
    while turn.due <= clock.now:
        turn.play()
    assert log == notes
    assert turn.due == float("inf")


def test_closed_it_plays_nothing(clock: Clock, pacer: Pacer) -> None:
    pacer.at(clock.now + 0.1, Note(clock, 0, []))
    pacer.close()
    assert clock.closed
    assert pacer.waiting == 0
